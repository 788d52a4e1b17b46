"""gather and one_hot against NumPy, and the laws that hold for any batch."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerva_py.data import CropFlip, gather, one_hot
from nerva_py.data.batches import FEATURES, VALUES, WORDS
from nerva_py.errors import DataError

SAMPLE_TYPES = [np.uint8, np.float32, np.float64]
BATCH_TYPES = [np.float32, np.float64]


def make(M, D, dtype, seed=0):
    """Samples, and a scale and shift of the usual size."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 256, (M, D)).astype(dtype) if dtype == np.uint8 else rng.normal(0, 100, (M, D)).astype(dtype)
    return X, rng.uniform(0.001, 0.1, D), rng.normal(0, 2, D)


def naive_gather(X, rows, scale, shift):
    """In float64, whatever the types."""
    return X[rows].astype(np.float64) * scale + shift


def assert_rounded(Y, exact, dtype):
    """Y is `exact` up to the rounding of a product, a sum, and of scale and shift, none of which is larger than 50."""
    assert Y.dtype == dtype
    np.testing.assert_allclose(Y, exact, rtol=0, atol=100 * np.finfo(dtype).eps)


@settings(deadline=None, max_examples=60)
@given(
    N=st.integers(1, 40),
    D=st.integers(1, 70),
    M=st.integers(1, 50),
    dtypes=st.sampled_from([(x, y) for x in SAMPLE_TYPES for y in BATCH_TYPES]),
    seed=st.integers(0, 1000),
)
def test_gather_is_the_formula(N, D, M, dtypes, seed):
    X, scale, shift = make(M, D, dtypes[0], seed)
    rows = np.random.default_rng(seed).integers(0, M, N)
    Y = gather(X, rows, scale, shift, dtypes[1])
    assert Y.shape == (N, D)
    assert Y.strides[0] == Y.itemsize or N == 1
    assert_rounded(Y, naive_gather(X, rows, scale, shift), dtypes[1])


@pytest.mark.parametrize("dtype", SAMPLE_TYPES)
@pytest.mark.parametrize("N", [1, 8, VALUES + 1, 8 * WORDS, 8 * WORDS + 1])
@pytest.mark.parametrize("D", [1, 2 * FEATURES, 2 * FEATURES + 1])
def test_gather_at_the_edges_of_tiles_and_blocks(N, D, dtype):
    X, scale, shift = make(5, D, dtype)
    rows = np.arange(N) % 5
    assert_rounded(gather(X, rows, scale, shift), naive_gather(X, rows, scale, shift), np.float32)


@pytest.mark.parametrize("dtype", SAMPLE_TYPES)
@pytest.mark.parametrize("batch_type", BATCH_TYPES)
def test_gather_with_scale_1_and_shift_0_is_exact(dtype, batch_type):
    X, _, _ = make(30, 20, dtype)
    rows = np.array([29, 0, 3, 3])
    Y = gather(X, rows, np.ones(20), np.zeros(20), batch_type)
    assert np.array_equal(Y, X[rows].astype(batch_type))


@pytest.mark.parametrize("dtype", SAMPLE_TYPES)
def test_permuting_the_rows_permutes_the_batch(dtype, rng):
    X, scale, shift = make(60, 33, dtype)
    rows, order = rng.permutation(60)[:37], rng.permutation(37)
    assert np.array_equal(gather(X, rows[order], scale, shift), gather(X, rows, scale, shift)[order])


@pytest.mark.parametrize("dtype", SAMPLE_TYPES)
def test_the_number_of_threads_changes_nothing(dtype, rng):
    X, scale, shift = make(50, 3 * 32 * 32, dtype)
    rows = rng.integers(0, 50, 100)
    augmentation = CropFlip().draw(rng, 100) if dtype == np.uint8 else None
    threads = numba.get_num_threads()
    results = []
    try:
        for n in {1, min(2, numba.config.NUMBA_NUM_THREADS)}:
            numba.set_num_threads(n)
            results.append(gather(X, rows, scale, shift))
            if augmentation is not None:
                results.append(gather(X, rows, scale, shift, augmentation=augmentation, image_shape=(3, 32, 32)))
    finally:
        numba.set_num_threads(threads)
    half = len(results) // 2
    for one, two in zip(results[:half], results[half:], strict=True):
        assert one.tobytes() == two.tobytes()


def test_float64_values_lose_nothing_before_they_are_normalised():
    X = np.array([[1e9 + 1.0], [1e9 - 1.0]])
    assert gather(X, np.array([0, 1]), np.array([1.0]), np.array([-1e9]), np.float32).tolist() == [[1.0], [-1.0]]


@pytest.mark.parametrize("dtype", SAMPLE_TYPES)
def test_an_empty_batch(dtype):
    X, scale, shift = make(3, 4, dtype)
    assert gather(X, np.array([], int), scale, shift).shape == (0, 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.zeros((3, 4), np.int16)}, r"X: shape \(3, 4\), dtype int16"),
        ({"X": np.zeros(4, np.uint8)}, r"X: shape \(4,\)"),
        ({"X": np.zeros((4, 3), np.uint8).T}, "X: strides"),
        ({"rows": np.array([0, 3])}, "rows: 0 to 3; 0 to 2"),
        ({"rows": np.array([-1, 1])}, "rows: -1 to 1"),
        ({"rows": np.array([-1], np.int8)}, "rows: -1 to -1"),
        ({"rows": np.array([True, False, True])}, "rows: .* dtype bool"),
        ({"rows": np.array([0.0])}, "rows: .* dtype float64"),
        ({"rows": np.array([[0]])}, r"rows: shape \(1, 1\)"),
        ({"scale": np.ones(5)}, r"scale: shape \(5,\); X has 4 features"),
        ({"shift": np.ones((1, 4))}, r"shift: shape \(1, 4\)"),
        ({"dtype": np.float16}, "dtype: float16; float32 and float64"),
    ],
)
def test_bad_arguments(change, message):
    X, scale, shift = make(3, 4, np.uint8)
    arguments = {"X": X, "rows": np.array([0, 1]), "scale": scale, "shift": shift} | change
    with pytest.raises(DataError, match=message):
        gather(**arguments)


@pytest.mark.parametrize("dtype", BATCH_TYPES)
def test_one_hot(dtype):
    labels = np.array([2, 0, 1, 2], np.int32)
    T = one_hot(labels, 4, dtype)
    assert T.dtype == dtype
    assert T.strides[0] == T.itemsize
    assert np.array_equal(T, np.eye(4)[labels])
    assert one_hot(np.array([], int), 3).shape == (0, 3)


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_one_hot_of_labels_out_of_range(labels):
    with pytest.raises(DataError, match=r"labels: .* 0 to 2 are allowed"):
        one_hot(np.array(labels), 3)


@pytest.mark.parametrize("labels", [np.array([0.0]), np.array([[0]]), np.array([True])])
def test_one_hot_of_what_is_no_vector_of_integers(labels):
    with pytest.raises(DataError, match="a vector of integers is allowed"):
        one_hot(labels, 3)
