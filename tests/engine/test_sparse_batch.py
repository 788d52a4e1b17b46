"""`SparseBatch`: from rows of a CSR matrix and back, its laws, and what `canonical_csr` accepts and refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array, csr_matrix, random_array

from nerva_py.engine import SparseBatch, workspace
from nerva_py.engine.memory import pool
from nerva_py.engine.sparse_batch import canonical_csr
from nerva_py.errors import DataError, ShapeError
from nerva_py.matrix import hadamard
from nerva_py.sparse import DenseWeight
from tests.samples import DTYPES


def csr(rng, M: int, D: int, density: float, dtype=np.float64, index_dtype=np.int32) -> csr_array:
    """Whole numbers, so that all that is computed with them is exact."""
    X = csr_array(random_array((M, D), density=density, rng=rng))
    X.data = rng.integers(1, 9, X.nnz).astype(dtype)
    return csr_array((X.data, X.indices.astype(index_dtype), X.indptr.astype(index_dtype)), shape=X.shape)


def assert_valid(X: SparseBatch) -> None:
    """Features and the samples of each rise, every feature occurs, nothing is beyond the shape."""
    N, D = X.shape
    assert X.starts[0] == 0
    assert X.starts[-1] == X.nnz == X.samples.size == X.values.size
    assert (np.diff(X.features) > 0).all()
    assert (np.diff(X.starts) > 0).all()
    assert ((X.features >= 0) & (X.features < D)).all()
    for f in range(X.features.size):
        samples = X.samples[X.starts[f] : X.starts[f + 1]]
        assert (np.diff(samples) > 0).all()
        assert ((samples >= 0) & (samples < N)).all()


@given(
    M=st.integers(1, 30),
    D=st.sampled_from([1, 2, 40, 2047, 2048, 2049, 5000, 2**22 + 5]),
    N=st.integers(0, 40),
    density=st.sampled_from([0.0, 0.01, 0.3, 1.0]),
    dtypes=st.sampled_from([(a, b) for a in DTYPES for b in DTYPES]),
    index_dtype=st.sampled_from([np.int32, np.int64]),
    seed=st.integers(0, 1000),
)
def test_from_rows_is_the_formula(M, D, N, density, dtypes, index_dtype, seed):
    rng = np.random.default_rng(seed)
    A = csr(rng, M, D, min(density, 3000 / (M * D)), dtypes[0], index_dtype)
    rows = rng.integers(0, M, N)
    scale = rng.integers(1, 4, D).astype(np.float64)
    for factors in (None, scale):
        X = SparseBatch.from_rows(A, rows, dtypes[1], factors)
        assert_valid(X)
        assert X.shape == (N, D)
        assert X.dtype == dtypes[1]
        expected = A[rows] if factors is None else A[rows].multiply(scale).tocsr()
        assert (X.csr != expected).nnz == 0
        assert X.nnz == A[rows].nnz


def test_stored_zeros_stay(rng):
    A = csr_array((np.array([0.0, 2.0]), np.array([1, 3]), np.array([0, 2])), shape=(1, 4))
    X = SparseBatch.from_csr(A)
    assert X.features.tolist() == [1, 3]
    assert X.values.tolist() == [0, 2]


def test_batches_are_stacked(rng):
    A = csr(rng, 20, 3000, 0.01)
    batches = [SparseBatch.from_rows(A, rows) for rows in ([3, 1], [0], [], [19, 3, 3])]
    X = SparseBatch.stacked(batches)
    assert_valid(X)
    assert np.array_equal(X.toarray(), A.toarray()[[3, 1, 0, 19, 3, 3]])


def test_parts_of_it(rng):
    A = csr(rng, 9, 50, 0.05)
    X = SparseBatch.from_csr(-A)
    array = X.toarray()
    assert np.array_equal(array, -A.toarray())
    assert np.array_equal(abs(X).toarray(), abs(array))
    assert np.array_equal(X.sum(axis=0), array.sum(axis=0))
    occurs = array.any(axis=0)
    assert np.array_equal(X.compressed().toarray(), array[:, occurs])
    assert np.array_equal(X.squares(), np.square(array).sum(axis=0)[occurs])
    assert SparseBatch.from_csr(csr_array((3, 4))).squares().tolist() == []
    B = rng.integers(0, 5, (50, 3)).astype(float)
    assert np.array_equal(X @ B, array @ B)
    assert np.array_equal(B.T @ X.csr.T @ np.eye(9), B.T @ array.T)
    assert np.array_equal(np.ones((2, 9)) @ X, np.ones((2, 9)) @ array)
    assert repr(X).startswith(f"SparseBatch(9×50, nnz={A.nnz}, {occurs.sum()} features occur")
    with pytest.raises(ShapeError, match="axis 1; only 0"):
        X.sum(axis=1)


def test_hadamard_is_for_masks_of_the_same_batch(rng):
    X = SparseBatch.from_csr(csr(rng, 5, 8, 0.4))
    assert np.array_equal(hadamard(X, X.like(2 * X.values)).toarray(), 2 * X.toarray() ** 2)
    for other in (X.copy(), X.toarray()):
        with pytest.raises(ShapeError, match="made from it with `like`"):
            hadamard(X, other)


def test_a_copy_outlives_the_workspace(rng):
    A = csr(rng, 30, 100, 0.2)
    with workspace():
        kept = SparseBatch.from_rows(A, [1, 2]).copy()
        for start in range(20):
            SparseBatch.from_rows(A, [start, start + 1])
        assert np.array_equal(kept.toarray(), A.toarray()[[1, 2]])


def test_the_workspace_is_used_again_although_batches_differ_in_size(rng):
    """Sizes are rounded up to few; without that, each batch would take memory that nothing ever uses again."""
    A = csr(rng, 400, 3000, 0.02)
    with workspace():
        for _ in range(300):
            X = SparseBatch.from_rows(A, rng.integers(0, 400, 100))
        taken = sum(len(block.arguments[2]) for blocks in pool.blocks.values() for block in blocks)
    one = sum(array.nbytes for array in X.parts)
    assert taken < 12 * one


# ------------------------------------------------------------------------------------------------------------- canonical


def test_a_canonical_matrix_is_not_copied(rng):
    X = csr(rng, 6, 9, 0.3, np.float32)
    Y = canonical_csr("X", X)
    assert all(np.shares_memory(a, b) for a, b in ((X.data, Y.data), (X.indices, Y.indices), (X.indptr, Y.indptr)))


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_unsorted_and_repeated_indices_are_put_in_order_in_a_copy(index_dtype):
    indices = np.array([3, 1, 3, 0], index_dtype)
    X = csr_array((np.array([1.0, 2.0, 4.0, 8.0]), indices, np.array([0, 3, 3, 4], index_dtype)), shape=(3, 5))
    for flags in (False, True):  # flags that somebody has set wrongly are not believed
        if flags:
            X.has_sorted_indices = X.has_canonical_format = True
        Y = canonical_csr("X", X)
        assert Y.indices.tolist() == [1, 3, 0]
        assert Y.data.tolist() == [2, 5, 8]
        assert Y.indptr.tolist() == [0, 2, 2, 3]
        assert X.indices.tolist() == [3, 1, 3, 0]


def test_other_formats_and_numbers():
    array = np.array([[0, 2], [3, 0]])
    for X in (
        coo_array(array),
        csr_matrix(array),
        csr_array(array).tocsc(),
        csr_array(array.astype(bool)),
        csr_array(array),
    ):
        Y = canonical_csr("X", X)
        assert type(Y) is csr_array
        assert Y.dtype == np.float32
        assert np.array_equal(Y.toarray(), X.toarray())
    readonly = csr_array(array.astype(float))
    readonly.data.flags.writeable = False
    assert np.shares_memory(canonical_csr("X", readonly).data, readonly.data)


def broken(**parts) -> csr_array:
    """A matrix whose arrays have been replaced after SciPy looked at them."""
    X = csr_array(np.array([[1.0, 2.0], [0, 3.0]]))
    for name, values in parts.items():
        setattr(X, name, np.array(values, np.int32))
    return X


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.eye(2), "X: type ndarray; a two-dimensional SciPy sparse array"),
        (csr_array(np.eye(2) * 1j), r"X: shape \(2, 2\), dtype complex128"),
        (coo_array(np.ones(3)), r"X: shape \(3,\)"),
        (broken(indices=[0, 7, 1]), "X: not a valid CSR matrix"),
        (broken(indices=[0, -1, 1]), "X: not a valid CSR matrix"),
        (broken(indptr=[0, 3, 2]), "X: not a valid CSR matrix"),
    ],
)
def test_matrices_that_cannot_be_used(X, message):
    with pytest.raises(DataError, match=message):
        canonical_csr("X", X)


# ------------------------------------------------------------------------------------------------- refused by the weights


def test_batches_that_do_not_fit_a_dense_weight(rng):
    W = DenseWeight(rng.standard_normal((3, 5)))
    X = SparseBatch.from_csr(csr(rng, 2, 4, 0.5))
    with pytest.raises(ShapeError, match=r"expected a matrix with 5 columns for W \(3, 5\), got shape \(2, 4\)"):
        X @ W.T
    with pytest.raises(ShapeError, match="element types differ, float32 and float64"):
        SparseBatch.from_csr(csr(rng, 2, 5, 0.5), np.float32) @ W.T
    with pytest.raises(ShapeError, match="got type SparseBatch"):
        X @ W
