from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerva_py.engine import batch_empty
from nerva_py.errors import DivergedError, NervaError, ShapeError
from nerva_py.sparse import Support, gradient_growth
from nerva_py.sparse.gradient_growth import largest_among, largest_free
from nerva_py.sparse.growth import free_count
from tests import naive
from tests.samples import DTYPES
from tests.sparse.supports import LIMITS, assert_valid, at, int32_limit, positions, supports, threads

pytestmark = pytest.mark.usefixtures("one_thread")


def integers(rng, N: int, K: int, dtype, largest: int = 2) -> np.ndarray:
    """A batch of small integers: products are exact, and ties are frequent."""
    X = batch_empty(N, K, dtype)
    X[...] = rng.integers(-largest, largest + 1, (N, K))
    return X


@st.composite
def cases(draw):
    """Support, DY, X, count: the count from 0 to all free positions."""
    S = draw(supports(st.tuples(st.integers(1, 25), st.integers(1, 25))))
    rng, dtype = np.random.default_rng(draw(st.integers(0, 10**6))), draw(st.sampled_from(DTYPES))
    N, largest = draw(st.integers(1, 6)), draw(st.sampled_from([0, 1, 9]))
    DY, X = integers(rng, N, S.shape[0], dtype, largest), integers(rng, N, S.shape[1], dtype)
    return S, DY, X, round(draw(st.sampled_from([0, 0.02, 0.1, 0.5, 1]) | st.floats(0, 1)) * free_count(S))


@given(cases(), LIMITS, st.sampled_from([1, 2]))
def test_the_largest_are_those_of_the_dense_gradient(case, limit, count):
    S, DY, X, wanted = case
    with int32_limit(limit), threads(count):
        S = at(S.shape, positions(S))
        grown = largest_free(S, DY, X, wanted)
        assert_valid(grown)
    assert positions(grown) == naive.largest_free(set(positions(S)), DY, X, wanted)


@pytest.mark.parametrize("guess", [1e30, 5.0, 0.0, -1.0])
@given(case=cases())
def test_a_wrong_guess_costs_time_only(case, guess):
    S, DY, X, count = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradient_growth, "_guess", lambda *arguments: guess)
        grown = largest_free(S, DY, X, count)
    assert positions(grown) == naive.largest_free(set(positions(S)), DY, X, count)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [1, 40, 3000, 17500])
def test_many_blocks_give_the_same_with_one_thread_or_two(count, dtype, rng):
    """More rows than a block has, more columns than a stretch, more candidates than there is place for."""
    S = Support.random((260, 2100), 5000, rng)
    DY, X = integers(rng, 5, 260, dtype), integers(rng, 5, 2100, dtype)
    G = np.abs(DY.T @ X)
    G[S.rows(), S.indices] = -1
    expected = np.sort(np.argsort(-G, axis=None, kind="stable")[:count])
    for threads_ in (1, 2):
        with threads(threads_):
            grown = largest_free(S, DY, X, count)
        assert np.array_equal(grown.rows().astype(np.int64) * 2100 + grown.indices, expected)


@pytest.mark.parametrize("rows", [100, 200, 300, 400])
def test_ties_go_to_the_first_rows_whichever_thread_finds_them(rows):
    """The blocks of two threads alternate; all |G| are equal."""
    for threads_ in (1, 2):
        with threads(threads_):
            grown = largest_free(Support.empty((450, 16)), np.ones((2, 450)), np.ones((2, 16)), rows * 16)
        assert np.array_equal(np.diff(grown.indptr), np.where(np.arange(450) < rows, 16, 0))


@pytest.mark.parametrize("scale", [2.0**-75, 2.0**-140, 2.0**70], ids=["small", "subnormal", "large"])
def test_squares_that_underflow_or_overflow_hide_nothing(scale, rng):
    """In float32 the square of 2⁻⁷⁵ is 0 and that of 2⁷⁰ is infinite; the gradient itself is neither."""
    S = Support.random((40, 30), 100, rng)
    for count in (30, 200, 400, 500):
        DY, X = integers(rng, 1, 40, np.float32, 3), integers(rng, 1, 30, np.float32, 3)
        expected = naive.largest_free(set(positions(S)), DY, X, count)
        assert positions(largest_free(S, DY * np.float32(scale), X, count)) == expected
        assert positions(largest_free(S, DY, X * np.float32(scale), count)) == expected


def test_without_a_gradient_the_first_free_positions_grow():
    S = at((3, 4), {(0, 0), (0, 2), (1, 1)})
    zeros = batch_empty(2, 3), batch_empty(2, 4)
    for matrix in zeros:
        matrix[...] = 0
    zeros[0][0] = -0.0
    assert positions(largest_free(S, *zeros, 4)) == [(0, 1), (0, 3), (1, 0), (1, 2)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite(bad, dtype, rng):
    S = Support.random((10, 12), 30, rng)
    for which in (0, 1):
        factors = integers(rng, 3, 10, dtype), integers(rng, 3, 12, dtype)
        factors[which][1, 5] = bad
        with pytest.raises(DivergedError, match="largest_free: the gradient is not finite"):
            largest_free(S, *factors, 5)


def test_a_gradient_that_overflows(rng):
    DY, X = (np.full((2, n), 1e30, np.float32) for n in (3, 4))
    with pytest.raises(DivergedError, match="not finite"):
        largest_free(Support.empty((3, 4)), DY, X, 2)


@pytest.mark.parametrize("count", [-1, 11])
def test_more_than_are_free(count, rng):
    S = at((3, 4), {(0, 0), (1, 1)})
    with pytest.raises(NervaError, match=rf"count must be from 0 to the number of free positions, 10 .* not {count}"):
        largest_free(S, np.ones((2, 3)), np.ones((2, 4)), count)


@pytest.mark.parametrize(
    ("DY", "X"),
    [
        (np.ones((2, 4)), np.ones((2, 4))),
        (np.ones((2, 3)), np.ones((2, 3))),
        (np.ones((3, 3)), np.ones((2, 4))),
        (np.ones((2, 3), np.float32), np.ones((2, 4))),
    ],
)
def test_factors_that_do_not_fit(DY, X):
    with pytest.raises(ShapeError, match="do not fit to Support"):
        largest_free(Support.empty((3, 4)), DY, X, 1)


def test_any_memory_layout(rng):
    DY, X = rng.integers(-3, 4, (4, 7)).astype(float), rng.integers(-3, 4, (4, 9)).astype(float)
    expected = largest_free(Support.empty((7, 9)), np.asfortranarray(DY), np.asfortranarray(X), 20)
    assert largest_free(Support.empty((7, 9)), DY, X, 20) == expected
    assert largest_free(Support.empty((7, 9)), DY[:, ::-1][:, ::-1], np.repeat(X, 2, axis=1)[:, ::2], 20) == expected


# ------------------------------------------------------------------------------------------------------ largest_among


@given(cases())
def test_the_largest_among_candidates(case):
    candidates, DY, X, _ = case
    count = candidates.nnz // 3
    others = set(naive.free(candidates.shape, set(positions(candidates))))
    grown = largest_among(candidates, DY, X, count)
    assert_valid(grown)
    assert positions(grown) == naive.largest_free(others, DY, X, count)


def test_among_candidates_whose_gradient_is_not_finite(rng):
    X = integers(rng, 2, 4, np.float64)
    X[0, 2] = np.nan
    with pytest.raises(DivergedError, match="largest_among"):
        largest_among(at((3, 4), {(0, 2), (1, 1)}), np.ones((2, 3)), X, 1)
