from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array
from scipy.stats import chi2, chisquare

from nerva_py.errors import NervaError, ShapeError
from nerva_py.sparse import Support, support

SHAPES = st.tuples(st.integers(1, 30), st.integers(1, 30))


@st.composite
def supports(draw):
    K, D = draw(SHAPES)
    return Support.random((K, D), draw(st.integers(0, K * D)), np.random.default_rng(draw(st.integers(0, 1000))))


def positions(S: Support) -> np.ndarray:
    """Numbers k·D + d of the positions, in the order in which they are stored."""
    rows = np.repeat(np.arange(S.shape[0]), np.diff(S.indptr))
    return rows * S.shape[1] + S.indices


# ------------------------------------------------------------------------------------------------------------- random


@given(SHAPES, st.floats(0, 1), st.integers(0, 2**32))
def test_a_random_support_has_exactly_nnz_positions(shape, share, seed):
    nnz = round(share * shape[0] * shape[1])
    S = Support.random(shape, nnz, np.random.default_rng(seed))
    assert S.nnz == nnz == S.indptr[-1]
    assert S.indptr[0] == 0
    assert len(S.indptr) == shape[0] + 1
    assert (np.diff(positions(S)) > 0).all(), "sorted, and none twice"
    assert nnz == 0 or (S.indices.min() >= 0 and S.indices.max() < shape[1])


@pytest.mark.parametrize("nnz", [3, 6, 9], ids=["drawn", "half", "left out"])
def test_every_position_is_equally_likely(nnz):
    rng = np.random.default_rng(0)
    draws = 3000
    counts = np.zeros(12)
    for _ in range(draws):
        counts[positions(Support.random((3, 4), nnz, rng))] += 1
    # Positions of one draw are not independent (without replacement), which makes the statistic smaller: by (12 − nnz)/11.
    expected = draws * nnz / 12
    statistic = ((counts - expected) ** 2 / expected).sum() * 11 / (12 - nnz)
    assert 0.01 < chi2.sf(statistic, df=11) < 0.99


def test_every_set_of_positions_is_equally_likely():
    rng = np.random.default_rng(1)
    draws = 6000
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(draws):
        drawn = tuple(positions(Support.random((2, 3), 3, rng)).tolist())
        counts[drawn] = counts.get(drawn, 0) + 1
    assert len(counts) == 20, "all sets of 3 of 6 positions turn up"
    assert chisquare(list(counts.values())).pvalue > 0.01


def test_the_seed_decides():
    def draw(seed):
        return Support.random((50, 60), 500, np.random.default_rng(seed))

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_a_huge_sparse_shape_costs_nothing():
    S = Support.random((10**5, 10**9), 1000, np.random.default_rng(0))
    assert S.nnz == 1000
    assert S.nbytes < 10**6


@pytest.mark.parametrize("nnz", [-1, 13, 10**30])
def test_an_impossible_nnz(nnz):
    with pytest.raises(NervaError, match=r"nnz must be from 0 to K·D = 12"):
        Support.random((3, 4), nnz, np.random.default_rng(0))


@pytest.mark.parametrize("shape", [(0, 3), (3, -1), (3,), (3, 4, 5), (2.5, 2), "ab", None, 7])
def test_an_impossible_shape(shape):
    with pytest.raises(ShapeError, match="shape must be two positive integers"):
        Support.random(shape, 0, np.random.default_rng(0))


# -------------------------------------------------------------------------------------------------------------- views


@given(supports())
def test_the_transposed_view_numbers_the_values_column_by_column(S):
    data = np.arange(1.0, S.nnz + 1)
    expected = csr_array((data, S.indices, S.indptr), shape=S.shape).tocsc()
    indptr_T, indices_T, perm = S.transposed
    np.testing.assert_array_equal(indptr_T, expected.indptr)
    np.testing.assert_array_equal(indices_T, expected.indices)
    np.testing.assert_array_equal(data[perm], expected.data)


def test_the_transposed_view_is_made_once():
    S = Support.random((5, 6), 12, np.random.default_rng(0))
    assert S.transposed is S.transposed


@given(supports(), st.integers(1, 9), st.booleans())
def test_parts_cover_all_rows_once_and_are_balanced(S, count, transposed):
    parts = S.parts(count, transposed)
    rows = S.shape[1 if transposed else 0]
    assert len(parts) == count + 1
    assert parts[0] == 0
    assert parts[-1] == rows
    assert (np.diff(parts) >= 0).all()
    indptr = S.transposed[0] if transposed else S.indptr
    work = np.diff(indptr) + 1  # what a row costs
    shares = [work[start:stop].sum() for start, stop in pairwise(parts)]
    assert max(shares) <= work.sum() / count + work.max()


@given(supports())
def test_the_mask_has_a_one_at_each_position(S):
    mask = S.mask()
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(np.flatnonzero(mask), positions(S))
    assert mask.sum() == S.nnz


# ----------------------------------------------------------------------------------------------------------- from SciPy


def test_from_csr_keeps_stored_zeros_and_sorts():
    matrix = csr_array((np.array([5.0, 0.0, 7.0]), np.array([2, 0, 1]), np.array([0, 2, 3])), shape=(2, 3))
    S = Support.from_csr(matrix)
    assert S.indptr.tolist() == [0, 2, 3]
    assert S.indices.tolist() == [0, 2, 1]


def test_from_csr_copies():
    matrix = csr_array(np.array([[1.0, 0, 2], [0, 3, 0]]))
    S = Support.from_csr(matrix)
    matrix.data[:] = 0
    matrix.eliminate_zeros()  # in place
    assert S.indices.tolist() == [0, 2, 1]


def test_a_position_stored_twice_is_refused():
    matrix = csr_array((np.ones(2), np.array([1, 1]), np.array([0, 2])), shape=(1, 3))
    with pytest.raises(NervaError, match="must not store a position twice"):
        Support.from_csr(matrix)


@given(supports())
def test_from_csr_inverts_to_csr(S):
    rows = np.repeat(np.arange(S.shape[0]), np.diff(S.indptr))
    assert Support.from_csr(csr_array(coo_array((np.ones(S.nnz), (rows, S.indices)), shape=S.shape))) == S


# ---------------------------------------------------------------------------------------------------------- index type


def test_indices_are_int32_while_everything_fits():
    assert support.index_dtype(2**31 - 1, 10, 10) == np.int32
    for large in ((2**31, 10, 10), (10, 2**31, 10), (10, 10, 2**31)):
        assert support.index_dtype(*large) == np.int64


def test_all_arrays_have_the_index_type(monkeypatch):
    for limit, expected in ((2**31, np.int32), (3, np.int64)):
        monkeypatch.setattr(support, "INT32_LIMIT", limit)
        S = Support.random((4, 5), 10, np.random.default_rng(0))
        assert {array.dtype for array in (S.indptr, S.indices, *S.transposed)} == {np.dtype(expected)}


# ----------------------------------------------------------------------------------------------------------- equality


def test_supports_are_equal_if_their_positions_are():
    S = Support.random((4, 5), 10, np.random.default_rng(0))
    assert Support((4, 5), S.indptr.copy(), S.indices.copy()) == S
    assert Support((4, 6), S.indptr, S.indices) != S
    assert S != "support"
    assert repr(S) == "Support(4×5, nnz=10, int32)"
