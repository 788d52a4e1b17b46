"""Nerva's npz files of dense W1, b1, ... become networks whose nonzeros are the support, and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.errors import DataError, NervaError

from .networks import SPECS, assert_same, network


def test_a_file_of_nerva(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    W1 = rng.standard_normal((6, 5)) * (rng.random((6, 5)) < 0.3)
    W2, b1, b2 = rng.standard_normal((3, 6)), rng.standard_normal(6), rng.standard_normal((1, 3))
    np.savez(tmp_path / "n.npz", W1=W1, b1=b1, W2=W2, b2=b2)
    net = nv.exchange.from_nerva(tmp_path / "n.npz", "ReLU;Linear", dtype=np.float64)
    first, second = (layer.W.value for layer in net.linear_layers)
    assert isinstance(first, nv.SparseWeight)
    assert first.nnz == np.count_nonzero(W1)
    assert isinstance(second, nv.sparse.DenseWeight)
    X = rng.standard_normal((4, 5))
    assert np.allclose(net.predict(X), np.maximum(X @ W1.T + b1, 0) @ W2.T + b2)


def test_a_file_of_ours_decides_about_the_support(tmp_path: Path) -> None:
    for name in ("between", "activations"):
        source = network(name)
        nv.exchange.to_nerva(source, tmp_path / "w.npz", sparse=True)
        assert_same(source, nv.exchange.from_nerva(tmp_path / "w.npz", SPECS[name], drop_zeros=False))
        W = nv.exchange.from_nerva(tmp_path / "w.npz", SPECS[name]).linear_layers[2].W.value
        assert W.nnz == W.shape[0] * W.shape[1] - 2  # the dense layer has two weights of value 0


def test_what_is_written_is_dense_and_comes_back(tmp_path: Path) -> None:
    net = nv.mlp("ReLU;ReLU;Linear", [9, 12, 8, 4], layer_densities=[0.1, 0.7, 1.0], seed=1)
    nv.exchange.to_nerva(net, tmp_path / "n.npz")
    with np.load(tmp_path / "n.npz") as file:
        assert sorted(file.files) == ["W1", "W2", "W3", "b1", "b2", "b3"]
        assert np.array_equal(file["W2"], net.linear_layers[1].W.value.toarray())
        assert [file[f"b{l}"].shape for l in (1, 2, 3)] == [(12,), (8,), (4,)]
    assert_same(net, nv.exchange.from_nerva(tmp_path / "n.npz", "ReLU;ReLU;Linear"))


@pytest.mark.parametrize("name", ["between", "ours"])
def test_what_nerva_has_no_place_for_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(NervaError, match=r"hold weights and biases only, not all of MLP.*sparse=True"):
        nv.exchange.to_nerva(network(name), tmp_path / "n.npz")
    assert not list(tmp_path.iterdir())


def test_layers_must_fit_the_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "n.npz", W1=np.ones((3, 2)), b1=np.ones(3))
    with pytest.raises(NervaError, match=r"has 2 linear layers, .* asks for 1"):
        nv.exchange.from_nerva(tmp_path / "n.npz", "ReLU;Linear")
    with pytest.raises(DataError, match=r"none\.npz: no such file"):
        nv.exchange.from_nerva(tmp_path / "none.npz", "Linear")


def test_nothing_dense_is_made(tmp_path: Path) -> None:
    """A byte a position would be 10 GB."""
    W = nv.SparseWeight.random((100_000, 100_000), 1e-6, np.random.default_rng(0))
    nv.exchange.to_nerva(nv.exchange.from_scipy([W.csr]), tmp_path / "w.npz", sparse=True)
    assert nv.exchange.from_nerva(tmp_path / "w.npz", "Linear").nnz == 10_000
