"""Removing hidden neurons, for good: with their incoming and outgoing weights, and everything that belonged to them.

A removed neuron leaves no zeros behind; the matrices become smaller, and so do time and memory. No growth can bring it back,
because its positions are not there any more.
"""

from __future__ import annotations

import numpy as np

from nerva_py.errors import NervaError
from nerva_py.network import MLP
from nerva_py.sparse import Weight
from nerva_py.sparse.selection import lowest, share


def importance(W: Weight) -> np.ndarray:
    """I_k = Σ_i |w_ki|, the strength of each output neuron: (K,)        [arXiv:2102.01732]"""
    if W.full:
        return np.abs(W.toarray()).sum(axis=1, dtype=np.float64)
    return np.bincount(W.support.rows(), np.abs(W.data), W.shape[0]).astype(np.float64, copy=False)


def input_importance(W: Weight) -> np.ndarray:
    """Σ_k |w_ki|, the strength of each input, which ranks features: (D,)        [arXiv:2012.00560 (QuickSelection)]"""
    if W.full:
        return np.abs(W.toarray()).sum(axis=0, dtype=np.float64)
    return np.bincount(W.support.indices, np.abs(W.data), W.shape[1]).astype(np.float64, copy=False)


def remove_neurons(network: MLP, number: int, keep: np.ndarray) -> None:
    """Of the hidden layer after linear layer `number` (1, 2, ...) keep the neurons that `keep` (K,) marks.

    Rows of W and b, what belongs to the neuron in layers that follow, columns of the next W, and the optimizer's states of all
    of them go; what remains keeps its numbers bit for bit. Raises NervaError.
    """
    linear = network.linear_layers
    if not 1 <= number < len(linear):
        raise NervaError(f"number must be from 1 to {len(linear) - 1}, the hidden layers, not {number}")
    layer, following = linear[number - 1], linear[number]
    K, D = layer.W.value.shape
    if keep.shape != (K,) or keep.dtype != np.bool_ or not keep.any():
        raise NervaError(f"keep must be {K} booleans, at least one of them true, not {keep.dtype} {keep.shape}")
    first, last = (next(p for p, one in enumerate(network.layers) if one is ours) for ours in (layer, following))
    layer.keep(keep, np.ones(D, bool))
    for between in network.layers[first + 1 : last]:
        between.keep(keep, keep)
    following.keep(np.ones(following.W.value.shape[0], bool), keep)


def weakest(W: Weight, percentile: float) -> np.ndarray:
    """True at the ⌊percentile/100 · K⌋ neurons of smallest importance, never at all of them: (K,)"""
    K = W.shape[0]
    return lowest(importance(W), min(K - 1, share(percentile / 100, K)))
