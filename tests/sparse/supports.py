"""Supports for tests: drawn at random, looked at as sets, and what must be true of every one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numba
import numpy as np
import pytest
from hypothesis import strategies as st

from nerva_py.sparse import Support, support

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))
# With a small limit, supports change between int32 and int64 as they grow and shrink.
LIMITS = st.sampled_from([2**31, 2**31, 0, 14])


@st.composite
def supports(draw, shapes=SHAPES) -> Support:
    """Empty and full ones turn up often."""
    K, D = draw(shapes)
    nnz = draw(st.sampled_from([0, K * D]) | st.integers(0, K * D))
    return Support.random((K, D), nnz, np.random.default_rng(draw(st.integers(0, 10**6))))


@contextmanager
def int32_limit(limit: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(support, "INT32_LIMIT", limit)
        yield


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = numba.get_num_threads()
    numba.set_num_threads(count)
    try:
        yield
    finally:
        numba.set_num_threads(before)


def positions(S: Support) -> list[tuple[int, int]]:
    """(row, column) in the order in which they are stored."""
    return [(k, int(d)) for k in range(S.shape[0]) for d in S.indices[S.indptr[k] : S.indptr[k + 1]]]


def at(shape: tuple[int, int], chosen) -> Support:
    """The support of these (row, column)."""
    rows, columns = np.array(sorted(chosen), np.int64).reshape(-1, 2).T
    return Support.at(shape, rows, columns)


def assert_valid(S: Support) -> None:
    """Sorted, without duplicates, within the shape, of one index type, and with a CSC view that tells the same."""
    K, D = S.shape
    assert S.indptr.shape == (K + 1,)
    assert (S.indptr[0], S.indptr[-1]) == (0, S.nnz)
    assert (np.diff(S.indptr) >= 0).all()
    stored = positions(S)
    assert stored == sorted(set(stored))
    assert all(0 <= d < D for _, d in stored)
    indptr_T, indices_T, perm = S.transposed
    by_column = [(int(k), d) for d in range(D) for k in indices_T[indptr_T[d] : indptr_T[d + 1]]]
    assert by_column == sorted(stored, key=lambda position: position[::-1])
    assert by_column == [stored[p] for p in perm]
    dtype = support.index_dtype(S.nnz, K, D)
    assert {array.dtype for array in (S.indptr, S.indices, indptr_T, indices_T, perm)} == {dtype}
