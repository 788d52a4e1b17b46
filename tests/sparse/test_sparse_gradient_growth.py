"""Growth by the gradient of a first layer whose samples are sparse: exactly what the dense samples give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from nerva_py.engine import SparseBatch
from nerva_py.errors import DivergedError, ShapeError
from nerva_py.sparse import Support, gradient_growth
from nerva_py.sparse.gradient_growth import largest_among, largest_free
from nerva_py.sparse.growth import free_count
from tests import naive
from tests.samples import DTYPES
from tests.sparse.supports import LIMITS, assert_valid, at, int32_limit, positions, supports, threads

pytestmark = pytest.mark.usefixtures("one_thread")


@st.composite
def cases(draw):
    """Support, DY, sparse X, count; whole numbers, many columns of X without any."""
    S = draw(supports(st.tuples(st.integers(1, 25), st.integers(1, 25))))
    rng, dtype = np.random.default_rng(draw(st.integers(0, 10**6))), draw(st.sampled_from(DTYPES))
    N, density = draw(st.integers(1, 6)), draw(st.sampled_from([0.0, 0.05, 0.3, 1.0]))
    DY = np.asfortranarray(rng.integers(-3, 4, (N, S.shape[0])).astype(dtype))
    X = rng.integers(-2, 3, (N, S.shape[1])) * (rng.random((N, S.shape[1])) < density)
    count = round(draw(st.sampled_from([0, 0.02, 0.1, 0.5, 1]) | st.floats(0, 1)) * free_count(S))
    return S, DY, SparseBatch.from_csr(csr_array(X.astype(dtype))), count


@given(cases(), LIMITS, st.sampled_from([1, 2]))
def test_the_largest_are_those_of_the_dense_gradient(case, limit, count):
    """Ties and zeros included: those of smaller row, then of smaller column, wherever they are."""
    S, DY, X, wanted = case
    with int32_limit(limit), threads(count):
        S = at(S.shape, positions(S))
        grown = largest_free(S, DY, X, wanted)
        assert_valid(grown)
    assert positions(grown) == naive.largest_free(set(positions(S)), DY, X.toarray(), wanted)


@pytest.mark.parametrize("guess", [1e30, 5.0, 0.0, -1.0])
@given(case=cases())
def test_a_wrong_guess_costs_time_only(case, guess):
    S, DY, X, count = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradient_growth, "_guess", lambda *arguments: guess)
        grown = largest_free(S, DY, X, count)
    assert positions(grown) == naive.largest_free(set(positions(S)), DY, X.toarray(), count)


@given(cases())
def test_the_largest_among_candidates(case):
    candidates, DY, X, _ = case
    count = candidates.nnz // 3
    others = set(naive.free(candidates.shape, set(positions(candidates))))
    grown = largest_among(candidates, DY, X, count)
    assert positions(grown) == naive.largest_free(others, DY, X.toarray(), count)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [1, 3000, 40000])
def test_long_rows_give_the_same_with_one_thread_or_two(count, dtype, rng):
    """More columns that occur than a stretch has, more candidates than there is place for."""
    S = Support.random((61, 9000), 5000, rng)
    A = rng.integers(-2, 3, (5, 9000)) * (rng.random((5, 9000)) < 0.2)
    X = SparseBatch.from_csr(csr_array(A.astype(dtype)))
    DY = np.asfortranarray(rng.integers(-2, 3, (5, 61)).astype(dtype))
    assert X.features.size > 2 * gradient_growth.largest.STRETCH
    G = np.abs(DY.T @ A)
    G[S.rows(), S.indices] = -1
    expected = np.sort(np.argsort(-G, axis=None, kind="stable")[:count])
    for threads_ in (1, 2):
        with threads(threads_):
            grown = largest_free(S, DY, X, count)
        assert np.array_equal(grown.rows().astype(np.int64) * 9000 + grown.indices, expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite(bad, rng):
    A = csr_array(rng.integers(1, 3, (3, 12)).astype(float))
    A.data[7] = bad
    X, DY = SparseBatch.from_csr(A), np.ones((3, 10))
    with pytest.raises(DivergedError, match="largest_free: the gradient is not finite"):
        largest_free(Support.empty((10, 12)), DY, X, 5)
    with pytest.raises(DivergedError, match="largest_among"):
        largest_among(Support.random((10, 12), 120, rng), DY, X, 1)
    DY[1, 1] = bad
    with pytest.raises(DivergedError, match="largest_free"):
        largest_free(Support.empty((10, 12)), DY, SparseBatch.from_csr(csr_array(np.eye(3, 12))), 5)


def test_factors_that_do_not_fit():
    X = SparseBatch.from_csr(csr_array(np.eye(2, 4)))
    for DY in (np.ones((2, 4)), np.ones((3, 3)), np.ones((2, 3), np.float32)):
        with pytest.raises(ShapeError, match="do not fit to Support"):
            largest_free(Support.empty((3, 4)), DY, X, 1)
