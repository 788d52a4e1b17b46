"""What a file holds, and that no damage goes unseen, nothing in it is executed, and every error names the file."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.checkpoints import container
from nerva_py.checkpoints.generators import build_generator, generator_tree
from nerva_py.errors import DataError, NervaError
from nerva_py.network.outputs import Pointwise
from nerva_py.training import JSONLinesLogger

from .fuzzing import damaged, forged
from .runs import LAYERS, RUNS, SIZES, assert_same_networks, images, mini, numbers, threads

# NERVA_FUZZ=10000 python -m pytest tests/checkpoints/test_files.py
FUZZ = int(os.environ.get("NERVA_FUZZ", "400"))
NETWORKS = {
    "every layer": (LAYERS, {"layer_densities": [0.2, 0.6, 1.0], "dropouts": [0.1, 0.0, 0.0]}),
    "activations": ("AllReLU(0.3);LeakyReLU(0.1);Softmax", {"overall_density": 0.1}),
    "float64": ("TReLU;HyperbolicTangent;LogSoftmax", {"dtype": np.float64}),
    "scipy": ("ReLU;Sigmoid;Linear", {"overall_density": 0.1, "backend": "scipy"}),
}


@pytest.fixture(scope="module")
def data():
    return images(np.random.default_rng(0))


@pytest.fixture(scope="module")
def run(data, tmp_path_factory) -> tuple[Path, bytes]:
    """A checkpoint of a run with everything, in the middle of an epoch."""
    path = tmp_path_factory.mktemp("run") / "run.npz"
    one, network = RUNS["RigL"], RUNS["RigL"].network()
    stopping = nv.EarlyStopping("test_loss")
    one.train(network, data, [nv.ModelCheckpoint(path, "5 steps", notes={"of": "a test"}), stopping], epochs=1)
    one.train(
        RUNS["RigL"].network(), data, [nv.ModelCheckpoint(path, "13 steps"), nv.EarlyStopping("test_loss"), Stop()]
    )
    return path, path.read_bytes()


class Stop(nv.Callback):
    def on_step_end(self, state):
        if state.t == 14:
            raise KeyboardInterrupt


# ------------------------------------------------------------------------------------------------------------ contents


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_comes_back_bit_for_bit(name, tmp_path):
    layers, options = NETWORKS[name]
    network = nv.mlp(layers, SIZES, seed=1, **options)
    X = np.random.default_rng(0).standard_normal((50, 64)).astype(network.dtype)
    for layer in network.layers:
        if isinstance(layer, nv.BatchNormLayer):
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


def test_numpy_reads_it_too(tmp_path):
    network = nv.mlp("ReLU;Linear", [8, 5, 3], overall_density=0.3, seed=1)
    nv.save(network, tmp_path / "n.npz")
    with np.load(tmp_path / "n.npz", allow_pickle=False) as file:
        W = network.layers[0].W.value
        np.testing.assert_array_equal(file["network.layers.0.W.data"], W.data)
        np.testing.assert_array_equal(file["network.layers.0.W.indices"], W.support.indices)
        description = json.loads(file["checkpoint.json"])
    assert (description["format"], description["version"]) == ("nerva_py checkpoint", 1)


def test_a_backend_is_chosen_when_loading(tmp_path):
    nv.save(nv.mlp("ReLU;Linear", [8, 5, 3], overall_density=0.3), tmp_path / "n.npz")
    assert nv.load(tmp_path / "n.npz", backend="scipy").layers[0].W.value.backend.name == "scipy"


def test_raw_samples_are_normalised_as_those_it_learnt_from(data, tmp_path):
    network = nv.mlp("ReLU;Linear", [64, 20, 10], seed=1)
    nv.train(network, data, epochs=1, callbacks=[nv.ModelCheckpoint(tmp_path / "n.npz")])
    checkpoint = nv.read_checkpoint(tmp_path / "n.npz")
    Y = checkpoint.predict(data.Xtest)
    accuracy = float(np.mean(Y.argmax(axis=1) == data.Ttest))
    assert accuracy == checkpoint.history[-1].test_accuracy
    raw = data.Xtest * data.scale + data.shift
    np.testing.assert_allclose(Y, network.predict(raw), rtol=1e-4, atol=1e-5)
    assert (checkpoint.data.name, checkpoint.data.num_classes, checkpoint.data.image_shape) == ("arrays", 10, (1, 8, 8))
    nv.save(network, tmp_path / "m.npz", data=data)
    np.testing.assert_array_equal(nv.read_checkpoint(tmp_path / "m.npz").predict(data.Xtest), Y)
    with pytest.raises(NervaError, match=r"X must be a matrix with 64 columns, not of shape \(30, 63\)"):
        checkpoint.predict(data.Xtest[:, 1:])


def test_measures_of_ones_own_are_kept(tmp_path):
    class Measure(nv.Callback):
        def on_epoch_end(self, state, epoch):
            epoch.measures["mine"] = {
                "a.b": np.float32(0.1),
                "a": {"b": np.arange(3), "ä/ö": np.eye(2)},
                "n": [None, "x", 2],
            }

    path = tmp_path / "run.npz"
    history = nv.train(
        nv.mlp("ReLU;Linear", [8, 5, 3]), mini(), epochs=2, callbacks=[Measure(), nv.ModelCheckpoint(path)], seed=1
    )
    mine = nv.read_checkpoint(path).history[1].measures["mine"]
    assert mine["a.b"] == history[1].measures["mine"]["a.b"]
    np.testing.assert_array_equal(mine["a"]["b"], np.arange(3))
    np.testing.assert_array_equal(mine["a"]["ä/ö"], np.eye(2))
    assert mine["n"] == [None, "x", 2]


def test_what_cannot_be_kept(tmp_path):
    class Measure(nv.Callback):
        def on_epoch_end(self, state, epoch):
            epoch.measures["mine"] = {"set": {1, 2}}

    network = nv.mlp("ReLU;Linear", [8, 5, 3])
    with pytest.raises(
        NervaError, match=r"training\.history\.0\.measures\.mine\.set: set cannot be kept in a checkpoint"
    ):
        nv.train(network, mini(), epochs=1, callbacks=[Measure(), nv.ModelCheckpoint(tmp_path / "r.npz")])
    own = nv.mlp("ReLU;Linear", [8, 5, 3])
    own.layers[0].output = Pointwise(nv.equations.activations.Activation("ReLU", np.sin, np.cos))
    with pytest.raises(NervaError, match="layer 1 has the output 'ReLU' of your own"):
        nv.save(own, tmp_path / "r.npz")
    network.layers[0].W.vector[0] = np.nan
    with pytest.raises(NervaError, match="W1 has values that are not finite"):
        nv.save(network, tmp_path / "r.npz")
    with pytest.raises(NervaError, match=r"the call is save\(network, path\)"):
        nv.save(tmp_path / "r.npz", network)
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_went_wrong_does_not_replace_a_good_one(tmp_path):
    class Break(nv.Callback):
        def on_step_end(self, state):
            if state.t == 4:
                state.network.layers[0].b.vector[1] = np.inf

    path = tmp_path / "run.npz"
    with pytest.raises(
        nv.DivergedError, match=r"b1 is not finite after step 1 of epoch 2; .*run\.npz remains that of epoch 1"
    ):
        nv.train(
            nv.mlp("ReLU;Linear", [8, 5, 3], seed=1), mini(), epochs=9, batch_size=40, seed=1,
            callbacks=[Break(), nv.ModelCheckpoint(path, 1)],
        )  # fmt: skip
    assert nv.read_checkpoint(path).training["t"] == 3


def test_the_best_only(tmp_path):
    class Measure(nv.Callback):
        def on_epoch_end(self, state, epoch):
            epoch.measures["m"] = [3.0, 1.0, 2.0, 1.5][epoch.epoch - 1]

    path = tmp_path / "best.npz"
    callback = nv.ModelCheckpoint(path, monitor="m", mode="min")
    nv.train(nv.mlp("ReLU;Linear", [8, 5, 3]), mini(), epochs=4, callbacks=[Measure(), callback])
    assert callback.saved_epoch == 2
    assert len(nv.read_checkpoint(path).history) == 2
    with pytest.raises(NervaError, match="every must be left out, not 5"):
        nv.ModelCheckpoint(path, 5, monitor="m", mode="min")
    with pytest.raises(NervaError, match="there is no directory"):
        nv.ModelCheckpoint(tmp_path / "no" / "x.npz")


# -------------------------------------------------------------------------------------------------------- other files


def other_files(tmp_path: Path) -> dict[str, tuple[bytes, str]]:
    """Contents, and what the error says."""
    network = nv.mlp("ReLU;Linear", [8, 5, 3], overall_density=0.3)
    nv.save_weights(tmp_path / "w.npz", network)
    nv.save_npz(tmp_path / "d.npz", mini())
    np.savez_compressed(tmp_path / "c.npz", a=np.zeros(9))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("checkpoint.json", json.dumps({"format": "nerva_py checkpoint", "version": 1}))
    nv.save(network, tmp_path / "n.npz")
    good = (tmp_path / "n.npz").read_bytes()
    return {
        "weights": (
            (tmp_path / "w.npz").read_bytes(),
            "not a checkpoint .* It holds weights: read them with load_weights",
        ),
        "data": ((tmp_path / "d.npz").read_bytes(), "not a checkpoint .* It holds a data set: read it with load_npz"),
        "npz": ((tmp_path / "c.npz").read_bytes(), "not a checkpoint of nerva_py, but an archive with the entries a"),
        "empty": (b"", "not a checkpoint, or truncated"),
        "text": (b"no zip at all" * 99, "not a checkpoint, or truncated"),
        "pickle": (pickle.dumps({"a": 1}), "not a checkpoint, or truncated"),
        "compressed": (archive.getvalue(), "'checkpoint.json' is compressed"),
        "half": (good[: len(good) // 2], "not a checkpoint, or truncated"),
        "a changed weight": (_changed(good), "corrupt|Bad CRC"),
    }


def _changed(good: bytes) -> bytes:
    place = good.index(b"network.layers.0.W.data.npy") + 300
    return good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]


@pytest.mark.parametrize(
    "name", ["weights", "data", "npz", "empty", "text", "pickle", "compressed", "half", "a changed weight"]
)
def test_other_files_are_refused(name, tmp_path):
    contents, message = other_files(tmp_path)[name]
    path = tmp_path / "file.npz"
    path.write_bytes(contents)
    network = nv.mlp("ReLU;Linear", [8, 5, 3], seed=1)
    before = [parameter.vector.copy() for parameter in network.parameters()]
    for use in (
        lambda: nv.load(path), lambda: nv.read_checkpoint(path), lambda: nv.train(network, mini(), epochs=1, resume=path)
    ):  # fmt: skip
        with pytest.raises(DataError, match=message) as raised:
            use()
        assert str(raised.value).startswith(str(path))
    for parameter, old in zip(network.parameters(), before, strict=True):
        np.testing.assert_array_equal(parameter.vector, old)


def test_a_missing_file_and_a_directory(tmp_path):
    with pytest.raises(DataError, match=r"x\.npz: no such file"):
        nv.load(tmp_path / "x.npz")
    with pytest.raises(DataError, match=r"cannot be read.*[Ii]s a directory"):
        nv.load(tmp_path)


def test_a_newer_format(tmp_path, monkeypatch):
    path = tmp_path / "n.npz"
    monkeypatch.setattr(container, "VERSION", 7)
    nv.save(nv.mlp("ReLU;Linear", [8, 5, 3]), path)
    monkeypatch.undo()
    with pytest.raises(DataError, match="has format version 7, of a newer nerva_py; this one reads up to 1: update it"):
        nv.load(path)


def test_pickled_objects_are_not_executed(tmp_path):
    marker = tmp_path / "executed"

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(marker),)

    evil = io.BytesIO()
    np.save(evil, np.array([Evil()], dtype=object), allow_pickle=True)
    path = tmp_path / "n.npz"
    nv.save(nv.mlp("ReLU;Linear", [8, 5, 3]), path)
    with zipfile.ZipFile(path) as good:
        entries = {name: good.read(name) for name in good.namelist()}
    for name in [n for n in entries if n.endswith(".npy")][:3]:
        with zipfile.ZipFile(path, "w") as bad:
            for entry, contents in entries.items():
                bad.writestr(entry, evil.getvalue() if entry == name else contents)
        with pytest.raises(DataError, match="no numeric array"):
            nv.load(path)
    assert not marker.exists()


@pytest.mark.parametrize("shape", ["(99999999999999,)", "(3, 99999999999, 99999999999)", "(-3,)", "3", "(" * 4000])
def test_a_header_that_claims_too_much(shape, tmp_path):
    path = tmp_path / "n.npz"
    nv.save(nv.mlp("ReLU;Linear", [8, 5, 3]), path)
    with zipfile.ZipFile(path) as good:
        entries = {name: good.read(name) for name in good.namelist()}
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    entries["network.layers.0.b.npy"] = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    with zipfile.ZipFile(path, "w") as bad:
        for entry, contents in entries.items():
            bad.writestr(entry, contents)
    with pytest.raises(DataError, match="corrupt"):
        nv.load(path)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "9" * 9999, "\\ud800", "nan", "{}", "[1]", '"x"'])
def test_a_description_that_is_none(text, tmp_path):
    path = tmp_path / "n.npz"
    with zipfile.ZipFile(path, "w") as bad:
        bad.writestr("checkpoint.json", text)
        bad.writestr("sha256", "0" * 64)
    with pytest.raises(DataError, match=r"corrupt|not a checkpoint"):
        nv.load(path)


def test_the_checksum_sees_what_the_archive_does_not(tmp_path):
    """Contents of another checkpoint, or in another order: each entry is whole by itself."""
    path, other = tmp_path / "n.npz", tmp_path / "m.npz"
    nv.save(nv.mlp("ReLU;Linear", [8, 5, 3], seed=1), path)
    nv.save(nv.mlp("ReLU;Linear", [8, 5, 3], seed=2), other)
    with zipfile.ZipFile(path) as one, zipfile.ZipFile(other) as two:
        entries, others = ({name: file.read(name) for name in file.namelist()} for file in (one, two))
    name = "network.layers.0.W.array.npy"
    swapped = [n for n in entries if n.endswith(".b.npy")]
    for changed in (
        entries | {name: others[name]},
        {n: entries[n] for n in ["checkpoint.json", *sorted(set(entries) - {"checkpoint.json", "sha256"})[::-1], "sha256"]},
        {n: contents for n, contents in entries.items() if n != swapped[0]},
        entries | {"sha256": others["sha256"]},
    ):  # fmt: skip
        with zipfile.ZipFile(path, "w") as bad:
            for n, contents in changed.items():
                bad.writestr(n, contents)
        with pytest.raises(DataError, match="corrupt: its checksum is that of other contents"):
            nv.load(path)


W = ("network", "layers", 0, "W")


def put(position, value):
    def change(array):
        array = array.copy()
        array[position] = value
        return array

    return change


@pytest.mark.parametrize(
    ("place", "change", "message"),
    [
        ((*W, "indices"), put(0, -1), "indices from -1 to"),
        ((*W, "indices"), put(-1, 64), "indices from .* to 64; 0 to 63 are allowed"),
        ((*W, "indices"), lambda a: a[::-1], "the indices of a row must rise"),
        ((*W, "indices"), lambda a: a.astype(np.float32), "indices has shape .* dtype float32"),
        ((*W, "indices"), lambda a: a[:-1], "indptr must rise from 0 to the number of weights|data has shape"),
        ((*W, "indptr"), put(1, 10**6), "indptr must rise"),
        ((*W, "indptr"), put(0, 1), "indptr must rise"),
        ((*W, "indptr"), lambda a: a[:-1], "indptr has shape"),
        ((*W, "data"), put(0, np.nan), "data has values that are not finite"),
        ((*W, "data"), lambda a: a.astype(np.float64), "its parameters are of float32, float64"),
        ((*W, "shape"), lambda a: [40, 2**40, 3], "shape is"),
        ((*W, "shape"), lambda a: [40, 0], "shape is"),
        ((*W, "shape"), lambda a: [41, 64], "indptr has shape"),
        ((*W, "storage"), lambda a: "dense", "has no 'array'"),
        ((*W, "backend"), lambda a: "cuda", "unknown backend 'cuda'"),
        (("network", "layers", 0, "kind"), lambda a: "conv", "a layer of kind 'conv'"),
        (("network", "layers", 0, "dropout"), lambda a: 1.5, "a dropout rate must be"),
        (("network", "layers", 0, "output", "name"), lambda a: "__import__", "the output '__import__'; known are"),
        (("network", "layers", 0, "output", "parameters"), lambda a: [1, 2, 3], "the output 'ReLU' with parameters"),
        (("network", "layers", 1, "gamma"), lambda a: a[:, 1:], "has shape|follows"),
        (("network", "layers", 1, "epsilon"), lambda a: -1.0, "epsilon > 0"),
        (("network", "layers"), lambda a: a[1:], "layer|inputs"),
        (("network", "layers"), lambda a: [], "at least one linear layer"),
        (("network", "rng", "bit_generator"), lambda a: "os.system", "a random generator of 'os.system'"),
        (("network", "rng", "state"), lambda a: {"state": -1, "inc": 2}, "the state of a random generator"),
        (("data", "scale"), lambda a: a[1:], "shift has shape"),
        (("data",), lambda a: {**a, "scale": a["scale"][1:], "shift": a["shift"][1:]}, "images of|63 features"),
        (("training", "history", 0, "epoch"), lambda a: 2, "epoch 1 of its history"),
        (("notes",), lambda a: 5, "its training or its notes"),
    ],
    ids=lambda value: "change" if callable(value) else str(value),
)  # fmt: skip
def test_nothing_in_a_file_is_believed(run, data, tmp_path, place, change, message):
    """With the right checksum, as of somebody who knows how."""
    path = tmp_path / "run.npz"
    RUNS["RigL"].train(RUNS["RigL"].network(), data, [nv.ModelCheckpoint(path)], epochs=1)
    tree = container.read(path)
    holder = tree
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = change(holder[place[-1]])
    container.write(path, tree)
    with pytest.raises(NervaError, match=message) as raised:
        nv.read_checkpoint(path)
    assert str(raised.value).startswith(str(path))


def test_places_in_the_buffer_of_a_generator_are_checked():
    """NumPy would read beyond its end."""
    for kind, path in ((np.random.MT19937, ("state", "pos")), (np.random.Philox, ("buffer_pos",))):
        rng = np.random.Generator(kind(1))
        rng.random(3)
        tree = generator_tree(rng)
        np.testing.assert_array_equal(build_generator(tree).random(5), rng.random(5))
        for place in (-1, 10**6):
            bad = copy.deepcopy(tree)
            holder = bad if len(path) == 1 else bad[path[0]]
            holder[path[-1]] = place
            with pytest.raises(DataError, match="pos"):
                build_generator(bad)


# ------------------------------------------------------------------------------------------------------------- fuzzing


def read_or_error(path):
    """What is in the file, or the text of the only kind of error that is allowed."""
    try:
        return nv.read_checkpoint(path)
    except DataError as error:
        return str(error)


def test_every_damage_is_an_error_or_changes_nothing(run, data, tmp_path):
    """Whatever happens to the bytes: an error that names the file, or the very network and run."""
    original, contents = run
    expected = [a.copy() for a in numbers(nv.load(original))]
    tree = container.read(original)["training"]
    path, rng, same = tmp_path / "damaged.npz", random.Random(1), 0
    for _ in range(FUZZ):
        path.write_bytes(damaged(contents, rng))
        found = read_or_error(path)
        if isinstance(found, str):
            assert found.startswith(str(path))
            continue
        same += 1
        for one, other in zip(numbers(found.network), expected, strict=True):
            assert one.tobytes() == other.tobytes()
        assert {k: found.training[k] for k in ("epoch", "step", "t")} == {k: tree[k] for k in ("epoch", "step", "t")}
    assert same < FUZZ / 10, "most places matter"


def test_every_forgery_is_an_error_or_harmless(run, data, tmp_path):
    """Whatever values somebody writes with the right checksum: an error, or a network that predicts and a run that goes on."""
    original, _ = run
    tree = container.read(original)
    path, rng, refused = tmp_path / "forged.npz", random.Random(2), 0
    before, seen = threads(1), set()
    try:
        for _ in range(max(FUZZ // 4, 50)):
            forged(tree, path, rng)
            try:
                checkpoint = nv.read_checkpoint(path)
                checkpoint.network.predict(np.zeros((3, checkpoint.network.sizes[0])))
                RUNS["RigL"].train(
                    RUNS["RigL"].network(),
                    data,
                    [nv.EarlyStopping("test_loss")],
                    resume=path,
                    epochs=2,
                    statistics=True,
                )
            except NervaError as error:
                refused += 1
                seen.add(type(error).__name__)
    finally:
        threads(before)
    assert refused > 20
    assert "DataError" in seen


# ----------------------------------------------------------------------------------------------------- other runs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 30}, "batch_size is 30, but its run has 20"),
        ({"seed": 6}, "seed is 6, but its run has 5"),
        ({"shuffle": False}, "shuffle is False, but its run has True"),
        ({"loss": "SquaredError"}, "loss is 'SquaredError', but its run has 'SoftmaxCrossEntropy'"),
        ({"augmentation": nv.CropFlip(1)}, r"augmentation is 'CropFlip\(pad=1, flip=True\)', but its run has None"),
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

        def on_epoch_end(self, state, epoch):
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
