"""Local SGD: ranks train apart for some steps, each with its share of the samples, and then average.

[S. U. Stich, arXiv:1805.09767; for sparse networks the second phase of WASAP-SGD, arXiv:2102.01732]

Each rank may change its topology by itself meanwhile. The average of matrices with different supports has their union as its
support (a weight that a rank does not have counts as 0 there), and is pruned back to as many weights as before, those of the
largest magnitude.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nerva_py.data.augmentation import Crops
from nerva_py.matrix.outer import tree_sum
from nerva_py.network import MLP
from nerva_py.quantities import integer
from nerva_py.sparse import SparseWeight, Support
from nerva_py.sparse.selection import highest
from nerva_py.sparse.storage import as_csr, stored
from nerva_py.training import Batch, Run
from nerva_py.training.run import Step

from .data_parallel import DataParallel, cropped
from .ranks import Ranks


class LocalSGD(DataParallel):
    """How `train` lets the ranks take `steps` steps apart; at the end of an epoch they average in any case.

    Of each mini-batch of N samples a rank takes N / ranks, so that an epoch is one pass over the data by all ranks together.
    Raises NervaError.
    """

    def __init__(self, ranks: Ranks, steps: int):
        super().__init__(ranks, ranks.size)
        self.steps = integer("steps", steps, 1)

    def _described(self) -> str:
        return f"LocalSGD, steps={self.steps}"

    def begin(self, run: Run) -> None:
        super().begin(run)
        # Topologies are to differ between ranks, and so is dropout.
        run.seeds = np.random.SeedSequence([self.seed, self.ranks.rank])
        run.rng = np.random.default_rng([self.seed, self.ranks.rank, 1])

    def shards(self, run: Run, rows: np.ndarray, crops: Crops | None) -> list[Batch]:
        """This rank's share of the samples, as a mini-batch of its own."""
        N, R = len(rows), self.ranks.size
        part = slice(N * self.ranks.rank // R, N * (self.ranks.rank + 1) // R)
        return [run.batch(rows[part], cropped(crops, part))] if part.start < part.stop else []

    def reduced(self, run: Run, shards: Sequence[Batch]) -> Step:
        """Those of this rank alone; none where it has no samples."""
        return run.gradients(shards[0], run.network, run.rng) if shards else iter(())

    def after_step(self, run: Run) -> None:
        ends = run.step_of_epoch == run.steps_per_epoch
        if ends or run.t % self.steps == 0:
            average(self.ranks, run.network)
            self._check_supports(run.network)
        if ends and run.running is not None:
            run.running.settle()
            both = self.ranks.from_all((run.running.total, run.running.weight))
            run.running.total, run.running.weight = (sum(column) for column in zip(*both, strict=True))


def average(ranks: Ranks, network: MLP) -> None:
    """Let every rank have the mean of the parameters, of the optimizer's states and of the buffers of all ranks."""
    parameters = list(network.parameters())
    full = [isinstance(one.value, np.ndarray) or one.value.full for one in parameters]
    for parameter, on_all in zip(parameters, map(all, zip(*ranks.from_all(full), strict=True)), strict=True):
        if on_all:  # the supports need not be sent
            parameter.vector[...] = _mean(ranks, parameter.vector)
            parameter.states = [_mean(ranks, vector) for vector in parameter.states]
        else:
            W, parameter.states = average_sparse(ranks, as_csr(parameter.value), parameter.states)
            parameter.value = stored(W.support, W.data, W.backend)
    for layer in network.layers:
        for name in layer.buffers:
            buffer = getattr(layer, name)
            setattr(layer, name, _mean(ranks, buffer.reshape(-1)).reshape(buffer.shape))


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
