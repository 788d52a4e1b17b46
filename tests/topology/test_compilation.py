"""Nothing is compiled while the clock runs."""

from __future__ import annotations

import gc

import pytest

from nerva_py.engine import compiling
from nerva_py.engine.compiling import Kernel
from nerva_py.network import mlp
from nerva_py.sparse import plan
from nerva_py.topology import DynamicTopology, method
from nerva_py.training import Callback, train
from tests.topology.cases import small_data

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def data():
    return small_data()


class Compiled(Callback):
    """Lists the kernels that are compiled, or fetched from the disk, between the beginning of training and its end."""

    def __init__(self, monkeypatch):
        self.names: list[str] = []
        self.recording = False
        compiled = Kernel._compiled

        def spy(kernel, given):
            if self.recording:
                self.names.append(f"{kernel.py_func.__name__} {given}")
            return compiled(kernel, given)

        monkeypatch.setattr(Kernel, "_compiled", spy)

    def on_train_begin(self, run):
        self.recording = True

    def on_train_end(self, run):
        self.recording = False


@pytest.fixture
def nothing_compiled(monkeypatch):
    """All kernels as in a new process, and layers so small in blocks like large ones."""
    monkeypatch.setattr(plan, "first_level_cache", lambda: 512)
    monkeypatch.setattr(plan, "NONZEROS", 1)
    for kernel in [one for one in gc.get_objects() if type(one) is Kernel]:
        monkeypatch.setattr(kernel, "versions", {})


# What is dropped (little, so that a tiny layer would lose nothing), what is grown, and the densities of the layers.
KINDS = {
    "nothing grows": ("Magnitude(0.05)", None, 0.1),
    "random": ("SET(0.05)", "Random", 0.1),
    "random, nearly full": ("Magnitude(0.05)", "Random", 0.9),
    "gradient": ("Magnitude(0.05)", "Gradient", 0.1),
    "gradient, several batches": ("Threshold(0.005)", "Gradient(2)", 0.75),
    "guided": ("Taylor(0.05)", "Guided", 0.1),
    "guided, fewer candidates": ("Magnitude(0.05)", "Guided(0.5)", 0.1),
    "few candidates": ("Random(0.05)", "Guided(0.001)", 0.1),
    "unfired": ("GlobalMagnitude(0.05)", "RandomUnfired", 0.1),
    "unfired, used up": ("Magnitude(0.5)", "RandomUnfired", 0.8),
}


@pytest.mark.usefixtures("nothing_compiled")
@pytest.mark.parametrize(("drop", "grow", "density"), KINDS.values(), ids=KINDS)
@pytest.mark.skipif(not compiling.JIT, reason="nothing is compiled at all")
def test_nothing_is_compiled_while_the_clock_runs(drop, grow, density, data, monkeypatch):
    """Nor with a backend that leaves all kernels to the updates."""
    compiled = Compiled(monkeypatch)
    topology = DynamicTopology(drop, grow, every=2, decay="Cosine")
    net = mlp("ReLU;ReLU;Linear", [8, 40, 50, 3], layer_densities=[density] * 3, backend="scipy", seed=1)
    train(net, data, epochs=3, batch_size=22, statistics=False, callbacks=[topology, compiled])
    assert compiled.names == []


@pytest.mark.usefixtures("nothing_compiled")
@pytest.mark.parametrize("batch_size", [22, 109])  # of 110 samples; one is a case of its own
@pytest.mark.parametrize("spec", ["GradualMagnitude(0.05, every=2)", "GraNet(0.05, 0.05, every=2)"])
@pytest.mark.skipif(not compiling.JIT, reason="nothing is compiled at all")
def test_nothing_is_compiled_on_the_way_from_dense_to_sparse(spec, batch_size, data, monkeypatch):
    """Nor for the layers' own products, dense and sparse."""
    compiled, net = Compiled(monkeypatch), mlp("ReLU;ReLU;Linear", [8, 40, 50, 3], seed=1)
    train(net, data, epochs=3, batch_size=batch_size, statistics=False, callbacks=[method(spec), compiled])
    assert compiled.names == []
