"""Weights come back from a file as they were, and a file that does not fit changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.errors import DataError
from nerva_py.exchange import replace_weights, to_nerva
from nerva_py.exchange.nerva import layer_sizes
from nerva_py.sparse import SparseWeight

LAYERS = "SReLU;BatchNormalization;ReLU;Linear"
DENSITIES = [0.1, 0.7, 1.0]  # in CSR, in CSR, dense


def network(seed: int, **named: object) -> nv.MLP:
    return nv.mlp(LAYERS, [9, 12, 7, 4], layer_densities=DENSITIES, seed=seed, **named)


def trained(seed: int) -> nv.MLP:
    """A network in which no parameter has its initial value."""
    result = network(seed)
    X = np.random.default_rng(seed).standard_normal((20, 9)).astype(np.float32)
    data = nv.from_arrays(X, np.arange(20) % 4)
    nv.train(result, data, epochs=2, batch_size=7, seed=seed, statistics=False)
    return result


@pytest.fixture
def saved(tmp_path: Path) -> tuple[nv.MLP, Path]:
    path = tmp_path / "w.npz"
    source = trained(1)
    to_nerva(source, path, sparse=True)
    return source, path


def outputs(net: nv.MLP) -> np.ndarray:
    return net.predict(np.random.default_rng(5).standard_normal((6, 9)).astype(np.float32))


def test_round_trip(saved: tuple[nv.MLP, Path]) -> None:
    source, path = saved
    target = network(2)
    assert not np.array_equal(outputs(target), outputs(source))
    replace_weights(target, path)
    assert np.array_equal(outputs(target), outputs(source))
    for ours, theirs in zip(source.linear_layers, target.linear_layers, strict=True):
        assert type(ours.W.value) is type(theirs.W.value)
        assert ours.W.value.nnz == theirs.W.value.nnz
    assert [W.W.value.nnz for W in target.linear_layers] == [11, 59, 28]
    assert layer_sizes(path) == [9, 12, 7, 4]


def test_sparse_layers_are_stored_as_csr(saved: tuple[nv.MLP, Path]) -> None:
    with np.load(saved[1], allow_pickle=False) as file:
        assert {"W1.shape", "W1.indptr", "W1.indices", "W1.data", "b1", "W2.data", "W3", "srelu1", "gamma1"} < set(
            file.files
        )
        assert "W1" not in file.files
        assert file["W1.data"].shape == (11,)


def test_loaded_network_trains(saved: tuple[nv.MLP, Path]) -> None:
    target = network(2)
    replace_weights(target, saved[1])
    data = nv.from_arrays(np.ones((8, 9), np.float32), np.arange(8) % 4)
    assert len(nv.train(target, data, epochs=1, batch_size=4)) == 1


def test_precision_is_the_networks(saved: tuple[nv.MLP, Path]) -> None:
    target = network(2, dtype=np.float64)
    replace_weights(target, saved[1])
    assert {parameter.value.dtype for parameter in target.parameters()} == {np.dtype(np.float64)}
    assert np.allclose(outputs(target), outputs(saved[0]), atol=1e-5)


def test_file_of_nerva(tmp_path: Path) -> None:
    """Dense W and b as row or column: the nonzeros are the support of a sparse layer."""
    rng = np.random.default_rng(0)
    W1 = rng.standard_normal((6, 5)) * (rng.random((6, 5)) < 0.3)
    W2, b1, b2 = rng.standard_normal((3, 6)), rng.standard_normal(6), rng.standard_normal((3, 1))
    np.savez(tmp_path / "n.npz", W1=W1, b1=b1, W2=W2, b2=b2)
    net = nv.mlp("ReLU;Linear", [5, 6, 3], layer_densities=[0.2, 1.0], dtype=np.float64, seed=1)
    replace_weights(net, tmp_path / "n.npz")
    assert isinstance(net.linear_layers[0].W.value, SparseWeight)
    assert net.linear_layers[0].W.value.nnz == np.count_nonzero(W1)
    X = rng.standard_normal((4, 5))
    assert np.allclose(net.predict(X), np.maximum(X @ W1.T + b1, 0) @ W2.T + b2.T)


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        ({"b1": None}, "no b1"),
        ({"W3": None}, "no W3"),
        ({"W1.data": None}, "no W1 and no W1.data"),
        ({"W1.shape": np.array([12, 8])}, "W1.shape"),
        ({"W1.indptr": np.zeros(13, int)}, "W1.indptr"),
        ({"W1.indptr": np.zeros(12, int)}, "W1.indptr"),
        ({"W1.indices": np.full(11, 9)}, "W1.indices: 9"),
        ({"W1.indices": np.full(11, -1)}, "W1.indices: -1"),
        ({"W1.indices": np.zeros(11)}, "vector of integers"),
        ({"W1.data": np.zeros(10)}, "10 values for 11"),
        ({"W1.data": np.full(11, np.nan)}, "not finite"),
        ({"W3": np.zeros((4, 8))}, "(4, 8)"),
        ({"W3": np.full((4, 7), 1e300)}, "not finite in float32"),
        ({"W3": np.zeros((4, 7), complex)}, "complex128"),
        ({"b2": np.zeros(6)}, "b2 has shape (6,)"),
        ({"gamma1": np.zeros((1, 13))}, "gamma1"),
        ({"W4": np.zeros((2, 4))}, "W4"),
        ({"b3": np.array([None, 1])}, "numeric arrays"),
    ],
)
def test_a_wrong_file_changes_nothing(
    saved: tuple[nv.MLP, Path], change: dict[str, np.ndarray | None], fragment: str
) -> None:
    _, path = saved
    with np.load(path) as file:
        arrays = {key: array for key, array in {**file, **change}.items() if array is not None}
    np.savez(path, **arrays)
    target = network(2)
    before = outputs(target)
    with pytest.raises(DataError, match=r"w\.npz") as raised:
        replace_weights(target, path)
    assert fragment in str(raised.value)
    assert np.array_equal(outputs(target), before)


def test_duplicate_positions_are_refused(saved: tuple[nv.MLP, Path]) -> None:
    _, path = saved
    with np.load(path) as file:
        arrays = dict(file)
    row = np.flatnonzero(np.diff(arrays["W2.indptr"]) > 1)[0]
    first = arrays["W2.indptr"][row]
    arrays["W2.indices"][first + 1] = arrays["W2.indices"][first]
    np.savez(path, **arrays)
    with pytest.raises(DataError, match="twice"):
        replace_weights(network(2), path)


def test_broken_files(saved: tuple[nv.MLP, Path]) -> None:
    _, path = saved
    contents = path.read_bytes()
    for broken in (b"", b"nonsense" * 20, contents[:-50], contents[:90] + bytes(20) + contents[110:]):
        path.write_bytes(broken)
        for read in (lambda: replace_weights(network(2), path), lambda: layer_sizes(path)):
            with pytest.raises(DataError, match=r"w\.npz"):
                read()


def test_failed_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w.npz"
    path.write_text("old")

    def full(*arguments: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(DataError, match="No space left"):
        to_nerva(network(1), path, sparse=True)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
