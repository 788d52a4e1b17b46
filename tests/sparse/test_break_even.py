"""Which layers are dense is the same everywhere, unless somebody says otherwise."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nerva_py.errors import NervaError
from nerva_py.exchange import replace_weights, to_nerva
from nerva_py.network import mlp
from nerva_py.sparse import BREAK_EVEN_DENSITY, DenseWeight, SparseWeight, break_even_density, set_break_even_density

VARIABLE = "NERVA_BREAK_EVEN_DENSITY"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    set_break_even_density(None)


def kind(density: float) -> type:
    return type(mlp("Linear", [20, 30], overall_density=density, seed=1).linear_layers[0].W.value)


def test_a_constant_by_default():
    assert break_even_density() == BREAK_EVEN_DENSITY == 0.4
    assert kind(0.4) is SparseWeight
    assert kind(0.41) is DenseWeight


def test_the_environment(monkeypatch):
    monkeypatch.setenv(VARIABLE, "0.1")
    assert break_even_density() == 0.1
    assert kind(0.2) is DenseWeight
    monkeypatch.setenv(VARIABLE, "")
    assert break_even_density() == BREAK_EVEN_DENSITY


def test_the_function_beats_the_environment(monkeypatch):
    monkeypatch.setenv(VARIABLE, "0.1")
    set_break_even_density(0.8)
    assert kind(0.7) is SparseWeight
    set_break_even_density(None)
    assert break_even_density() == 0.1


def test_it_holds_for_loaded_weights(tmp_path):
    network = mlp("Linear", [20, 30], overall_density=0.3, seed=1)
    to_nerva(network, tmp_path / "w.npz", sparse=True)
    set_break_even_density(0.2)
    replace_weights(network, tmp_path / "w.npz")
    W = network.linear_layers[0].W.value
    assert isinstance(W, DenseWeight)
    assert W.nnz == 180


@pytest.mark.parametrize("value", ["half", "1.5", "-0.1", "nan"])
def test_a_variable_that_makes_no_sense(monkeypatch, value):
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(NervaError, match=f"{VARIABLE} must be a number from 0 to 1, not '{value}'"):
        mlp("Linear", [20, 30], overall_density=0.3)


@pytest.mark.parametrize("density", [1.5, "0.5", float("nan")])
def test_a_density_that_makes_no_sense(density):
    with pytest.raises(NervaError, match="density must be a number from 0 to 1"):
        set_break_even_density(density)
