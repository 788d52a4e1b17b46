from __future__ import annotations

import numba
import numpy as np
import pytest

from nerva_py.engine import one_blas_thread
from nerva_py.engine.blas import COLUMNS, ROWS, _blas_libraries, block_height
from nerva_py.equations.linear import linear
from nerva_py.errors import ShapeError
from nerva_py.matrix import hadamard, product_on
from nerva_py.sparse import DenseWeight, Support
from tests.samples import DTYPES, assert_close, batch, dense

SHAPES = [
    (1, 1, 1),
    (1, 5, 3),
    (2, 1, 4),
    (7, 13, 1),
    (33, 17, 29),
    (5, COLUMNS + 3, 2 * COLUMNS + 1),
    (2 * ROWS + 1, 3, 10),
]


@pytest.fixture(params=DTYPES, ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.mark.parametrize(("N", "D", "K"), SHAPES)
def test_the_three_products(N, D, K, dtype, rng):
    W, b = dense(rng, K, D, dtype), rng.standard_normal((1, K)).astype(dtype)
    X, DY = batch(rng, N, D, dtype), batch(rng, N, K, dtype)
    tolerance = 20 * (D + K + N) * np.finfo(dtype).eps
    for actual, expected in (
        (X @ W.T, X @ W.array.T),
        (linear(X, W, b), X @ W.array.T + b),
        (DY @ W, DY @ W.array),
        (product_on(W, DY.T, X).array, DY.T @ X),
    ):
        assert actual.dtype == dtype
        np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


def layouts(A):
    return {
        "C order": np.ascontiguousarray(A),
        "Fortran order": np.asfortranarray(A),
        "every second column": np.repeat(A, 2, 1)[:, ::2],
        "every second column of Fortran order": np.asfortranarray(np.repeat(A, 2, 1))[:, ::2],
        "reversed columns": np.asfortranarray(A[:, ::-1])[:, ::-1],
        "some rows of more": np.asfortranarray(np.concatenate([A, A, A]))[len(A) : 2 * len(A)],
        "a window of C order": np.pad(A, 3)[3:-3, 3:-3],
    }


@pytest.mark.parametrize("layout", layouts(np.ones((2, 2))))
@pytest.mark.parametrize("N", [1, 2, 6])
def test_products_do_not_depend_on_the_layout(layout, N, rng):
    W, b = dense(rng, 5, 4), layouts(rng.standard_normal((1, 5)))[layout]
    X, DY = (layouts(rng.standard_normal((N, n)))[layout] for n in (4, 5))
    assert_close(linear(X, W, b), X @ W.array.T + b)
    assert_close(DY @ W, DY @ W.array)
    assert_close(product_on(W, DY.T, X).array, DY.T @ X)


def test_an_empty_batch(rng):
    W = dense(rng, 3, 4)
    X, DY = np.zeros((0, 4)), np.zeros((0, 3))
    assert (X @ W.T).shape == (0, 3)
    assert (DY @ W).shape == (0, 4)
    assert (product_on(W, DY.T, X).array == 0).all()


@pytest.mark.parametrize("M", [0, 1, 7, 8, 9, 100, 2 * ROWS, 2 * ROWS + 1, 10 * ROWS + 3])
def test_few_columns_are_cut_into_an_even_number_of_blocks_of_rows(M):
    height = block_height(M, COLUMNS)
    assert 0 < height <= ROWS
    blocks = -(-M // height)
    assert blocks % 2 == 0 or (blocks == 1 and M <= 8)
    assert block_height(M, COLUMNS + 1) == max(1, M)


@pytest.mark.parametrize("K", [10, 300])
def test_results_do_not_depend_on_the_number_of_threads(K, dtype, rng):
    W = dense(rng, K, 500, dtype=dtype)
    X, DY = batch(rng, 37, 500, dtype), batch(rng, 37, K, dtype)
    results = []
    for threads in (1, 2):
        before = numba.get_num_threads()
        numba.set_num_threads(threads)
        results.append([X @ W.T, DY @ W, product_on(W, DY.T, X).array])
        numba.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_blas_gets_its_threads_back(rng):
    def threads():
        return [library.get_num_threads() for library in _blas_libraries()]

    before = threads()
    with one_blas_thread:
        assert set(threads()) == {1}
        batch(rng, 3, 4) @ dense(rng, 5, 4).T
        assert set(threads()) == {1}, "nested contexts end with the outermost"
    assert threads() == before


def test_nan_and_infinity_pass_through(rng):
    W, X = dense(rng, 3, 4), batch(rng, 2, 4)
    X[0, 0] = np.nan
    assert np.isnan((X @ W.T)[0]).all()
    assert np.isfinite((X @ W.T)[1]).all()


# ------------------------------------------------------------------------------------------------------------ storage


def test_nothing_but_the_weights_is_kept(rng):
    W = dense(rng, 3, 4)
    assert (W.nnz, W.density, W.full, W.nbytes) == (12, 1, True, W.array.nbytes)
    assert "indices" not in vars(W.support)
    assert W.support == Support.from_mask(np.ones((3, 4)))
    assert hadamard(W, W).array.tolist() == (W.array**2).tolist()


def test_read_only_arrays_are_copied(rng):
    array = rng.standard_normal((2, 3))
    array.flags.writeable = False
    W = DenseWeight(array)
    assert_close(product_on(W, np.ones((2, 4)), np.ones((4, 3))).array, np.full((2, 3), 4.0))
    W.data[0] = 5
    assert array[0, 0] != 5


def test_data_is_a_view_row_by_row(rng):
    W = dense(rng, 3, 4)
    W.data[5] = 42
    assert W.array[1, 1] == 42
    assert W.toarray() is not W.array


# ------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones(3), "must be a matrix"),
        (np.ones((2, 3), np.int64), "float32 or float64"),
        (np.ones((2, 3), np.float16), "float32 or float64"),
    ],
)
def test_impossible_weights(array, message):
    with pytest.raises(ShapeError, match=message):
        DenseWeight(array)


@pytest.mark.parametrize(
    ("product", "message"),
    [
        (lambda W: np.ones((2, 3)) @ W.T, "expected a matrix with 4 columns"),
        (lambda W: np.ones((2, 4)) @ W, "expected a matrix with 3 columns"),
        (lambda W: np.ones(4) @ W.T, "expected a matrix with 4 columns"),
        (lambda W: np.ones((2, 4), np.float32) @ W.T, "element types differ, float32 and float64"),
        (lambda W: product_on(W, np.ones((4, 2)), np.ones((2, 4))), "expected a matrix with 3 columns"),
        (lambda W: product_on(W, np.ones((3, 2)), np.ones((2, 3))), "expected a matrix with 4 columns"),
        (lambda W: product_on(W, np.ones((3, 2)), np.ones((5, 4))), "do not fit together"),
        (lambda W: linear(np.ones((2, 4)), W, np.ones((1, 4))), "b must be float64 of shape"),
        (lambda W: linear(np.ones((2, 4)), W, np.ones((1, 3), np.float32)), "b must be float64 of shape"),
    ],
)
def test_matrices_that_do_not_fit(product, message, rng):
    with pytest.raises(ShapeError, match=message):
        product(dense(rng, 3, 4))
