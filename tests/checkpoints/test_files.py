"""What a file holds, comes back; what is not the same run, is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.errors import DataError, NervaError
from nerva_py.network.outputs import Pointwise, make_output
from nerva_py.training import JSONLinesLogger

from .runs import LAYERS, RUNS, SIZES, assert_same_networks, images, mini

NETWORKS = {
    "every layer": (LAYERS, {"layer_densities": [0.2, 0.6, 1.0], "dropouts": [0.1, 0.0, 0.0]}),
    "activations": ("AllReLU(0.3);LeakyReLU(0.1);Softmax", {"overall_density": 0.1}),
    "float64": ("TReLU;HyperbolicTangent;LogSoftmax", {"dtype": np.float64}),
    "scipy": ("ReLU;Sigmoid;Linear", {"overall_density": 0.1, "backend": "scipy"}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_comes_back_bit_for_bit(name, tmp_path):
    layers, options = NETWORKS[name]
    network = nv.mlp(layers, SIZES, seed=1, **options)
    X = np.random.default_rng(0).standard_normal((50, 64)).astype(network.dtype)
    for layer in network.layers:
        if isinstance(layer, nv.network.BatchNormLayer):
            layer.mean += 0.5
    path = tmp_path / "n.npz"
    nv.save(network, path)
    first = path.read_bytes()
    again = nv.load(path)
    np.testing.assert_array_equal(again.predict(X), network.predict(X))
    assert again.layers[0].W.value.backend.name == network.layers[0].W.value.backend.name if name == "scipy" else True
    nv.save(again, path)
    assert path.read_bytes() == first, "equal networks are equal files"
    assert_same_networks(again, network)


def test_an_activation_after_batch_normalization_comes_back(tmp_path):
    network = nv.mlp("Linear;BatchNormalization;Linear", SIZES[:1] + SIZES[-2:], layer_densities=[0.2, 1.0], seed=1)
    network.layers.insert(2, nv.network.ActivationLayer(make_output("LeakyReLU(0.2)")))
    nv.save(network, tmp_path / "n.npz")
    again = nv.load(tmp_path / "n.npz")
    X = np.random.default_rng(0).standard_normal((50, SIZES[0])).astype(np.float32)
    np.testing.assert_array_equal(again.predict(X), network.predict(X))
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in network.layers]


def test_numpy_reads_it_too(tmp_path):
    network = nv.mlp("ReLU;Linear", [8, 5, 3], overall_density=0.3, seed=1)
    nv.save(network, tmp_path / "n.npz")
    with np.load(tmp_path / "n.npz", allow_pickle=False) as file:
        W = network.layers[0].W.value
        np.testing.assert_array_equal(file["network.layers.0.arguments.W.data"], W.data)
        np.testing.assert_array_equal(file["network.layers.0.arguments.W.indices"], W.support.indices)
        description = json.loads(file["checkpoint.json"])
    assert (description["format"], description["version"]) == ("nerva_py checkpoint", 3)


def test_a_backend_is_chosen_when_loading(tmp_path):
    nv.save(nv.mlp("ReLU;Linear", [8, 5, 3], overall_density=0.3), tmp_path / "n.npz")
    assert nv.load(tmp_path / "n.npz", backend="scipy").layers[0].W.value.backend.name == "scipy"


def test_raw_samples_are_normalised_as_those_it_learnt_from(data, tmp_path):
    network = nv.mlp("ReLU;Linear", [64, 20, 10], seed=1)
    nv.train(network, data, epochs=1, callbacks=[nv.ModelCheckpoint(tmp_path / "n.npz")])
    checkpoint = nv.training.read_checkpoint(tmp_path / "n.npz")
    Y = checkpoint.predict(data.Xtest)
    accuracy = float(np.mean(Y.argmax(axis=1) == data.Ttest))
    assert accuracy == checkpoint.history[-1].test_accuracy
    raw = data.Xtest * data.scale + data.shift
    np.testing.assert_allclose(Y, network.predict(raw), rtol=1e-4, atol=1e-5)
    assert (checkpoint.data.name, checkpoint.data.num_classes, checkpoint.data.image_shape) == ("arrays", 10, (1, 8, 8))
    nv.save(network, tmp_path / "m.npz", data=data)
    np.testing.assert_array_equal(nv.training.read_checkpoint(tmp_path / "m.npz").predict(data.Xtest), Y)
    with pytest.raises(NervaError, match=r"X must be a matrix with 64 columns, not of shape \(30, 63\)"):
        checkpoint.predict(data.Xtest[:, 1:])


def test_measures_of_ones_own_are_kept(tmp_path):
    class Measure(nv.Callback):
        def on_epoch_end(self, run, epoch):
            epoch.measures["mine"] = {
                "a.b": np.float32(0.1),
                "a": {"b": np.arange(3), "ä/ö": np.eye(2)},
                "n": [None, "x", 2],
            }

    path = tmp_path / "run.npz"
    history = nv.train(
        nv.mlp("ReLU;Linear", [8, 5, 3]), mini(), epochs=2, callbacks=[Measure(), nv.ModelCheckpoint(path)], seed=1
    )
    mine = nv.training.read_checkpoint(path).history[1].measures["mine"]
    assert mine["a.b"] == history[1].measures["mine"]["a.b"]
    np.testing.assert_array_equal(mine["a"]["b"], np.arange(3))
    np.testing.assert_array_equal(mine["a"]["ä/ö"], np.eye(2))
    assert mine["n"] == [None, "x", 2]


def test_what_cannot_be_kept(tmp_path):
    class Measure(nv.Callback):
        def on_epoch_end(self, run, epoch):
            epoch.measures["mine"] = {"set": {1, 2}}

    network = nv.mlp("ReLU;Linear", [8, 5, 3])
    with pytest.raises(NervaError, match=r"measure 'mine\.set' must be a number, .* not \{1, 2\} \(a set\)"):
        nv.train(network, mini(), epochs=1, callbacks=[Measure(), nv.ModelCheckpoint(tmp_path / "r.npz")])
    own = nv.mlp("ReLU;Linear", [8, 5, 3])
    own.layers[0].output = Pointwise(nv.equations.activations.Activation("ReLU", np.sin, np.cos))
    with pytest.raises(NervaError, match="layer 1, Linear, cannot be saved: its output 'ReLU' is of your own"):
        nv.save(own, tmp_path / "r.npz")
    network.layers[0].W.vector[0] = np.nan
    with pytest.raises(NervaError, match="W1 has values that are not finite"):
        nv.save(network, tmp_path / "r.npz")
    with pytest.raises(NervaError, match=r"the call is save\(network, path\)"):
        nv.save(tmp_path / "r.npz", network)
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_went_wrong_does_not_replace_a_good_one(tmp_path):
    class Break(nv.Callback):
        def on_step_end(self, run):
            if run.t == 4:
                run.network.layers[0].b.vector[1] = np.inf

    path = tmp_path / "run.npz"
    with pytest.raises(
        nv.errors.DivergedError, match=r"b1 is not finite after step 1 of epoch 2; .*run\.npz remains that of epoch 1"
    ):
        nv.train(
            nv.mlp("ReLU;Linear", [8, 5, 3], seed=1), mini(), epochs=9, batch_size=40, seed=1,
            callbacks=[Break(), nv.ModelCheckpoint(path, 1)],
        )  # fmt: skip
    assert nv.training.read_checkpoint(path).training["t"] == 3


def test_the_best_only(tmp_path):
    class Measure(nv.Callback):
        def on_epoch_end(self, run, epoch):
            epoch.measures["m"] = [3.0, 1.0, 2.0, 1.5][epoch.epoch - 1]

    path = tmp_path / "best.npz"
    callback = nv.ModelCheckpoint(path, monitor="m", mode="min")
    nv.train(nv.mlp("ReLU;Linear", [8, 5, 3]), mini(), epochs=4, callbacks=[Measure(), callback])
    assert callback.saved_epoch == 2
    assert len(nv.training.read_checkpoint(path).history) == 2
    with pytest.raises(NervaError, match="every must be left out, not 5"):
        nv.ModelCheckpoint(path, 5, monitor="m", mode="min")
    with pytest.raises(NervaError, match="there is no directory"):
        nv.ModelCheckpoint(tmp_path / "no" / "x.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 30}, "batch_size is 30, but its run has 20"),
        ({"seed": 6}, "seed is 6, but its run has 5"),
        ({"shuffle": False}, "shuffle is False, but its run has True"),
        ({"loss": "SquaredError"}, "loss is 'SquaredError', but its run has 'SoftmaxCrossEntropy'"),
        ({"augmentation": nv.data.CropFlip(1)}, r"augmentation is 'CropFlip\(pad=1, flip=True\)', but its run has None"),
        ({"optimizer": "Nesterov(0.8)"}, r"the optimizer is Nesterov with constants \[0.8\].* has Nesterov with .*0.9"),
        ({"optimizer": "Adam"}, "the optimizer is Adam .*but its run has Nesterov"),
        ({"learning_rate": 0.5}, "the learning rate of epoch 1 is 0.5, but was 0.02 in its run"),
        ({"method": None}, "its run has the callback DynamicTopology, which is not given"),
        ({"method": "SET(0.3)"}, "the method is SET; its run has RigL"),
        ({"method": "RigL(0.2, every=7, batches=3, stop=0.9)"}, r"the method is RigL with drop = \['Magnitude', 0.2\]"),
        ({"network": {"layer_densities": [0.3, 0.6, 1.0]}}, "its run began with layers of"),
        ({"network": {"layers": "ReLU;ReLU;Linear"}}, "its network is MLP.*, the one that is given MLP"),
        ({"network": {"dtype": np.float64}}, "float32.*, the one that is given .*float64"),
        ({"network": {"dropouts": [0.5, 0.0, 0.2]}}, "its network is"),
        ({"data": "others"}, "its run has learnt from 180 samples .* are others"),
        ({"data": "fewer"}, "its epochs have 9 steps|others"),
        ({"data": "mini"}, "network has 64 inputs, but a sample of 'mini' has 8 features"),
    ],
    ids=str,
)  # fmt: skip
def test_another_run_is_refused(run, data, change, message):
    original, _ = run
    options = {key: value for key, value in change.items() if key not in ("network", "data", "method")}
    wanted = change.get("network", {})
    rest = {key: value for key, value in wanted.items() if key != "layers"}
    network = nv.mlp(
        wanted.get("layers", LAYERS), SIZES, seed=3,
        **{"layer_densities": [0.2, 0.6, 1.0], "dropouts": [0.1, 0.0, 0.2]} | rest,
    )  # fmt: skip
    others = {
        None: data, "others": images(np.random.default_rng(1)), "fewer": images(np.random.default_rng(0), 100), "mini": mini()
    }  # fmt: skip
    method = change.get("method", "RigL(0.3, every=7, batches=3, stop=0.9)")
    given = {"epochs": 4, "batch_size": 20, "learning_rate": 0.02, "seed": 5} | options
    with pytest.raises(NervaError, match=message):
        nv.train(
            network, others[change.get("data")], **given, resume=original,
            callbacks=[nv.EarlyStopping("test_loss"), *([] if method is None else [nv.method(method)])],
        )  # fmt: skip


def test_a_network_alone_cannot_be_resumed(tmp_path):
    network = nv.mlp("ReLU;Linear", [8, 5, 3])
    nv.save(network, tmp_path / "n.npz")
    with pytest.raises(DataError, match="holds a network, but no run to resume"):
        nv.train(network, mini(), epochs=1, resume=tmp_path / "n.npz")


def test_a_log_goes_on_where_the_checkpoint_is(data, tmp_path):
    path, log = tmp_path / "run.npz", tmp_path / "log.jsonl"

    class Fail(nv.Callback):
        order = 1000

        def on_epoch_end(self, run, epoch):
            if epoch.epoch == 3:
                raise RuntimeError

    one = RUNS["plain"]
    log.write_text('{"epoch": 1, "of": "another run"}\n')
    with pytest.raises(RuntimeError):
        one.train(one.network(), data, [JSONLinesLogger(log), nv.ModelCheckpoint(path, "2 epochs"), Fail()])
    assert [json.loads(line)["epoch"] for line in log.read_text().splitlines()] == [1, 1, 2, 3]
    one.train(one.network(), data, [JSONLinesLogger(log), nv.ModelCheckpoint(path, "2 epochs")], resume=path)
    assert [json.loads(line)["epoch"] for line in log.read_text().splitlines()] == [1, 1, 2, 3, 4]
    with log.open("a") as file:
        file.write("a remark\n")
    one.train(one.network(), data, [JSONLinesLogger(log)], resume=path, epochs=5)
    assert log.read_text().splitlines()[-2] == "a remark", "what is not of these epochs stays"
