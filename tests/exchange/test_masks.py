"""Masked arrays, CSR matrices and weights are the same numbers at the same positions, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.sparse import coo_array, csc_array, csr_array

from nerva_py.errors import NervaError, ShapeError
from nerva_py.exchange import csr_from_mask, csr_of, mask_from_csr, weight_of
from nerva_py.sparse import DenseWeight, SparseWeight


@st.composite
def masked(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Numbers among which zeros of both signs and subnormal ones are frequent, and any mask."""
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    shape = draw(array_shapes(min_dims=2, max_dims=2, max_side=7))
    numbers = st.one_of(st.sampled_from([0.0, -0.0, 1e-40]), st.floats(-10, 10, width=32))
    array = draw(arrays(dtype, shape, elements=numbers.map(dtype)))
    return array, draw(arrays(np.uint8, shape, elements=st.integers(0, 1)))


@given(masked())
def test_round_trip_is_exact(pair: tuple[np.ndarray, np.ndarray]) -> None:
    array, mask = pair
    csr = csr_from_mask(array, mask)
    assert csr.nnz == mask.sum()
    again, positions = mask_from_csr(csr)
    assert positions.tobytes() == mask.tobytes()
    assert again[mask == 1].tobytes() == array[mask == 1].tobytes()
    assert not again[mask == 0].any()


@given(masked())
def test_weights_keep_support_and_bits(pair: tuple[np.ndarray, np.ndarray]) -> None:
    csr = csr_from_mask(*pair)
    W = weight_of(csr, csr.dtype)
    assert isinstance(W, SparseWeight if csr.nnz < pair[0].size else DenseWeight)
    again = csr_of(W)
    assert (again.data.tobytes(), again.dtype) == (csr.data.tobytes(), csr.dtype)
    assert np.array_equal(again.indices, csr.indices)
    assert np.array_equal(again.indptr, csr.indptr)


def test_of_a_dense_layer_every_position_is_stored() -> None:
    array = np.zeros((2, 3), np.float32)
    W = weight_of(array)
    assert isinstance(W, DenseWeight)
    assert csr_of(W).nnz == 6


def test_nothing_is_shared() -> None:
    csr = csr_array(np.eye(5, dtype=np.float32))
    W = weight_of(csr)
    csr.data[:] = 7
    assert (W.data == 1).all()
    csr_of(W).data[:] = 7
    assert (W.data == 1).all()
    array = np.ones((2, 2), np.float32)
    V = weight_of(array)
    array[:] = 7
    assert (V.array == 1).all()


@pytest.mark.parametrize("kind", [csc_array, coo_array])
def test_other_formats_and_unsorted_indices(kind: type) -> None:
    dense = np.array([[0, 2, 0, 3, 0, 0], [1, 0, 0, 0, 0, 0]], np.float32)
    assert np.array_equal(weight_of(kind(dense)).toarray(), dense)
    shuffled = csr_array((np.array([3, 2, 1.0]), np.array([3, 1, 0]), np.array([0, 2, 3])), shape=(2, 6))
    assert np.array_equal(weight_of(shuffled).toarray(), dense)
    assert shuffled.indices.tolist() == [3, 1, 0]  # the given matrix is as it was


def test_positions_stored_twice_are_refused() -> None:
    twice = csr_array((np.ones(2), np.array([1, 1]), np.array([0, 2])), shape=(1, 4))
    for function in (mask_from_csr, weight_of):
        with pytest.raises(NervaError, match="must not store a position twice"):
            function(twice)


def test_shapes_must_fit() -> None:
    with pytest.raises(ShapeError, match=r"of one shape, not of \(2, 3\) and \(3, 2\)"):
        csr_from_mask(np.ones((2, 3)), np.ones((3, 2)))
    with pytest.raises(NervaError, match="two-dimensional SciPy sparse array, not ndarray"):
        mask_from_csr(np.ones((2, 3)))  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"two dimensions, not shape \(3,\)"):
        weight_of(np.ones(3))
