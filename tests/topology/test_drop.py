from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from nerva_py.errors import NervaError, ShapeError
from nerva_py.network.specs import build
from nerva_py.sparse import Remap, Support
from nerva_py.sparse.selection import share
from nerva_py.topology import DROP_RULES, Drop, by_score
from tests import naive
from tests.topology.cases import give_gradient, layer_of, random_layer

pytestmark = pytest.mark.usefixtures("one_thread")

WEIGHTS = st.lists(st.sampled_from([-3.0, -1.0, -0.0, 0.0, 1.0, 3.0]) | st.floats(-3, 3), min_size=1, max_size=30)
ZETAS = st.sampled_from([0.0, 0.3, 0.5, 1.0]) | st.floats(0, 1)


def layer(weights, number: int = 1):
    """A layer with these weights, stored sparse: one row that is three times as wide."""
    rng = np.random.default_rng(0)
    return layer_of(Support.random((1, 3 * len(weights)), len(weights), rng), np.array(weights), rng, number=number)


def dropped(rule: Drop, *layers, decay: float = 1.0) -> list[list[int]]:
    """Places of the weights that go."""
    masks = rule(layers, decay, np.random.default_rng(0))
    assert [(mask.dtype, mask.shape) for mask in masks] == [(np.bool_, (one.nnz,)) for one in layers]
    return [np.flatnonzero(mask).tolist() for mask in masks]


# ---------------------------------------------------------------------------------------------------- against sorting


@given(WEIGHTS, ZETAS)
def test_magnitude(weights, zeta):
    expected = naive.lowest([abs(w) for w in weights], share(zeta, len(weights)))
    assert dropped(DROP_RULES["Magnitude"](zeta), layer(weights)) == [expected]


@given(WEIGHTS, ZETAS)
def test_set(weights, zeta):
    """The share of each sign apart; 0 and −0 count as positive."""
    expected = []
    for places in ([p for p, w in enumerate(weights) if w >= 0], [p for p, w in enumerate(weights) if w < 0]):
        chosen = naive.lowest([abs(weights[p]) for p in places], share(zeta, len(places)))
        expected += [places[q] for q in chosen]
    assert dropped(DROP_RULES["SET"](zeta), layer(weights)) == [sorted(expected)]


@given(WEIGHTS, st.floats(0, 3))
def test_threshold(weights, tau):
    expected = [p for p, w in enumerate(weights) if abs(w) <= tau]
    assert dropped(DROP_RULES["Threshold"](tau), layer(weights)) == [expected]


@given(st.lists(WEIGHTS, min_size=1, max_size=4), ZETAS)
def test_global_magnitude(parts, zeta):
    every = [(number, p) for number, weights in enumerate(parts) for p in range(len(weights))]
    scores = [abs(w) for weights in parts for w in weights]
    chosen = [every[q] for q in naive.lowest(scores, share(zeta, len(scores)))]
    expected = [[p for where, p in chosen if where == number] for number in range(len(parts))]
    rule = DROP_RULES["GlobalMagnitude"](zeta)
    assert dropped(rule, *(layer(weights, n) for n, weights in enumerate(parts, 1))) == expected


@given(WEIGHTS, ZETAS)
def test_taylor(weights, zeta):
    one = layer(weights)
    expected = naive.lowest(((one.values * one.gradient) ** 2).tolist(), share(zeta, len(weights)))
    assert dropped(DROP_RULES["Taylor"](zeta), one) == [expected]


def test_taylor_without_a_gradient():
    one = layer([1.0, 2.0])
    one.forget()
    with pytest.raises(NervaError, match="Taylor needs the gradient of W1, which there is only after a training step"):
        dropped(DROP_RULES["Taylor"](0.5), one)


def test_random_drops_every_set_equally_often():
    one, rng, counts = layer([1.0, 2.0, 3.0, 4.0]), np.random.default_rng(5), np.zeros(4)
    rule = DROP_RULES["Random"](0.5)
    sets: dict[tuple, int] = {}
    for _ in range(3000):
        (mask,) = rule([one], 1.0, rng)
        counts += mask
        key = tuple(mask)
        sets[key] = sets.get(key, 0) + 1
    assert counts.sum() == 2 * 3000
    assert len(sets) == 6
    assert chisquare(list(sets.values())).pvalue > 0.01


# --------------------------------------------------------------------------------------------------------------- counts


@pytest.mark.parametrize("name", ["Magnitude", "SET", "GlobalMagnitude", "Taylor"])
@pytest.mark.parametrize("value", [0.0, -0.0, 2.0, -2.0])
def test_of_equal_weights_exactly_the_first(name, value):
    assert dropped(DROP_RULES[name](0.3), layer_of_zero_gradient([value] * 10)) == [[0, 1, 2]]


def layer_of_zero_gradient(weights):
    one = layer(weights)
    give_gradient(one, np.zeros(len(weights)))
    return one


@pytest.mark.parametrize(
    "weights", [[1.0, 2.0, 3.0], [-1.0, -2.0, -3.0], [-3.0, -2.0, -1.0, 5.0], [5.0, -1.0, 4.0, 3.0]]
)
def test_set_when_one_sign_loses_nothing(weights):
    (places,) = dropped(DROP_RULES["SET"](0.67), layer(weights))
    signs = np.sign(weights)
    assert len(places) == 2 == max(share(0.67, int((signs == sign).sum())) for sign in (1, -1))


@pytest.mark.parametrize("name", DROP_RULES)
def test_decay_is_a_factor(name):
    rng = np.random.default_rng(0)
    one = random_layer(rng, 5, 40, 50)
    half = DROP_RULES[name](0.4)(  # the same random numbers
        [one], 0.5, np.random.default_rng(1)
    )
    assert np.array_equal(half[0], DROP_RULES[name](0.2)([one], 1.0, np.random.default_rng(1))[0])


@pytest.mark.parametrize("name", sorted(DROP_RULES.keys() - {"Random"}))
@pytest.mark.parametrize("zeta", [0.0, 0.25, 1.0])
def test_how_a_layer_is_stored_does_not_matter(name, zeta):
    """Dense, and the same weights in a wider, sparse layer."""
    rng = np.random.default_rng(3)
    full = random_layer(rng, 6, 8, 48, ties=True)
    wide = layer_of(Support((6, 80), full.support.indptr, full.support.indices), full.values, rng)
    give_gradient(full, full.gradient)  # the same bits, whichever kernel computes them
    give_gradient(wide, full.gradient)
    rule = DROP_RULES[name](zeta)
    assert dropped(rule, full) == dropped(rule, wide)


# ---------------------------------------------------------------------------------------------------------------- own


def test_a_score_of_your_own():
    def largest(layer, rng):
        return -np.abs(layer.values)

    rule = by_score(largest, 0.5)
    assert rule.name == "largest"
    assert dropped(rule, layer([1.0, -4.0, 3.0, -2.0])) == [[1, 2]]


def test_scores_of_the_wrong_shape():
    def short(layer, rng):
        return layer.values[1:]

    with pytest.raises(
        NervaError, match=r"short must return 4 scores, one a weight of TopologyLayer\(W1, .*not \(3,\)"
    ):
        dropped(by_score(short), layer([1.0, 2.0, 3.0, 4.0]))


def test_masks_of_the_wrong_shape_are_refused_by_the_change():
    with pytest.raises(ShapeError, match="kept must be 4 booleans"):
        Remap(layer([1.0, 2.0, 3.0, 4.0]).support, ~np.zeros(3, bool))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("Magnitude(1.5)", "zeta must be a number from 0 to 1, not 1.5"),
        ("SET(-0.1)", "zeta must be a number from 0 to 1, not -0.1"),
        ("GlobalMagnitude(much)", "zeta must be a number from 0 to 1, not 'much'"),
        ("Taylor(1e999)", "zeta must be"),
        ("Random(zeta=2)", "zeta must be"),
        ("Threshold(-1)", "finite τ ≥ 0, not -1"),
        ("Threshold(1e999)", "finite τ ≥ 0, not inf"),
        ("Threshold", "missing a required argument: 'tau'"),
        ("Smallest(0.3)", "unknown drop rule 'Smallest'.*Known: GlobalMagnitude, Magnitude, Random, SET"),
    ],
)
def test_impossible_rules(spec, message):
    with pytest.raises(NervaError, match=message):
        build("drop rule", spec, DROP_RULES)
