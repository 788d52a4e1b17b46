"""Removing hidden neurons, for good: with their incoming and outgoing weights, and everything that belonged to them.

A removed neuron leaves no zeros behind; the matrices become smaller, and so do time and memory. No growth can bring it back,
because its positions are not there any more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nerva_py.errors import NervaError
from nerva_py.network import MLP, BatchNormLayer, LinearLayer
from nerva_py.network.building import store_all
from nerva_py.network.parameter import Parameter, Weight
from nerva_py.sparse import DenseWeight, SparseWeight
from nerva_py.sparse.selection import lowest, share
from nerva_py.training.optimizers import OptimizerState


def importance(W: Weight) -> np.ndarray:
    """I_k = Σ_i |w_ki|, the strength of each output neuron: (K,)        [arXiv:2102.01732]"""
    if isinstance(W, DenseWeight):
        return np.abs(W.array).sum(axis=1, dtype=np.float64)
    return np.bincount(W.support.rows(), np.abs(W.data), W.shape[0]).astype(np.float64, copy=False)


def input_importance(W: Weight) -> np.ndarray:
    """Σ_k |w_ki|, the strength of each input, which ranks features: (D,)        [arXiv:2012.00560 (QuickSelection)]"""
    if isinstance(W, DenseWeight):
        return np.abs(W.array).sum(axis=0, dtype=np.float64)
    return np.bincount(W.support.indices, np.abs(W.data), W.shape[1]).astype(np.float64, copy=False)


def remove_neurons(network: MLP, number: int, keep: np.ndarray, states: Sequence[OptimizerState] = ()) -> None:
    """Of the hidden layer after linear layer `number` (1, 2, ...) keep the neurons that `keep` (K,) marks.

    Rows of W and b, what belongs to the neuron in batch normalisations that follow, columns of the next W, and the optimizer
    states of all of them go; what remains keeps its numbers bit for bit. Raises NervaError.
    """
    linear = network.linear_layers
    if not 1 <= number < len(linear):
        raise NervaError(f"number must be from 1 to {len(linear) - 1}, the hidden layers, not {number}")
    layer, following = linear[number - 1], linear[number]
    K = layer.W.value.shape[0]
    if keep.shape != (K,) or keep.dtype != np.bool_ or not keep.any():
        raise NervaError(f"keep must be {K} booleans, at least one of them true, not {keep.dtype} {keep.shape}")
    by_parameter = {id(state.parameter): state for state in states}
    position = next(p for p, one in enumerate(network.layers) if one is layer)
    _cut_weight(layer.W, keep, np.ones(layer.W.value.shape[1], bool), by_parameter.get(id(layer.W)))
    _cut_row(layer.b, keep, by_parameter.get(id(layer.b)))
    for between in network.layers[position + 1 :]:
        if isinstance(between, LinearLayer):
            break
        if isinstance(between, BatchNormLayer):
            for parameter in between.parameters:
                _cut_row(parameter, keep, by_parameter.get(id(parameter)))
            between.mean, between.variance = between.mean[:, keep], between.variance[:, keep]
    _cut_weight(following.W, np.ones(following.W.value.shape[0], bool), keep, by_parameter.get(id(following.W)))
    network.release()


def _cut_row(parameter: Parameter, keep: np.ndarray, state: OptimizerState | None) -> None:
    """Of a (1, K) parameter."""
    parameter.value = np.ascontiguousarray(parameter.value[:, keep])
    if state is not None:
        state.vectors = [vector[keep] for vector in state.vectors]


def _cut_weight(parameter: Parameter, rows: np.ndarray, columns: np.ndarray, state: OptimizerState | None) -> None:
    W = parameter.value
    vectors = state.vectors if state is not None else []
    if isinstance(W, DenseWeight):
        block = np.ix_(rows, columns)
        cut = [np.ascontiguousarray(W.like(v).array[block]) for v in vectors]
        parameter.value = DenseWeight(W.array[block], None if W.mask is None else W.mask[block])
        moved = [array.reshape(-1) for array in cut]
    else:
        support, kept = W.support.submatrix(rows, columns)
        smaller = SparseWeight(support, W.data[kept], W.backend)
        moved = [v[kept] for v in vectors]
        parameter.value, moved = store_all(smaller, moved)
    if state is not None:
        state.vectors = moved


def weakest(W: Weight, percentile: float) -> np.ndarray:
    """True at the ⌊percentile/100 · K⌋ neurons of smallest importance, never at all of them: (K,)"""
    K = W.shape[0]
    return lowest(importance(W), min(K - 1, share(percentile / 100, K)))
