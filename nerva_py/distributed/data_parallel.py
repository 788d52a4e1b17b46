"""Synchronous data parallelism: every rank has the network and takes its share of each mini-batch; all add up the gradients.

A mini-batch is cut into `shards`, a number that does not depend on the number of ranks. Each rank goes through its shards one
by one; the gradients of all *nonzeros* and biases, of a sparse layer a hundredth of what a dense one has, are one vector for
each shard, and these vectors are added as `tree_sum` says. So 1, 2 and 4 ranks do the same arithmetic, and the networks that
they train are the same bit for bit, topologies included.

What needs the samples of all ranks gets them: batch normalization its batch, growth by the gradient DZ and X of its mini-batch,
when it looks at them.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import chain
from typing import Any

import numpy as np

from nerva_py.checkpoints import describe
from nerva_py.data import Dataset
from nerva_py.data.augmentation import Crops
from nerva_py.engine import SparseBatch
from nerva_py.engine.layout import batch_layout
from nerva_py.equations.losses import Loss
from nerva_py.errors import NervaError
from nerva_py.network import MLP, BatchNormLayer, DropoutLayer, LinearLayer
from nerva_py.network.layers import SharedRows
from nerva_py.sparse import SparseWeight, Support
from nerva_py.training import Callback, Order, TrainingState
from nerva_py.training.evaluation import batch_totals, means
from nerva_py.training.optimizers import OptimizerState
from nerva_py.training.step import PhaseClock, backpropagate, no_phase
from nerva_py.training.weighting import RunningLoss

from .ranks import Ranks, one_for_all, tree_sum

SHARDS = 4  # of 1, 2 and 4 ranks, which then compute the same bits
CHECK_EVERY = 50  # steps between two comparisons of the supports


class DataParallel:
    """How `train` shares each mini-batch among `ranks`; `shards` is a multiple of their number, by default 4 for up to 4 ranks.

    More shards than ranks cost time, as products have fewer samples to stream along, and buy independence of the number of
    ranks. With batch normalization each rank has one shard. Raises NervaError.
    """

    def __init__(self, ranks: Ranks, shards: int | None = None):
        if shards is not None and (not isinstance(shards, int) or shards < 1 or shards % ranks.size):
            raise NervaError(f"shards must be a multiple of the number of ranks, {ranks.size}, not {shards!r}")
        self.ranks = ranks
        self.given = shards
        self.shards = shards or ranks.size
        self.seed = 0
        self._digests: dict[int, tuple[Support, int]] = {}

    # ------------------------------------------------------------------------------------------------------ around a run

    def guard(self) -> AbstractContextManager[None]:
        return one_for_all(self.ranks)

    def agree(self, network: MLP, seed: int | None, callbacks: Sequence[Callback]) -> tuple[Any, list[Callback]]:
        """One seed for all; what writes and saves belongs to rank 0 alone."""
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        self.seed = self.ranks.from_first(seed)
        self.shards = self._choose_shards(network)
        self._same("network", network_digest(network), "build it with the same seed on all of them")
        first = self.ranks.rank == 0
        return self.seed, [callback for callback in callbacks if first or callback.order < Order.WRITES]

    def begin(self, state: TrainingState) -> None:
        self._same("training data", describe(state.data).checksum, "load the same on all of them")
        for layer in state.network.linear_layers:
            layer.gather = self.ranks.rows

    def end(self, network: MLP) -> None:
        for layer in network.layers:
            if isinstance(layer, LinearLayer):
                layer.gather = None
            elif isinstance(layer, BatchNormLayer):
                layer.shared = None

    def _choose_shards(self, network: MLP) -> int:
        normalizes = bool(_normalizing(network))
        if normalizes and self.given not in (None, self.ranks.size):
            raise NervaError(
                f"shards must be the number of ranks, {self.ranks.size}, as the network normalizes batches; not {self.given}"
            )
        if self.given is not None or normalizes:
            return self.given or self.ranks.size
        return SHARDS if SHARDS % self.ranks.size == 0 else self.ranks.size

    # -------------------------------------------------------------------------------------------------------------- steps

    @np.errstate(over="ignore", divide="ignore", invalid="ignore")  # a run that diverges shows in the loss
    def step(
        self,
        network: MLP,
        data: Dataset,
        loss: Loss,
        states: Sequence[OptimizerState],
        rows: np.ndarray,
        crops: Crops | None,
        eta: float,
        t: int,
        clock: PhaseClock | None = None,
        weights: np.ndarray | None = None,
        meter: RunningLoss | None = None,
        gradients: bool = True,
    ) -> np.ndarray:
        """As `training_step`, for the samples `rows` of all ranks together. Returns Y of the last shard of this rank."""
        phase = clock.phase if clock else no_phase
        everything = len(rows) if weights is None else float(weights[rows].sum())
        Y = np.empty((0, network.sizes[-1]), network.dtype)
        vectors: list[np.ndarray] = []
        losses: list[tuple[float, float]] = []
        batches: list[list[tuple[Any, Any]]] = [[] for _ in network.linear_layers]
        rng = network.rng
        for shard, part in self._own_parts(network, len(rows)):
            own, lost = rows[part], RunningLoss()
            if len(own):
                share = (len(own) if weights is None else float(weights[own].sum())) / everything
                network.rng = self._shard_rng(network, t, shard)
                Y = backpropagate(
                    network,
                    data,
                    loss,
                    own,
                    cropped(crops, part),
                    phase,
                    weights,
                    None if meter is None else lost,
                    share,
                )
                vectors.append(np.concatenate([state.parameter.gradient_vector for state in states]))
            else:
                vectors.append(np.zeros(sum(state.parameter.vector.size for state in states), network.dtype))
            losses.append((lost.total, lost.weight))
            for layer, kept in zip(network.linear_layers, batches, strict=True):
                if layer.keeps_DZ and len(own):
                    kept.append((layer.DZ, layer.X))
                    layer.DZ = layer.X = None  # so that the next shard gets memory of its own
        network.rng = rng
        if self._repeated(network, len(rows)) and self.ranks.rank:  # all ranks took the same samples, and rank 0 counts
            vectors, losses, batches = [np.zeros_like(vectors[0])], [(0.0, 0.0)], [[] for _ in batches]
        with phase("exchange"):
            total = self.ranks.sum(tree_sum(vectors))
            if meter is not None:
                for one in chain.from_iterable(self.ranks.from_all(losses)):
                    meter.total, meter.weight = meter.total + one[0], meter.weight + one[1]
        with phase("optimize"):
            _take(states, total)
            for state in states:
                state.step(eta, t)
        for layer, kept in zip(network.linear_layers, batches, strict=True):
            if layer.keeps_DZ:
                layer.DZ, layer.X = _stacked(layer, kept)
        return Y

    def after_step(self, state: TrainingState) -> None:
        """Compare the supports from time to time."""
        if state.t % CHECK_EVERY == 0 or state.step == state.steps_per_epoch:
            self._check_supports(state.network)

    def evaluate(
        self, network: MLP, data: Dataset, loss: Loss, part: str, sample_weight: np.ndarray | None = None
    ) -> tuple[float, float | None]:
        """Each rank takes some of the batches, and all add them up in their order."""
        own = batch_totals(network, data, loss, part, sample_weight, self.ranks.rank, self.ranks.size)
        return means(sum(self.ranks.from_all(own)), data, part, sample_weight)  # of each row one is not zero

    # ------------------------------------------------------------------------------------------------------------ parts

    def _own_parts(self, network: MLP, N: int) -> list[tuple[int, slice]]:
        """The shards of this rank, and which of the N samples they are."""
        repeated = self._repeated(network, N)
        cuts = [N * shard // self.shards for shard in range(self.shards + 1)]
        each = self.shards // self.ranks.size
        first = self.ranks.rank * each
        whole = SharedRows(self.ranks.rows, slice(cuts[first], cuts[first + each]), self.ranks.rank == 0)
        for layer in _normalizing(network):
            layer.shared = None if repeated else whole
        if repeated:
            return [(0, slice(0, N))]
        return [(shard, slice(cuts[shard], cuts[shard + 1])) for shard in range(first, first + each)]

    def _repeated(self, network: MLP, N: int) -> bool:
        """Whether there are so few samples that some rank would have none to normalize: then all ranks take all of them, and so
        have the same running statistics."""
        return bool(_normalizing(network)) and self.ranks.size > N

    def _shard_rng(self, network: MLP, t: int, shard: int) -> np.random.Generator:
        """What draws the dropout masks of a shard: the same, whichever rank it is on."""
        if any(getattr(layer, "dropout", 0) or isinstance(layer, DropoutLayer) for layer in network.layers):
            return np.random.default_rng([self.seed, t, shard])
        return network.rng

    # ------------------------------------------------------------------------------------------------------- comparisons

    def _same(self, what: str, digest: object, remedy: str) -> None:
        """Raises NervaError unless all ranks have the same."""
        digests = self.ranks.from_all(digest)
        if different := [rank for rank, other in enumerate(digests) if other != digests[0]]:
            raise NervaError(f"{what}: rank {different[0]} has another one than rank 0; {remedy}")

    def _check_supports(self, network: MLP) -> None:
        """Raises NervaError where ranks differ in the positions of the weights of a layer."""
        digests = [self._digest(layer.W.value) for layer in network.linear_layers]
        everyone = self.ranks.from_all(digests)
        for rank, other in enumerate(everyone):
            for number, (here, there) in enumerate(zip(everyone[0], other, strict=True), 1):
                if here != there:
                    raise NervaError(f"the positions of the weights of W{number} differ between rank 0 and rank {rank}")

    def _digest(self, W: Any) -> int:
        """A checksum of the support, computed once a topology."""
        if not isinstance(W, SparseWeight):
            return 0 if W.mask is None else zlib.crc32(W.mask.data)
        known = self._digests.get(id(W.support))
        if known is None or known[0] is not W.support:
            if len(self._digests) > 64:
                self._digests.clear()
            known = self._digests[id(W.support)] = (W.support, support_digest(W.support))
        return known[1]


def _normalizing(network: MLP) -> list[BatchNormLayer]:
    return [layer for layer in network.layers if isinstance(layer, BatchNormLayer)]


def support_digest(support: Support) -> int:
    """A checksum of the positions."""
    return zlib.crc32(support.indices.data, zlib.crc32(support.indptr.data))


def network_digest(network: MLP) -> int:
    """A checksum of all parameters and their positions."""
    digest = 0
    for parameter in network.parameters():
        digest = zlib.crc32(np.ascontiguousarray(parameter.vector).data, digest)
        if isinstance(parameter.value, SparseWeight):
            digest ^= support_digest(parameter.value.support)
    return digest


def cropped(crops: Crops | None, part: slice) -> Crops | None:
    """What happens to this part of the images."""
    return None if crops is None else Crops(crops.top[part], crops.left[part], crops.mirrored[part], crops.pad)


def _take(states: Sequence[OptimizerState], total: np.ndarray) -> None:
    """Let the vector, parameter by parameter, be the gradients."""
    end = 0
    for state in states:
        value, start = state.parameter.value, end
        end = start + state.parameter.vector.size
        part = total[start:end]
        state.parameter.gradient = part.reshape(value.shape) if isinstance(value, np.ndarray) else value.like(part)


def _stacked(layer: LinearLayer, batches: list[tuple[Any, Any]]) -> tuple[np.ndarray, Any]:
    """DZ and X of all shards of this rank."""
    K, D = layer.W.value.shape
    if not batches:
        return np.empty((0, K), layer.W.value.dtype), np.empty((0, D), layer.W.value.dtype)
    if len(batches) == 1:
        return batches[0]
    DZ = batch_layout(np.concatenate([DZ for DZ, _ in batches]))
    if isinstance(batches[0][1], SparseBatch):
        return DZ, SparseBatch.stacked([X for _, X in batches])
    return DZ, batch_layout(np.concatenate([X for _, X in batches]))
