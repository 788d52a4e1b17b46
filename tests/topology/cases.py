"""Layers as after a training step, and what they hold, position by position."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from nerva_py.data import make_mini
from nerva_py.engine import batch_layout
from nerva_py.matrix import Outer
from nerva_py.network import LinearLayer, mlp
from nerva_py.sparse import DenseWeight, SparseWeight, Support
from nerva_py.sparse.storage import stored
from nerva_py.topology import DynamicTopology, TopologyLayer
from nerva_py.topology.strategy import Change
from tests.samples import DTYPES, batch
from tests.sparse.supports import assert_valid, positions


def network(densities=(0.3, 0.6, 0.3), **options):
    """8 → 12 → 10 → 3"""
    return mlp("ReLU;ReLU;Linear", [8, 12, 10, 3], layer_densities=list(densities), seed=1, **options)


def small_data():
    """8 features, 3 classes, 110 samples to train with."""
    return make_mini(110, 40, np.random.default_rng(0))


def layer_of(support: Support, values: np.ndarray, rng, states: int = 2, N: int = 4, number: int = 1) -> TopologyLayer:
    """That was shown the gradient of a batch, and has optimizer states of other numbers than zero at the weights."""
    W = stored(support, values)
    linear = LinearLayer(W, np.zeros((1, support.shape[0]), W.dtype))
    linear.W.begin(states)
    for vector in linear.W.states:
        vector[...] = rng.uniform(1, 2, vector.size)
    layer = TopologyLayer(number, linear)
    show(layer, rng, N)
    return layer


def show(layer: TopologyLayer, rng, N: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """A step with a batch of N samples, whose DZ and X are returned."""
    (K, D), dtype = layer.shape, layer.layer.W.value.dtype
    _, tape = layer.layer.forward(batch(rng, N, D, dtype), rng)
    _, (DW, *_) = layer.layer.backward(tape, batch(rng, N, K, dtype))
    layer.show(DW)
    return DW.stacked()


def give_gradient(layer: TopologyLayer, values: np.ndarray) -> None:
    """As if the last step had had these gradients, (nnz,): G = 1ᵀ G."""
    G = np.zeros(layer.shape, values.dtype)
    G[layer.support.rows(), layer.support.indices] = values
    layer.forget()
    layer.show(Outer(batch_layout(np.eye(layer.shape[0], dtype=values.dtype)), batch_layout(G)))


def random_layer(rng, K: int, D: int, nnz: int, dtype=np.float64, ties: bool = False, **options) -> TopologyLayer:
    """With `ties`, weights are −2, ..., 2, some of them −0."""
    values = rng.integers(-2, 3, nnz) * rng.choice([-1.0, 1.0], nnz) if ties else rng.standard_normal(nnz)
    return layer_of(Support.random((K, D), nnz, rng), values.astype(dtype), rng, **options)


@st.composite
def layers(draw, largest: int = 9) -> TopologyLayer:
    """Of every density, empty and full ones often; single rows and columns; both element types; 0 to 3 states."""
    K, D = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    nnz = draw(st.sampled_from([0, K * D]) | st.integers(0, K * D))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return random_layer(
        rng, K, D, nnz, draw(st.sampled_from(DTYPES)), draw(st.booleans()), states=draw(st.integers(0, 3))
    )


def numbers(layer: TopologyLayer) -> dict[tuple[int, int], bytes]:
    """The bits of weight and states at each position."""
    W = layer.layer.W.value
    arrays = [W.toarray(), *(W.like(vector).toarray() for vector in layer.layer.W.states)]
    return {at: b"".join(array[at].tobytes() for array in arrays) for at in positions(layer.support)}


def assert_sound(layer: TopologyLayer) -> None:
    """Stored as its number of weights says; nothing but zeros outside the support; states aligned; one element type."""
    W, support = layer.layer.W.value, layer.support
    assert_valid(support)
    assert layer.nnz == W.nnz == support.nnz
    assert type(W) is (DenseWeight if W.nnz == layer.size else SparseWeight)
    for vector in (layer.layer.W.vector, *layer.layer.W.states):
        assert vector.shape == (W.nnz,)
        assert vector.dtype == W.dtype
        assert vector.flags.carray
        assert not W.like(vector).toarray()[support.mask() == 0].any()


def attached(topology: DynamicTopology, layers: list[TopologyLayer], seed: int = 0) -> DynamicTopology:
    """As in training, for single updates."""
    topology.layers, topology.changes = layers, [Change() for _ in layers]
    topology.rng = np.random.default_rng(seed)
    return topology
