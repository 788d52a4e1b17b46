from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerva_py.sparse.selection import highest, lowest, share
from tests import naive

# Few different numbers, so that there are ties.
SCORES = st.lists(st.integers(-3, 3), max_size=30) | st.lists(st.floats(-1, 1), max_size=30)


@given(SCORES, st.integers(0, 32))
def test_lowest_and_highest_are_the_first_of_a_stable_sort(scores, count):
    vector = np.array(scores, float)
    assert np.flatnonzero(lowest(vector, count)).tolist() == naive.lowest(scores, count)
    opposite = [-score for score in scores]
    assert np.flatnonzero(highest(vector, count)).tolist() == naive.lowest(opposite, count)


@pytest.mark.parametrize("choose", [lowest, highest])
@pytest.mark.parametrize("count", [-1, 0, 1, 4, 9, 10, 11])
def test_of_equal_scores_the_first(choose, count):
    chosen = choose(np.zeros(10), count)
    assert chosen.dtype == np.bool_
    assert chosen.tolist() == [place < count for place in range(10)]


def test_negative_zero_is_a_tie_with_zero():
    assert lowest(np.array([0.0, -0.0]), 1).tolist() == [True, False]
    assert highest(np.array([-0.0, 0.0]), 1).tolist() == [True, False]


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_share_is_exact_for_fractions_in_hundredths(percent, n):
    """Not 28 of 0.29 · 100, which is 28.999999999999996."""
    percent = min(percent, 100)
    assert share(percent / 100, n) == Fraction(percent, 100) * n // 1


def test_share_never_exceeds_the_whole():
    assert share(1.0, 7) == 7
    assert share(0.9999999, 7) == 6
    assert share(0.0, 7) == share(0.5, 1) == share(0.5, 0) == 0
