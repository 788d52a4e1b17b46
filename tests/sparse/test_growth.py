from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from nerva_py.errors import NervaError, ShapeError
from nerva_py.sparse import Support, first_free, random_free
from nerva_py.sparse.growth import free_count, merged, union, without
from tests import naive
from tests.sparse.supports import LIMITS, SHAPES, assert_valid, at, int32_limit, positions, supports, threads

pytestmark = pytest.mark.usefixtures("one_thread")

SEEDS = st.integers(0, 10**6)


@st.composite
def pairs(draw):
    """Two supports of one shape."""
    shape = st.just(draw(SHAPES))
    return draw(supports(shape)), draw(supports(shape))


# -------------------------------------------------------------------------------------------------------- random_free


@given(supports(), LIMITS, st.floats(0, 1) | st.just(1.0), st.sampled_from([1, 2]), SEEDS)
def test_random_free_is_exact_and_outside_the_support(S, limit, part, count, seed):
    with int32_limit(limit), threads(count):
        S = at(S.shape, positions(S))
        wanted = round(part * free_count(S))
        grown = random_free(S, wanted, np.random.default_rng(seed))
        assert_valid(grown)
    assert grown.nnz == wanted
    assert grown.shape == S.shape
    assert not set(positions(grown)) & set(positions(S))


@given(supports())
def test_all_free_positions_are_the_complement(S):
    grown = random_free(S, free_count(S), np.random.default_rng(0))
    assert positions(grown) == naive.free(S.shape, set(positions(S)))


def test_every_set_of_free_positions_is_equally_likely():
    """Before, between and behind what is stored, in rows that are empty and full."""
    S = at((4, 3), {(0, 1), (1, 0), (1, 1), (1, 2), (3, 0), (3, 2)})
    rng, draws = np.random.default_rng(1), 6000
    for count in (2, 5):  # of 6 free ones: drawn, and left out
        sets = list(combinations(naive.free(S.shape, set(positions(S))), count))
        counts = dict.fromkeys(sets, 0)
        for _ in range(draws):
            counts[tuple(positions(random_free(S, count, rng)))] += 1
        assert chisquare(list(counts.values())).pvalue > 0.01


def test_random_free_of_a_large_support_that_is_nearly_full():
    everything = np.ones((300, 200), np.uint8)
    holes = [(0, 0), (0, 199), (7, 3), (150, 150), (299, 199)]
    everything[tuple(np.transpose(holes))] = 0
    S = Support.from_mask(everything)
    assert positions(random_free(S, 5, np.random.default_rng(0))) == holes
    assert set(positions(random_free(S, 3, np.random.default_rng(0)))) < set(holes)


def test_the_seed_decides_and_the_threads_do_not():
    S = Support.random((60, 50), 900, np.random.default_rng(0))
    grown = []
    for count in (1, 2):
        with threads(count):
            grown.append(random_free(S, 500, np.random.default_rng(3)))
    assert grown[0] == grown[1]
    assert random_free(S, 500, np.random.default_rng(4)) != grown[0]


@pytest.mark.parametrize("count", [-1, 5])
def test_more_than_are_free(count):
    S = at((2, 3), {(0, 0), (1, 2)})
    for grow in (random_free, lambda S, count, rng: first_free(S, np.array([0]), np.array([1]), count, rng)):
        with pytest.raises(
            NervaError, match=rf"count must be from 0 to the number of free positions, 4 .* not {count}"
        ):
            grow(S, count, np.random.default_rng(0))


def test_a_huge_shape_costs_nothing():
    S = Support.random((10**5, 10**9), 1000, np.random.default_rng(0))
    grown = random_free(S, 1000, np.random.default_rng(1))
    assert grown.nnz == 1000
    assert (S.find(grown) == -1).all()


# --------------------------------------------------------------------------------------------------------- first_free


@given(supports(), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=40), st.floats(0, 1), SEEDS)
def test_first_free_takes_the_first_different_free_proposals(S, proposed, part, seed):
    K, D = S.shape
    proposed = [(k % K, d % D) for k, d in proposed]
    count, taken = round(part * free_count(S)), set(positions(S))
    usable = [position for position in dict.fromkeys(proposed) if position not in taken]
    rows, columns = np.array(proposed, np.int64).reshape(-1, 2).T
    grown = first_free(S, rows, columns, count, np.random.default_rng(seed))
    assert_valid(grown)
    assert grown.nnz == count
    assert not set(positions(grown)) & taken
    if len(usable) >= count:
        assert positions(grown) == sorted(usable[:count])
    else:
        assert set(usable) <= set(positions(grown))


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [([0], [3], "columns: 3 to 3; 0 to 2 are allowed"), ([0, -1], [0, 0], "rows: -1 to 0; 0 to 1 are allowed")],
)
def test_proposals_out_of_range(rows, columns, message):
    with pytest.raises(NervaError, match=message):
        first_free(Support.empty((2, 3)), np.array(rows), np.array(columns), 1, np.random.default_rng(0))


# --------------------------------------------------------------------------------------------------------------- sets


@given(pairs(), LIMITS, st.sampled_from([1, 2]))
def test_set_operations(pair, limit, count):
    with int32_limit(limit), threads(count):
        A, B = (at(S.shape, positions(S)) for S in pair)
        a, b = set(positions(A)), set(positions(B))
        for result, expected in (
            (union(A, B), a | b),
            (without(A, B), a - b),
            (merged(A, without(B, A)), a | b),
        ):
            assert_valid(result)
            assert set(positions(result)) == expected
        place = {position: p for p, position in enumerate(positions(A))}
        assert A.find(B).tolist() == [place.get(position, -1) for position in positions(B)]


@given(supports(), st.integers(0, 10**6))
def test_among_forgets_how_often_and_in_which_order(S, seed):
    several = np.random.default_rng(seed).choice(S.nnz, 2 * S.nnz) if S.nnz else np.zeros(0, int)
    drawn = [positions(S)[place] for place in several]
    rows, columns = np.array(drawn, np.int64).reshape(-1, 2).T
    assert positions(Support.among(S.shape, rows, columns)) == sorted(set(drawn))


def test_merged_refuses_what_both_have():
    S = at((2, 3), {(1, 1)})
    with pytest.raises(NervaError, match=r"position \(1, 1\) exists"):
        merged(S, S)


def test_sets_of_different_shapes():
    A, B = Support.empty((2, 3)), Support.empty((3, 2))
    for operation in (union, without, merged):
        with pytest.raises(NervaError, match=r"\(2, 3\)"):
            operation(A, B)
    with pytest.raises(ShapeError, match="other has shape"):
        A.find(B)
