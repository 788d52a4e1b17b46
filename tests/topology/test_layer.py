from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerva_py.engine import workspace
from nerva_py.errors import NervaError
from nerva_py.network import INITIALIZERS, LinearLayer
from nerva_py.sparse import DenseWeight, Remap, SparseWeight, Support
from nerva_py.topology import TopologyLayer
from tests import naive
from tests.samples import DTYPES, assert_close
from tests.sparse.supports import LIMITS, at, int32_limit, positions, threads
from tests.topology.cases import assert_sound, layer_of, layers, numbers, random_layer, show

pytestmark = pytest.mark.usefixtures("one_thread")

SEVEN = INITIALIZERS["Uniform"](7, 7)
STORED = {"sparse": 10, "nearly full": 55, "dense": 56}  # nnz of a 7×8 layer


@given(layers(), LIMITS, st.floats(0, 1), st.floats(0, 1), st.booleans(), st.integers(0, 10**6))
def test_survivors_keep_their_bits_and_new_weights_start_without_state(layer, limit, keep, grow, returning, seed):
    """From any density to any other: sparse, dense, and back."""
    rng = np.random.default_rng(seed)
    with int32_limit(limit), threads(1):
        support = at(layer.shape, positions(layer.support))
        layer = layer_of(support, layer.values, rng, len(layer.layer.W.states))
        before, kept = numbers(layer), rng.random(layer.nnz) < keep
        survivors = {position for position, stays in zip(before, kept, strict=True) if stays}
        inserted = {position for position in naive.free(layer.shape, survivors) if rng.random() < grow}
        dtype = layer.layer.W.value.dtype
        seven = dtype.type(7).tobytes() + bytes(len(layer.layer.W.states) * dtype.itemsize)
        remap = Remap(support, kept).inserting(at(layer.shape, inserted), returning)
        layer.change(remap, SEVEN, rng)
        assert_sound(layer)
    assert numbers(layer) == naive.remap(before, survivors, dict.fromkeys(inserted, seven), returning)
    assert layer.coverage.count == len(before.keys() | inserted)


def test_a_layer_that_loses_a_weight_is_sparse_and_one_that_fills_up_dense(rng):
    layer = random_layer(rng, 7, 8, 56)
    kinds = [type(layer.layer.W.value)]
    for nnz in (55, 10, 0, 55, 56):
        kept = np.arange(layer.nnz) < nnz
        remap = Remap(layer.support, kept)
        free = naive.free(layer.shape, set(positions(remap.support)))
        layer.change(remap.inserting(at(layer.shape, free[: nnz - remap.support.nnz])), SEVEN, rng)
        assert_sound(layer)
        assert layer.nnz == nnz
        kinds.append(type(layer.layer.W.value))
    assert kinds == [DenseWeight, *[SparseWeight] * 4, DenseWeight]
    assert layer.full


@pytest.mark.parametrize("nnz", STORED.values(), ids=STORED)
@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_and_gradient_look_like_csr(nnz, dtype, rng):
    layer = random_layer(rng, 7, 8, nnz, dtype)
    rows, columns = np.transpose(positions(layer.support))
    DZ, X = layer.outer.stacked()
    assert (layer.shape, layer.nnz, layer.size, layer.full) == ((7, 8), nnz, 56, nnz == 56)
    assert np.array_equal(layer.values, layer.layer.W.value.toarray()[rows, columns])
    assert_close(layer.gradient, (DZ.T @ X)[rows, columns])
    assert layer.gradient.dtype == layer.values.dtype == dtype


@pytest.mark.parametrize("nnz", [10, 56], ids=["sparse", "dense"])
def test_the_gradient_is_that_of_the_positions_that_there_are_now(nnz, rng):
    """Of survivors, and of a new weight."""
    layer = random_layer(rng, 7, 8, nnz)
    kept = rng.random(nnz) < 0.5
    expected = layer.gradient[kept]
    layer.change(Remap(layer.support, kept), SEVEN, rng)
    assert_close(layer.gradient, expected)
    remap = Remap(layer.support, np.ones(layer.nnz, bool))
    free = naive.free(layer.shape, set(positions(layer.support)))
    layer.change(remap.inserting(at(layer.shape, free[:1])), SEVEN, rng)
    DZ, X = layer.outer.stacked()
    assert_close(layer.gradient, (DZ.T @ X)[layer.support.rows(), layer.support.indices])


@pytest.mark.parametrize("nnz", [10, 56], ids=["sparse", "dense"])
def test_the_gradient_of_survivors_keeps_the_mask_of_a_dropout_on_weights(nnz, rng):
    layer = random_layer(rng, 7, 8, nnz)
    layer.layer.dropout = 0.5
    show(layer, rng)
    expected, kept = layer.gradient, rng.random(nnz) < 0.5
    assert 0 < np.count_nonzero(expected) < nnz
    layer.change(Remap(layer.support, kept), SEVEN, rng)
    assert_close(layer.gradient, expected[kept])
    free = naive.free(layer.shape, set(positions(layer.support)))
    remap = Remap(layer.support, np.ones(layer.nnz, bool))
    layer.change(remap.inserting(at(layer.shape, free[:1])), SEVEN, rng)
    new = positions(layer.support).index(free[0])
    assert layer.gradient[new] == 0, "it was not there, and has had no gradient"
    assert_close(np.delete(layer.gradient, new), expected[kept])


def test_new_weights_know_how_many_inputs_their_neuron_has(rng):
    """SparseHe: σ_k = √(2/fan-in_k) with all its inputs, not only the new ones."""
    support = Support.from_mask(np.tile(np.arange(2000) < 400, (2, 1)))
    layer = layer_of(support, np.zeros(800), rng)
    remap = Remap(support, np.ones(800, bool))
    layer.change(remap.inserting(at((2, 2000), [(0, d) for d in range(400, 1000)])), INITIALIZERS["SparseHe"](), rng)
    fresh = layer.layer.W.value.toarray()[0, 400:1000]
    assert fresh.std() == pytest.approx(np.sqrt(2 / 1000), rel=0.1)


# ----------------------------------------------------------------------------------------------------- gradients shown


def test_the_gradients_that_were_shown_are_one_question(rng):
    layer = random_layer(rng, 3, 5, 6)
    steps = [layer.outer.stacked(), *(show(layer, rng, N) for N in (2, 4, 1))]
    for actual, parts in zip(layer.outer.stacked(), zip(*steps, strict=True), strict=True):
        assert np.array_equal(actual, np.concatenate(parts))
    DZ, X = steps[-1]
    assert_close(layer.gradient, (DZ.T @ X)[layer.support.rows(), layer.support.indices])


def test_what_was_shown_outlives_the_next_steps(rng):
    """The memory of a batch is not used again while somebody holds it."""
    layer = random_layer(rng, 3, 5, 6)
    with workspace():
        before = [matrix.copy() for matrix in show(layer, rng, 70)]
        for _ in range(3):
            other = random_layer(rng, 3, 5, 6, N=70)
            other.forget()
        for actual, expected in zip(layer.outer.stacked(), before, strict=True):
            assert np.array_equal(actual[4:], expected)


def test_gradients_are_forgotten(rng):
    layer = random_layer(rng, 3, 5, 6)
    layer.forget()
    assert layer.gradient is None
    show(layer, rng, 2)
    assert layer.outer.stacked()[0].shape == (2, 3)


def test_without_a_step_there_is_no_gradient(rng):
    W = SparseWeight.random((3, 5), 0.2, rng)
    layer = TopologyLayer(2, LinearLayer(W, np.zeros((1, 3), np.float32)))
    assert layer.gradient is None
    with pytest.raises(NervaError, match="the gradient of W2 is wanted, but there was no training step"):
        layer.outer  # noqa: B018
    assert repr(layer) == "TopologyLayer(W2, 3×5, nnz=3)"
