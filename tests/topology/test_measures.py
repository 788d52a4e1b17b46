from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerva_py.errors import ShapeError
from nerva_py.sparse import Remap, Support
from nerva_py.topology import distance, in_degrees, measures, out_degrees
from nerva_py.topology.strategy import Change
from tests.sparse.supports import SHAPES, at, positions, supports
from tests.topology.cases import layer_of, random_layer

pytestmark = pytest.mark.usefixtures("one_thread")


@st.composite
def pairs(draw):
    shape = st.just(draw(SHAPES))
    return draw(supports(shape)), draw(supports(shape))


@given(supports())
def test_degrees_count_the_positions_of_rows_and_columns(S):
    mask = S.mask().astype(int)
    assert in_degrees(S).tolist() == mask.sum(axis=1).tolist()
    assert out_degrees(S).tolist() == mask.sum(axis=0).tolist()


@given(pairs())
def test_distance_is_that_of_the_sets(pair):
    A, B = pair
    a, b = set(positions(A)), set(positions(B))
    assert distance(A, B) == distance(B, A) == pytest.approx(1 - len(a & b) / len(a | b) if a | b else 0)
    assert (distance(A, B) == 0) == (A == B)
    assert distance(A, A) == 0


@given(supports(), st.integers(0, 10**6))
def test_what_shares_nothing_is_at_distance_one(S, seed):
    half = np.random.default_rng(seed).random(S.nnz) < 0.5
    one, other = Remap(S, half).support, Remap(S, ~half).support
    assert distance(one, other) == (1 if S.nnz else 0)


def test_distance_of_different_shapes():
    with pytest.raises(ShapeError, match=r"the shapes \(2, 3\) and \(3, 2\) differ"):
        distance(Support.empty((2, 3)), Support.empty((3, 2)))


def test_degree_statistics():
    assert measures.degree_statistics(np.array([0, 2, 4])) == {
        "min": 0, "mean": 2.0, "max": 4, "std": pytest.approx(np.sqrt(8 / 3)),
    }  # fmt: skip


def test_summary(rng):
    """Two layers 6 → 4 → 3; neuron 1 of the hidden layer has no input, neuron 2 no output, neuron 3 neither."""
    first = layer_of(at((4, 6), {(0, 0), (0, 5), (2, 1)}), np.ones(3), rng)
    second = layer_of(at((3, 4), {(0, 0), (0, 1), (2, 0)}), np.ones(3), rng, number=2)
    first.coverage.add(at((4, 6), {(3, 3)}))
    result = measures.measured([first, second], [Change(before=8, dropped=6, grown=1, updates=4), Change()])
    assert result["R_s"] == (4 + 3) / (24 + 12)
    one, other = result["layers"]
    assert {name: one[name] for name in ("layer", "nnz", "updates", "without_inputs", "without_outputs")} == {
        "layer": 1, "nnz": 3, "updates": 4, "without_inputs": 2, "without_outputs": 2,
    }  # fmt: skip
    assert (one["R_s"], one["density"], one["dropped"], one["grown"]) == (4 / 24, 3 / 24, 6 / 8, 1 / 8)
    assert (one["in_degree"]["max"], one["out_degree"]["max"]) == (2, 1)
    assert (other["layer"], other["without_inputs"], other["without_outputs"]) == (2, 1, 0)


def test_summary_of_empty_and_full_layers(rng):
    rows = measures.measured([random_layer(rng, 4, 6, 0), random_layer(rng, 3, 4, 12)], [Change(), Change()])["layers"]
    assert [row["R_s"] for row in rows] == [0, 1]
    assert [row["without_inputs"] for row in rows] == [4, 0]
    assert rows[0]["dropped"] == rows[0]["grown"] == 0
