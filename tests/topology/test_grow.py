from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from nerva_py.errors import DivergedError, NervaError
from nerva_py.network.specs import build
from nerva_py.sparse import Remap, Support
from nerva_py.sparse.growth import free_count, random_free
from nerva_py.topology import GROW_RULES, Grow
from nerva_py.topology.grow import draw, resolve
from tests import naive
from tests.sparse.supports import LIMITS, assert_valid, at, int32_limit, positions
from tests.topology.cases import layer_of, layers, random_layer

pytestmark = pytest.mark.usefixtures("one_thread")


def integer_batch(layer, rng, largest: int = 3) -> None:
    """Small integers, so that the gradient is exact and full of ties."""
    for matrix in layer.outer.stacked():
        matrix[...] = rng.integers(-largest, largest + 1, matrix.shape)


@pytest.mark.parametrize("name", GROW_RULES)
@given(
    layer=layers(), limit=LIMITS, keep=st.floats(0, 1), part=st.sampled_from([0, 0.2, 1]), seed=st.integers(0, 10**6)
)
def test_as_many_as_asked_for_outside_what_is_kept(name, layer, limit, keep, part, seed):
    rng = np.random.default_rng(seed)
    with int32_limit(limit):
        support = at(layer.shape, positions(layer.support))
        layer = layer_of(support, layer.values, rng)
        kept = Remap(support, rng.random(layer.nnz) < keep).support
        count = round(part * free_count(kept))
        grown = GROW_RULES[name]()(layer, kept, count, rng)
        assert_valid(grown)
    assert (grown.shape, grown.nnz) == (layer.shape, count)
    assert not set(positions(grown)) & set(positions(kept))


@given(layers(), st.floats(0, 1), st.integers(0, 10**6))
def test_gradient_grows_the_largest(layer, part, seed):
    integer_batch(layer, np.random.default_rng(seed))
    count = round(part * free_count(layer.support))
    grown = GROW_RULES["Gradient"]()(layer, layer.support, count, np.random.default_rng(0))
    assert positions(grown) == naive.largest_free(set(positions(layer.support)), *layer.outer.stacked(), count)


def test_a_gradient_that_is_not_finite(rng):
    layer = random_layer(rng, 5, 9, 9)
    layer.outer.stacked()[0][0, 0] = np.nan
    with pytest.raises(DivergedError, match="training has diverged"):
        GROW_RULES["Gradient"]()(layer, layer.support, 3, rng)


# --------------------------------------------------------------------------------------------------------------- guided


def test_guided_with_candidates_everywhere_is_the_gradient(rng):
    layer = random_layer(rng, 5, 8, 10)
    integer_batch(layer, rng)
    for matrix in layer.outer.stacked():
        matrix[0] = 5  # no position has probability 0
    guided, exact = GROW_RULES["Guided"](candidates=500), GROW_RULES["Gradient"]()
    assert guided(layer, layer.support, 12, rng) == exact(layer, layer.support, 12, rng)


def test_guided_looks_where_activations_and_gradients_are(rng):
    layer = random_layer(rng, 20, 30, 100)
    DZ, X = layer.outer.stacked()
    DZ[:, 5:], X[:, :20] = 0, 0
    grown = GROW_RULES["Guided"](candidates=5)(layer, Support.empty((20, 30)), 10, rng)
    assert all(k < 5 and d >= 20 for k, d in positions(grown))


def test_guided_fills_up_at_random_when_there_are_too_few_candidates(rng):
    """All candidates are one and the same position."""
    layer = random_layer(rng, 6, 9, 12)
    kept = at((6, 9), {(0, 0), (5, 8)})
    DZ, X = layer.outer.stacked()
    DZ[:, 1:], X[:, 1:] = 0, 0
    for taken, expected in ((kept, set()), (Support.empty((6, 9)), {(0, 0)})):
        grown = GROW_RULES["Guided"]()(layer, taken, 7, rng)
        assert grown.nnz == 7
        assert not set(positions(grown)) & set(positions(taken))
        assert expected <= set(positions(grown))


def test_guided_draws_rows_and_columns_independently(rng):
    """Rising numbers that were paired as they are would only reach positions near a diagonal."""
    layer = random_layer(rng, 30, 30, 60)
    DZ, X = layer.outer.stacked()
    DZ[...], X[...] = 1, 1
    grown = GROW_RULES["Guided"](candidates=20)(layer, Support.empty((30, 30)), 300, rng)
    rows, columns = np.transpose(positions(grown))
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.9


def test_draw_is_proportional_to_the_weights():
    weights, rng = np.array([0.0, 1, 2, 0, 5, 0], np.float32), np.random.default_rng(3)
    drawn = draw(weights, 8000, rng)
    assert (np.diff(drawn) >= 0).all()
    counts = np.bincount(drawn, minlength=6)
    assert counts[[0, 3, 5]].tolist() == [0, 0, 0]
    assert chisquare(counts[[1, 2, 4]], [1000, 2000, 5000]).pvalue > 0.01


def test_draw_without_weights_is_uniform():
    counts = np.bincount(draw(np.zeros(5, np.float32), 5000, np.random.default_rng(3)), minlength=5)
    assert chisquare(counts).pvalue > 0.01


# -------------------------------------------------------------------------------------------------------------- unfired


def test_random_unfired_prefers_what_never_had_a_weight(rng):
    layer = random_layer(rng, 4, 6, 8)
    fired = set(positions(layer.support))
    kept = at((4, 6), sorted(fired)[:3])
    rule = GROW_RULES["RandomUnfired"]()
    assert not set(positions(rule(layer, kept, 16, rng))) & fired
    grown = set(positions(rule(layer, kept, 19, rng)))  # 16 are unfired, 21 are free
    assert set(naive.free((4, 6), fired)) < grown
    assert len(grown & fired) == 3


# ------------------------------------------------------------------------------------------------------------------ own


def test_a_function_is_a_rule(rng):
    def corner(layer, kept, count, rng):
        return [2, 0], [3, 1]

    rule = resolve(corner)
    assert (rule.name, rule.batches, rule.returning) == ("corner", 1, False)
    grown = rule(random_layer(rng, 3, 9, 0), Support.empty((3, 9)), 2, rng)
    assert positions(grown) == [(0, 1), (2, 3)]
    assert resolve(rule) is rule


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (([0], [1]), r"must return 2 positions for TopologyLayer\(W1, 3×9, nnz=5\), not Support\(3×9, nnz=1"),
        (([0, 3], [1, 1]), "rows: 0 to 3; 0 to 2 are allowed"),
        (([0, 1], [1, 9]), "columns: 1 to 9; 0 to 8 are allowed"),
        (([0, -1], [1, 1]), "rows: -1 to 0"),
        (([0, 0], [1, 1]), r"position \(0, 1\) is given twice"),
        (([0, 1], [1]), "of one length, not 2 and 1"),
        (([0.5, 1.0], [1, 2]), "rows must be a vector of integers, not float64"),
        (None, "grow rule mine for TopologyLayer"),
        (([0],), "grow rule mine for TopologyLayer"),
        (Support.empty((9, 3)), r"not Support\(9×3"),
    ],
)
def test_positions_that_cannot_be(chosen, message, rng):
    layer = random_layer(rng, 3, 9, 5)
    rule = Grow("mine", lambda *arguments: chosen)
    with pytest.raises(NervaError, match="grow rule mine") as raised:
        rule(layer, layer.support, 2, rng)
    raised.match(message)


def test_which_rules_look_at_the_batch_and_which_let_weights_return():
    rules = {name: factory() for name, factory in GROW_RULES.items()}
    assert {name: rule.batches for name, rule in rules.items()} == {
        "Random": 0, "Gradient": 1, "Guided": 1, "RandomUnfired": 0,
    }  # fmt: skip
    assert [name for name, rule in rules.items() if rule.returning] == ["Gradient"]
    assert all(rule.name == name for name, rule in rules.items())


def test_random_is_random_free(rng):
    layer = random_layer(rng, 6, 9, 12)
    grown = GROW_RULES["Random"]()(layer, layer.support, 20, np.random.default_rng(1))
    assert grown == random_free(layer.support, 20, np.random.default_rng(1))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("Gradient(0)", "batches must be an integer of at least 1, not 0"),
        ("Gradient(1.5)", "batches must be an integer of at least 1, not 1.5"),
        ("Guided(0)", "candidates must be a positive number, not 0"),
        ("Guided(-1)", "candidates must be a positive number, not -1"),
        ("Guided(1e999)", "candidates must be a positive number, not inf"),
        ("Guided(many)", "candidates must be a positive number, not 'many'"),
        ("Guided(1, 0)", "batches must be"),
        ("Random(3)", "expected Random without arguments"),
        ("Gradients", "unknown grow rule 'Gradients'; did you mean 'Gradient'"),
    ],
)
def test_impossible_rules(spec, message):
    with pytest.raises(NervaError, match=message):
        build("grow rule", spec, GROW_RULES)
