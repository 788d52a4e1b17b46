from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerva_py.errors import NervaError, ShapeError
from nerva_py.sparse import Remap, Support
from tests import naive
from tests.samples import DTYPES
from tests.sparse.supports import LIMITS, assert_valid, at, int32_limit, positions, supports, threads

pytestmark = pytest.mark.usefixtures("one_thread")


def check(old: Support, kept: np.ndarray, inserted: set, returning: bool, dtype) -> None:
    """Everything that a change does, against dictionaries of positions."""
    numbers = np.arange(1, old.nnz + 1, dtype=dtype)
    fresh = {position: dtype(-1 - q) for q, position in enumerate(sorted(inserted))}
    before = dict(zip(positions(old), numbers, strict=True))
    survivors = {position for position, stays in zip(positions(old), kept, strict=True) if stays}
    expected = naive.remap(before, survivors, fresh, returning)

    remap = Remap(old, kept).inserting(at(old.shape, inserted), returning)
    again = inserted & before.keys() if returning else set()
    assert_valid(remap.support)
    assert positions(remap.support) == list(expected)
    assert set(positions(remap.inserted)) == inserted - again
    assert remap.grown == len(inserted - again)
    assert remap.dropped == old.nnz - len(survivors | again)
    moved = remap.move(numbers, np.array([fresh[p] for p in positions(remap.inserted)], dtype))
    assert moved.dtype == dtype
    assert moved.tolist() == list(expected.values())
    zeros = dict.fromkeys(fresh, 0)
    assert remap.move(numbers).tolist() == list(naive.remap(before, survivors, zeros, returning).values())


@pytest.mark.parametrize("returning", [False, True])
@given(
    old=supports(), limit=LIMITS, count=st.sampled_from([1, 2]), dtype=st.sampled_from(DTYPES),
    shares=st.tuples(st.sampled_from([0, 0.5, 1]), st.sampled_from([0, 0.3, 1])), seed=st.integers(0, 10**6),
)  # fmt: skip
def test_a_change_is_that_of_a_dictionary(old, limit, count, dtype, shares, seed, returning):
    """Drop any, insert any that are then free, with one thread or two, int32 or int64 or a change between them."""
    rng = np.random.default_rng(seed)
    with int32_limit(limit), threads(count):
        old = at(old.shape, positions(old))
        kept = rng.random(old.nnz) < shares[0]
        taken = {position for position, stays in zip(positions(old), kept, strict=True) if stays}
        inserted = {position for position in naive.free(old.shape, taken) if rng.random() < shares[1]}
        check(old, kept, inserted, returning, dtype)


@given(supports(), LIMITS)
def test_without_a_change_everything_stays(S, limit):
    with int32_limit(limit):
        S = at(S.shape, positions(S))
        remap = Remap(S, np.ones(S.nnz, bool))
        numbers = np.arange(float(S.nnz))
        assert remap.support == S
        assert (remap.dropped, remap.grown) == (0, 0)
        assert remap.move(numbers).tolist() == numbers.tolist()


@given(supports())
def test_all_weights_can_go_and_all_positions_can_come(S):
    everything = Support.from_mask(np.ones(S.shape))
    remap = Remap(S, np.zeros(S.nnz, bool))
    assert remap.support == Support.empty(S.shape)
    assert remap.inserting(everything).support == everything


def test_bits_survive_the_move():
    """Negative zeros, subnormal numbers and NaNs with a payload, too."""
    bits = np.array([0x8000000000000000, 1, 0x7FF8000000000123, 0x3FF0000000000000], np.uint64)
    S = at((2, 3), {(0, 0), (0, 2), (1, 1), (1, 2)})
    remap = Remap(S, np.array([True, True, True, False])).inserting(at((2, 3), {(0, 1)}))
    assert remap.move(bits.view(np.float64)).view(np.uint64).tolist() == [bits[0], 0, bits[1], bits[2]]


def test_fresh_numbers_take_the_type_of_the_old(rng):
    remap = Remap(Support.empty((1, 3)), np.zeros(0, bool)).inserting(at((1, 3), {(0, 1)}))
    moved = remap.move(np.zeros(0, np.float32), np.array([1 / 3]))
    assert moved.dtype == np.float32
    assert moved[0] == np.float32(1 / 3)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("returning", [False, True])
def test_a_position_that_is_kept_cannot_be_inserted(returning, count):
    S = at((4, 5), {(0, 1), (2, 3), (3, 4)})
    remap = Remap(S, np.array([False, True, True]))
    with threads(count), pytest.raises(NervaError, match=r"position \(2, 3\) exists and is kept"):
        remap.inserting(at((4, 5), {(0, 0), (0, 1), (2, 3)}), returning)


def test_a_dropped_position_starts_afresh_unless_it_returns():
    S = at((1, 3), {(0, 0), (0, 2)})
    remap, again = Remap(S, np.array([True, False])), at((1, 3), {(0, 2)})
    numbers = np.array([4.0, 5.0])
    afresh, returned = remap.inserting(again), remap.inserting(again, returning=True)
    assert afresh.move(numbers).tolist() == [4, 0]
    assert (afresh.dropped, afresh.grown) == (1, 1)
    assert returned.move(numbers).tolist() == [4, 5]
    assert (returned.dropped, returned.grown) == (0, 0)


def test_wrong_shapes():
    S = at((2, 3), {(0, 0), (1, 2)})
    remap = Remap(S, np.ones(2, bool)).inserting(at((2, 3), {(0, 1)}))
    with pytest.raises(ShapeError, match=r"kept must be 2 booleans, one a position, not bool \(3,\)"):
        Remap(S, np.ones(3, bool))
    with pytest.raises(ShapeError, match="kept must be 2 booleans, one a position, not int64"):
        Remap(S, np.ones(2, np.int64))
    with pytest.raises(ShapeError, match=r"inserted has shape \(3, 2\); the support has \(2, 3\)"):
        Remap(S, np.ones(2, bool)).inserting(Support.empty((3, 2)))
    with pytest.raises(ShapeError, match="2 old and 1 fresh numbers are needed"):
        remap.move(np.ones(3))
    with pytest.raises(ShapeError, match=r"not \(2,\) and \(2,\)"):
        remap.move(np.ones(2), np.ones(2))


def test_all_is_inserted_at_once():
    S = at((2, 3), {(0, 0), (1, 2)})
    remap = Remap(S, np.ones(2, bool)).inserting(at((2, 3), {(0, 1)}))
    with pytest.raises(NervaError, match="has positions inserted already"):
        remap.inserting(at((2, 3), {(0, 2)}))


def test_repr():
    remap = Remap(at((2, 3), {(0, 0), (1, 2)}), np.array([True, False]))
    assert repr(remap) == "Remap(Support(2×3, nnz=2, int32) -> Support(2×3, nnz=1, int32), dropped=1, grown=0)"
