"""A part of one's own is a full citizen after one line: `tests/own` has one of each kind, of which nerva_py knows nothing."""

from __future__ import annotations

import copy
import importlib
import inspect
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nerva_py as nv
from nerva_py import parts
from nerva_py.data import Dataset
from nerva_py.distributed import DataParallel
from nerva_py.errors import DataError, NervaError
from nerva_py.network import BatchNormLayer, Layer
from nerva_py.sparse.storage import backend_name
from nerva_py.topology.neurons import remove_neurons
from nerva_py.training.gradient_check import check_gradients
from nerva_py.training.loop import resolve_loss, resolve_schedule
from nerva_py.verify import check_layer
from tests.distributed.test_parts import Alone

ROOT = Path(__file__).parent.parent
LAYERS = "FeatureScale;Bump(2);FeatureScale(0.5);Slopes(start=0.1);Linear"
TRAINING = {
    "loss": "PseudoHuber", "optimizer": "Signum(0.8)", "learning_rate": "Harmonic(0.01)", "batch_size": 16, "seed": 1
}  # fmt: skip


def registries() -> list[dict[str, Any]]:
    return [getattr(importlib.import_module(module), name) for module, name, _ in parts.KINDS.values()]


@contextmanager
def as_they_were() -> Iterator[None]:
    """What is registered meanwhile is forgotten."""
    kept, names = [dict(one) for one in registries()], copy.deepcopy(parts._own)
    yield
    for one, before in zip(registries(), kept, strict=True):
        one.clear()
        one.update(before)
    parts._own.update(names)


@pytest.fixture(scope="module", autouse=True)
def own() -> Iterator[Any]:
    """The package, for these tests alone: others look at all that is registered."""
    with as_they_were():
        yield importlib.import_module("tests.own")


@pytest.fixture
def forgotten(own: Any) -> Iterator[None]:
    with as_they_were():
        yield


@pytest.fixture(scope="module")
def data() -> Dataset:
    rng = np.random.default_rng(0)
    T = rng.integers(0, 3, 120)
    X = (rng.standard_normal((120, 6)) + T[:, None]).astype(np.float32)
    return nv.from_arrays(X[:90], T[:90], X[90:], T[90:])


def network(dtype=np.float32) -> nv.MLP:
    return nv.mlp(
        LAYERS, [6, 12, 9, 3], overall_density=0.5, distribution="DenseLast", weights="Signs", backend="plain", dtype=dtype,
        seed=1,
    )  # fmt: skip


def train(net, data, **more):
    return nv.train(
        net, data, epochs=4, callbacks=[nv.method("EnergyLeft(0.2)"), *more.pop("callbacks", [])], **TRAINING, **more
    )


def numbers(net) -> list[np.ndarray]:
    return [parameter.vector.copy() for parameter in net.parameters()]


def same(a, b) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(numbers(a), numbers(b), strict=True))


def test_a_specification_names_them(data):
    net = network()
    assert [layer.name for layer in net.layers] == ["FeatureScale", "Bump", "FeatureScale", "Slopes", "Linear"]
    assert net.layers[2].g.value.shape == (1, 12)
    assert (net.layers[2].g.value == 0.5).all()
    assert net.layers[1].output.f.parameters == (2,)
    assert net.layers[3].output.a.value.shape == (1, 9)
    assert [layer.W.value.nnz for layer in net.linear_layers][-1] == 27
    with pytest.raises(NervaError, match=r"expected FeatureScale\(start=1.0\)"):
        nv.mlp("FeatureScale(1, 2);Linear", [4, 3])
    with pytest.raises(NervaError, match=r"unknown layer 'FeatureScales'; did you mean 'FeatureScale'\?"):
        nv.mlp("FeatureScales;Linear", [4, 3])


def test_they_learn_and_the_gradients_are_right(data):
    net = network()
    before, _ = nv.evaluate(net, data, resolve_loss("PseudoHuber"), "train")
    history = train(net, data)
    assert history[-1].train_loss < 0.85 * before
    assert history[0].measures["topology"]["layers"][0]["grown"] > 0
    assert (net.layers[0].passes == 4 * 6).all()
    worst = check_gradients(network(np.float64), data, resolve_loss("PseudoHuber"), 8, 1e-6)
    assert max(check.error for check in worst) < 1e-6


def test_their_mathematics_is_proved(own):
    assert check_layer(own.layer.scale, own.layer.scale_backward, inputs={"X": ("N", "D")}, parameters={"g": (1, "D")})
    slopes = own.output.slopes, own.output.slopes_backward
    assert check_layer(*slopes, inputs={"Z": ("N", "K")}, parameters={"a": (1, "K")})


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies(data, copied):
    a, b = network(), copied(network())
    train(a, data)
    train(b, data)
    assert same(a, b)


def test_saved_and_loaded(data, tmp_path):
    net = network()
    train(net, data)
    nv.save(net, tmp_path / "n.npz", data=data)
    again = nv.load(tmp_path / "n.npz")
    assert same(net, again)
    assert again.layers[2].start == 0.5
    assert backend_name(again.layers[1].W.value) == "plain"
    np.testing.assert_array_equal(again.layers[0].passes, net.layers[0].passes)
    np.testing.assert_array_equal(net.predict(data.Xtest), again.predict(data.Xtest))


def test_resumed_in_mid_epoch(data, tmp_path):
    path, whole, rest = tmp_path / "run.npz", network(), network()
    train(whole, data)

    class Stop(nv.Callback):
        def on_step_end(self, run):
            if run.t == 14:
                raise KeyboardInterrupt

    train(rest, data, callbacks=[nv.ModelCheckpoint(path, "13 steps"), Stop()])
    rest = network()
    train(rest, data, resume=path)
    assert same(whole, rest)


def test_shards(data):
    """Of two shards each sees its own samples; the gradients are added up."""
    whole, shared = network(np.float64), network(np.float64)
    for net, distributed in ((whole, None), (shared, DataParallel(Alone(), shards=2))):
        nv.train(net, data, epochs=2, distributed=distributed, statistics=False, **TRAINING | {"optimizer": "Momentum"})
    for a, b in zip(numbers(whole), numbers(shared), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_neurons_are_removed(data):
    net, X = network(), data.Xtest
    train(net, data)
    for parameter in net.parameters():
        parameter.begin(1)
    keep = np.ones(12, bool)
    keep[[2, 7]] = False
    remove_neurons(net, 1, keep)
    keep = np.ones(9, bool)
    keep[4] = False
    remove_neurons(net, 2, keep)
    assert net.sizes == [6, 10, 8, 3]
    assert net.layers[2].g.value.shape == net.layers[2].passes.shape == (1, 10)
    assert net.layers[3].output.a.value.shape == net.layers[3].output.a.states[0].reshape(1, -1).shape == (1, 8)
    assert np.isfinite(net.predict(X)).all()


def test_the_command_line(tmp_path):
    """Trained, gone on with, shown and asked, each in a process of its own that is told by --import."""
    run = tmp_path / "run.npz"
    words = [
        "train", "--import=tests.own", f"--layers={LAYERS}", "--layer-sizes=64;24;16;10", "--overall-density=0.4",
        "--distribution=DenseLast", "--layer-weights=Signs", "--loss=PseudoHuber", "--optimizers=Signum(0.8)",
        "--learning-rate-scheduler=Harmonic(0.003)", "--method=EnergyLeft", "--computation=plain", "--epochs=2",
        f"--save={run}", f"--log={tmp_path / 'log.jsonl'}",
    ]  # fmt: skip
    out = nerva_py(*words)
    assert "FeatureScale" in out
    assert "EnergyLeft" in out
    nerva_py("train", "--import=tests.own", f"--resume={run}", "--epochs=3", f"--log={tmp_path / 'log.jsonl'}")
    epochs = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert epochs[-1]["test_accuracy"] > 0.5
    assert "Signum" in nerva_py("info", run, "--import=tests.own")
    assert "accuracy" in nerva_py("evaluate", run, "--import=tests.own")
    assert "FeatureScale" in nerva_py("info", run, NERVA_IMPORT="tests.own")
    assert "unknown layer 'FeatureScale'" in nerva_py("info", run, code=2)
    assert "module 'tests.owm' cannot be imported" in nerva_py("info", run, "--import=tests.owm", code=2)


def nerva_py(*words: object, code: int = 0, **environment: str) -> str:
    """What the command says."""
    environment = {**os.environ, **environment}
    done = subprocess.run(
        [sys.executable, "-m", "nerva_py", *map(str, words)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_spawned_workers(data, tmp_path, monkeypatch):
    path = tmp_path / "n.npz"
    net = network()
    nv.save(net, path)
    monkeypatch.setenv(parts.IMPORT, "tests.own")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        np.testing.assert_array_equal(pool.apply(predicted, (path, data.Xtest)), net.predict(data.Xtest))


LATE = """
import nerva_py as nv
from nerva_py.training.optimizers import GradientDescent

@nv.register("optimizer")
def Late(rate=1.0):
    return GradientDescent(0.0)

@nv.register("schedule")
def LateRate(lr):
    return lambda i: lr

@nv.register("decay", name="LateDecay")
def late_decay(s):
    return 1.0

@nv.register("distribution", name="LateShare")
def late_share(shapes, density):
    return [density] * len(shapes)
"""


@pytest.mark.filterwarnings("ignore:training ended after max_iter")
def test_whoever_looks_up_a_name_imports_the_module_first(data, tmp_path, monkeypatch, forgotten):
    """In a worker nothing is registered until somebody asks; an estimator's solver is asked for, too."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(parts.IMPORT, "late_parts")
    asked = (
        lambda: nv.SparseMLPClassifier((5,), solver="Late(0.5)", max_iter=1).fit(data.Xtrain, data.Ttrain),
        lambda: resolve_schedule("LateRate(0.1)"),
        lambda: nv.DynamicTopology("SET(0.3)", decay="LateDecay"),
        lambda: nv.mlp("Linear", [4, 3], overall_density=0.5, distribution="LateShare"),
    )
    (tmp_path / "late_parts.py").write_text(LATE)
    for ask in asked:
        monkeypatch.delitem(sys.modules, "late_parts", raising=False)
        for registry in registries():
            for name in ("Late", "LateRate", "LateDecay", "LateShare"):
                registry.pop(name, None)
        ask()


def predicted(path, X):
    return nv.load(path).predict(X)


# ----------------------------------------------------------------------------------------------------------- registering


@pytest.mark.parametrize("kind", parts.KINDS)
def test_names_of_ours_are_taken(kind, forgotten):
    module, name, _ = parts.KINDS[kind]
    registry = getattr(__import__(module, fromlist=["_"]), name)
    ours = next(known for known in registry if known not in parts._own[kind])
    part = registry[next(iter(parts._own[kind]))]
    for taken in (ours, ours.lower()):
        with pytest.raises(NervaError, match="names a part of nerva_py's"):
            nv.register(kind, part, name=taken)


def test_a_cell_that_is_run_again_replaces_the_part(own, forgotten):
    def Twice():
        return own.activation.Bump(1)

    nv.register("activation", Twice)
    nv.register("activation", own.activation.Bump, name="Twice")
    assert nv.mlp("Twice(3);Linear", [4, 5, 3]).layers[0].output.f.parameters == (3,)


@pytest.mark.parametrize(
    ("kind", "part", "name", "message"),
    [
        ("optimiser", print, None, "unknown kind of part 'optimiser'; did you mean 'optimizer'"),
        ("layer", print, None, "part must be a subclass of Layer, not <built-in function print>"),
        ("layer", BatchNormLayer(3), "Norm", "part must be a subclass of Layer|names"),
        ("loss", print, None, "part must be a Loss"),
        ("backend", print, None, "part must be a Backend"),
        ("activation", (lambda own: own.activation.Bump()), None, "part must be a function"),
        ("method", 3, None, "part must be a function"),
        ("activation", (lambda own: own.activation.Bump), "my bump", "name must be letters"),
        ("activation", (lambda own: own.activation.Bump), "Dropout", "names a part of nerva_py's, or of another kind"),
        (
            "activation",
            (lambda own: own.activation.Bump),
            "FeatureScale",
            "names a part of nerva_py's, or of another kind",
        ),
    ],
)
def test_what_cannot_be_registered(kind, part, name, message, own, forgotten):
    if inspect.isfunction(part):
        part = part(own)
    with pytest.raises(NervaError, match=message):
        nv.register(kind, part, name=name)


def test_without_a_name_nothing_is_written(tmp_path):
    class Unknown(Layer):
        def forward(self, X, rng=None):
            return X, None

        def backward(self, tape, DY, needs_DX=True):
            return DY, ()

    net = nv.mlp("ReLU;Linear", [4, 5, 3])
    net.layers.insert(1, Unknown())
    with pytest.raises(NervaError, match=r'layer 2 is a Unknown.*nerva_py.register\("layer", Unknown\)'):
        nv.save(net, tmp_path / "n.npz")
    assert not list(tmp_path.iterdir())


def test_an_argument_that_is_no_attribute(tmp_path, forgotten):
    @nv.register("layer")
    class Forgetful(Layer):
        def __init__(self, rate=1.0):
            pass

        def forward(self, X, rng=None):
            return X, None

    net = nv.mlp("ReLU;Forgetful;Linear", [4, 5, 3])
    with pytest.raises(NervaError, match=r"layer 2, Forgetful, cannot be saved: .*no attribute 'rate'"):
        nv.save(net, tmp_path / "n.npz")


def test_a_file_of_parts_that_are_gone(tmp_path, forgotten):
    nv.save(network(), tmp_path / "n.npz")
    del nv.network.building.BETWEEN["FeatureScale"]
    with pytest.raises(DataError, match=r"unknown layer 'FeatureScale'.*--import MODULE"):
        nv.load(tmp_path / "n.npz")
