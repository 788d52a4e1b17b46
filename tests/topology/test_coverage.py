from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from nerva_py.errors import NervaError
from nerva_py.sparse import Support
from nerva_py.sparse.support import FullSupport
from nerva_py.topology import Coverage, coverage
from tests import naive
from tests.sparse.supports import LIMITS, SHAPES, assert_valid, at, int32_limit, positions, supports, threads

pytestmark = pytest.mark.usefixtures("one_thread")

SKETCHED = {"limit": 0}


@st.composite
def histories(draw):
    """Several supports of one shape; 1 to 20 columns, so that rows end within a byte and with one."""
    shape = st.just(draw(st.tuples(st.integers(1, 6), st.integers(1, 20))))
    return draw(st.lists(supports(shape), min_size=1, max_size=6))


@pytest.mark.parametrize("options", [{}, SKETCHED], ids=["bits", "sketch"])
@given(history=histories(), limit=LIMITS, count=st.sampled_from([1, 2]))
def test_the_union_of_all_supports(options, history, limit, count):
    """Small layers are exact in a sketch, too."""
    shape, seen = history[0].shape, set()
    covered = Coverage(shape, **options)
    with int32_limit(limit), threads(count):
        for S in history:
            covered.add(at(shape, positions(S)))
            seen |= set(positions(S))
            assert covered.count == len(seen)
            assert covered.share == len(seen) / (shape[0] * shape[1])


def test_a_sketch_of_a_large_layer_is_within_two_per_cent(rng):
    shape, exact, sketch = (700, 1500), Coverage((700, 1500)), Coverage((700, 1500), limit=0)
    for _ in range(12):
        S = Support.random(shape, 60_000, rng)
        exact.add(S)
        sketch.add(S)
        assert sketch.hashes.size <= coverage.SKETCH
        assert sketch.count == pytest.approx(exact.count, rel=0.02)
    assert exact.exact
    assert not sketch.exact
    assert 0 < sketch.share < 1


@pytest.mark.parametrize("options", [{}, SKETCHED], ids=["bits", "sketch"])
def test_all_at_once(options, rng):
    covered = Coverage((3, 11), **options)
    covered.add(Support.random((3, 11), 5, rng))
    covered.add(FullSupport(covered.shape))
    assert (covered.count, covered.share) == (33, 1)
    covered.add(Support.random((3, 11), 5, rng))
    assert covered.count == 33


@given(histories(), st.floats(0, 1), st.integers(0, 10**6))
def test_random_unfired_is_exact_and_new(history, part, seed):
    covered, seen = Coverage(history[0].shape), set()
    for S in history:
        covered.add(S)
        seen |= set(positions(S))
    unfired = naive.free(covered.shape, seen)
    assert covered.unfired == len(unfired)
    chosen = covered.random_unfired(round(part * len(unfired)), np.random.default_rng(seed))
    assert_valid(chosen)
    assert chosen.nnz == round(part * len(unfired))
    assert set(positions(chosen)) <= set(unfired)


def test_every_unfired_position_is_equally_likely(rng):
    covered = Coverage((3, 10))
    covered.add(Support.random((3, 10), 18, rng))
    counts = dict.fromkeys(((k, d) for k in range(3) for d in range(10)), 0)
    for _ in range(1500):
        for position in positions(covered.random_unfired(1, rng)):
            counts[position] += 1
    drawn = [count for count in counts.values() if count]
    assert len(drawn) == 12
    assert chisquare(drawn).pvalue > 0.01


def test_more_than_are_unfired(rng):
    covered = Coverage((2, 3))
    covered.add(Support.random((2, 3), 4, rng))
    with pytest.raises(NervaError, match="count must be from 0 to the number of unfired positions, 2, not 3"):
        covered.random_unfired(3, rng)


def test_a_sketch_cannot_list_positions(rng):
    sketch = Coverage((4, 5), limit=0)
    for ask in (lambda: sketch.unfired, lambda: sketch.random_unfired(1, rng)):
        with pytest.raises(
            NervaError, match=r"RandomUnfired needs one bit a position, .* GB for 4×5; .*Random instead"
        ):
            ask()


@given(histories(), st.integers(0, 10**6))
def test_submatrix(history, seed):
    rng = np.random.default_rng(seed)
    shape, seen = history[0].shape, set()
    covered = Coverage(shape)
    for S in history:
        covered.add(S)
        seen |= set(positions(S))
    rows, columns = (rng.random(size) < 0.6 for size in shape)
    rows[0] = columns[-1] = True
    part = covered.submatrix(rows, columns, history[-1].submatrix(rows, columns)[0])
    number = [np.cumsum(marked) - 1 for marked in (rows, columns)]
    left = {(int(number[0][k]), int(number[1][d])) for k, d in seen if rows[k] and columns[d]}
    assert part.shape == (rows.sum(), columns.sum())
    assert part.count == len(left)
    assert set(positions(part.random_unfired(part.unfired, rng))) == set(naive.free(part.shape, left))


def test_of_a_sketch_only_the_present_support_is_left(rng):
    sketch, S = Coverage((4, 6), limit=0), Support.random((4, 6), 9, rng)
    sketch.add(Support.random((4, 6), 9, rng))
    sketch.add(S)
    rows, columns = np.array([True, False, True, True]), np.ones(6, bool)
    smaller = S.submatrix(rows, columns)[0]
    assert sketch.submatrix(rows, columns, smaller).count == smaller.nnz


@pytest.mark.parametrize("options", [{}, SKETCHED], ids=["bits", "sketch"])
@pytest.mark.parametrize("everything", [False, True])
def test_arrays_restore_it(options, everything, rng):
    covered = Coverage((5, 13), **options)
    covered.add(Support.random((5, 13), 20, rng))
    if everything:
        covered.add(FullSupport(covered.shape))
    again = Coverage((5, 13), **options)
    if not everything:
        again.add(FullSupport(again.shape))
    again.restore({name: array.copy() for name, array in covered.arrays().items()})
    S = Support.random((5, 13), 20, rng)
    for one in (covered, again):
        one.add(S)
    assert again.count == covered.count


@given(SHAPES, st.integers(0, 10**6))
def test_submatrix_of_support(shape, seed):
    """What remains of the positions, numbered anew."""
    rng = np.random.default_rng(seed)
    S = Support.random(shape, shape[0] * shape[1] // 2, rng)
    rows, columns = (rng.random(size) < 0.6 for size in shape)
    part, kept = S.submatrix(rows, columns)
    number = [np.cumsum(marked) - 1 for marked in (rows, columns)]
    assert kept.tolist() == [bool(rows[k] and columns[d]) for k, d in positions(S)]
    assert positions(part) == [
        (number[0][k], number[1][d]) for (k, d), stays in zip(positions(S), kept, strict=True) if stays
    ]
