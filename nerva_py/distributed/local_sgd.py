"""Local SGD: ranks train apart for some steps, each with its share of the samples, and then average.

[S. U. Stich, arXiv:1805.09767; for sparse networks the second phase of WASAP-SGD, arXiv:2102.01732]

Each rank may change its topology by itself meanwhile. The average of matrices with different supports has their union as its
support (a weight that a rank does not have counts as 0 there), and is pruned back to as many weights as before, those of the
largest magnitude.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nerva_py.errors import NervaError
from nerva_py.network import MLP, BatchNormLayer
from nerva_py.network.building import as_csr, store_all
from nerva_py.sparse import DenseWeight, SparseWeight, Support
from nerva_py.sparse.selection import highest
from nerva_py.training import TrainingState
from nerva_py.training.optimizers import OptimizerState
from nerva_py.training.step import training_step

from .data_parallel import DataParallel, cropped
from .ranks import Ranks, tree_sum


class LocalSGD(DataParallel):
    """How `train` lets the ranks take `steps` steps apart; at the end of an epoch they average in any case.

    Of each mini-batch of N samples a rank takes N / ranks, so that an epoch is one pass over the data by all ranks together.
    Raises NervaError.
    """

    def __init__(self, ranks: Ranks, steps: int):
        if not isinstance(steps, int) or steps < 1:
            raise NervaError(f"steps must be an integer of at least 1, not {steps!r}")
        super().__init__(ranks, ranks.size)
        self.steps = steps

    def begin(self, state: TrainingState) -> None:
        super().begin(state)
        for layer in state.network.linear_layers:
            layer.gather = None  # each rank grows by what it sees itself
        # Topologies are to differ between ranks, and so is dropout.
        state.seeds = np.random.SeedSequence([self.seed, self.ranks.rank])
        state.network.rng = np.random.default_rng([self.seed, self.ranks.rank, 1])

    def step(self, *arguments: Any, **named: Any) -> np.ndarray:
        """As `training_step` with this rank's share of the samples."""
        network, data, loss, states, rows, crops, *rest = arguments
        N, R = len(rows), self.ranks.size
        part = slice(N * self.ranks.rank // R, N * (self.ranks.rank + 1) // R)
        if part.start == part.stop:
            return np.empty((0, network.sizes[-1]), network.dtype)
        return training_step(network, data, loss, states, rows[part], cropped(crops, part), *rest, **named)

    def after_step(self, state: TrainingState) -> None:
        ends = state.step == state.steps_per_epoch
        if ends or state.t % self.steps == 0:
            average(self.ranks, state.network, state.optimizer_states)
            self._check_supports(state.network)
        if ends and state.running is not None:
            both = self.ranks.from_all((state.running.total, state.running.weight))
            state.running.total, state.running.weight = (sum(column) for column in zip(*both, strict=True))


def average(ranks: Ranks, network: MLP, states: Sequence[OptimizerState]) -> None:
    """Let every rank have the mean of the parameters and of the optimizer states of all ranks."""
    for state in states:
        value = state.parameter.value
        if isinstance(value, SparseWeight) or (isinstance(value, DenseWeight) and value.mask is not None):
            state.parameter.value, state.vectors = store_all(*average_sparse(ranks, *as_csr(value, state.vectors)))
        else:
            state.parameter.vector[...] = _mean(ranks, state.parameter.vector)
            state.vectors = [_mean(ranks, vector) for vector in state.vectors]
        state.parameter.gradient = None
    for layer in network.layers:
        if isinstance(layer, BatchNormLayer):
            layer.mean = _mean(ranks, layer.mean.reshape(-1)).reshape(layer.mean.shape)
            layer.variance = _mean(ranks, layer.variance.reshape(-1)).reshape(layer.variance.shape)


def average_sparse(
    ranks: Ranks, W: SparseWeight, vectors: Sequence[np.ndarray]
) -> tuple[SparseWeight, list[np.ndarray]]:
    """The mean of W over the ranks, pruned to as many weights as the largest has, and the mean of the states that are left."""
    support = W.support
    flat = support.rows().astype(np.int64) * W.shape[1] + support.indices
    everyone = ranks.from_all((flat, W.data, list(vectors)))
    if all(np.array_equal(everyone[0][0], other[0]) for other in everyone):
        return W.like(_tree_mean([one[1] for one in everyone])), [
            _tree_mean([one[2][k] for one in everyone]) for k in range(len(vectors))
        ]
    union, place = np.unique(np.concatenate([one[0] for one in everyone]), return_inverse=True)

    def mean(parts: Sequence[np.ndarray]) -> np.ndarray:
        return np.bincount(place, np.concatenate(parts), union.size) / ranks.size

    means = mean([one[1] for one in everyone])
    kept = highest(np.abs(means), max(one[0].size for one in everyone))
    rows, columns = np.divmod(union[kept], W.shape[1])
    averaged = SparseWeight(Support.at(W.shape, rows, columns), means[kept].astype(W.dtype), W.backend)
    states = [mean([one[2][k] for one in everyone])[kept].astype(W.dtype) for k in range(len(vectors))]
    return averaged, states


def _mean(ranks: Ranks, vector: np.ndarray) -> np.ndarray:
    return _tree_mean(ranks.from_all(np.ascontiguousarray(vector)))


def _tree_mean(terms: Sequence[np.ndarray]) -> np.ndarray:
    return (tree_sum(terms) / terms[0].dtype.type(len(terms))).astype(terms[0].dtype, copy=False)
