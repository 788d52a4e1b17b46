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
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from nerva_py.checkpoints import describe
from nerva_py.data.augmentation import Crops
from nerva_py.errors import NervaError
from nerva_py.matrix import Outer
from nerva_py.matrix.outer import tree_sum
from nerva_py.network import MLP, BatchNormLayer, Layer
from nerva_py.network.parameter import vector_of
from nerva_py.quantities import as_integer
from nerva_py.sparse import Support, Weight
from nerva_py.training import Batch, Callback, Order, Run
from nerva_py.training.evaluation import batch_totals, means
from nerva_py.training.run import Step

from .endings import one_for_all
from .ranks import Ranks
from .views import SharedOuter, SynchronousBatchNorm

SHARDS = 4  # of 1, 2 and 4 ranks, which then compute the same bits
NOTHING: Mapping[str, str] = {}
CHECK_EVERY = 50  # steps between two comparisons of the supports


class DataParallel:
    """How `train` shares each mini-batch among `ranks`; `shards` is a multiple of their number, by default 4 for up to 4 ranks.

    More shards than ranks cost time, as products have fewer samples to stream along, and buy independence of the number of
    ranks. With batch normalization each rank has one shard. Raises NervaError.
    """

    def __init__(self, ranks: Ranks, shards: int | None = None):
        given, shards = shards, None if shards is None else as_integer(shards) or 0
        if shards is not None and (shards < 1 or shards % ranks.size):
            raise NervaError(f"shards must be a multiple of the number of ranks, {ranks.size}, not {given!r}")
        self.ranks = ranks
        self.given = shards
        self.shards_in_all = shards or ranks.size
        self.seed = 0
        self._repeated = False  # whether all ranks take all samples of the mini-batch
        self._digests: dict[int, tuple[Support, int]] = {}

    # ------------------------------------------------------------------------------------------------------ around a run

    def guard(self) -> AbstractContextManager[None]:
        return one_for_all(self.ranks)

    def agree(
        self, network: MLP, seed: int | None, callbacks: Sequence[Callback], arguments: Mapping[str, str] = NOTHING
    ) -> tuple[Any, list[Callback]]:
        """One seed for all; what writes and saves belongs to rank 0 alone. Raises NervaError where arguments differ."""
        self._same_arguments({
            **arguments,
            "callbacks": str([type(one).__name__ for one in callbacks if one.order < Order.WRITES]),
            "distributed": self._described(),
        })  # fmt: skip
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        self.seed = self.ranks.from_first(seed)
        self.shards_in_all = self._choose_shards(network)
        self._same("network", network_digest(network), "build it with the same seed on all of them")
        first = self.ranks.rank == 0
        return self.seed, [callback for callback in callbacks if first or callback.order < Order.WRITES]

    def begin(self, run: Run) -> None:
        self._same("training data", describe(run.data).checksum, "load the same on all of them")

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

    def shards(self, run: Run, rows: np.ndarray, crops: Crops | None) -> list[Batch]:
        """This rank's shards of the samples that have any."""
        self._repeated = bool(_normalizing(run.network)) and self.ranks.size > len(rows)
        total, result = run.weight(rows), []
        for shard, part in self._own_parts(len(rows)):
            if part.start < part.stop:
                result.append(run.batch(rows[part], cropped(crops, part), total, shard))
        return result

    def _passed(self, network: MLP) -> MLP:
        """The network itself, or one with the same parameters whose batch normalisations take the batch of all ranks."""
        if self._repeated or not _normalizing(network) or self.ranks.size == 1:
            return network
        return MLP([_view(layer, self.ranks) for layer in network.layers])

    def reduced(self, run: Run, shards: Sequence[Batch]) -> Step:
        """The gradients of the mini-batch of all ranks: those of W an `Outer` whose values on the support are known, and which
        asks all ranks for DZ and X where others are wanted."""
        network, lists = self._passed(run.network), {}
        for batch in shards:  # each draws the same masks, whichever rank it is on
            rng = np.random.default_rng([self.seed, run.t, batch.shard or 0])
            lists[batch.shard] = list(run.gradients(batch, network, rng))
        layers = run.network.layers[run.network.first_trained :][::-1]
        sizes = [parameter.vector.size for layer in layers for parameter in layer.parameters]
        counted = not (self._repeated and self.ranks.rank)  # all ranks took the same samples, and rank 0 counts
        vectors = [
            self._vector(run, layers, lists.get(shard) if counted else None, sum(sizes)) for shard in self._own()
        ]
        with run.phases["exchange"]:
            total = self.ranks.sum(tree_sum(vectors))
            if run.running is not None:
                run.running.settle(self.ranks.from_all(run.running.pending if counted else []))
        pieces = iter(np.split(total, np.cumsum(sizes)[:-1]))
        for place, layer in enumerate(layers):
            seen = [steps[place] for steps in lists.values()] if counted else []
            gradients = tuple(
                self._whole(parameter.value, next(pieces), [own[k] for _, _, own in seen])
                for k, parameter in enumerate(layer.parameters)
            )
            yield layer, seen[-1][1] if seen else None, gradients

    def stops(self, run: Run) -> bool:
        """All of them if one wants to, or the others would wait for it."""
        return any(self.ranks.from_all(run.stop))

    def after_step(self, run: Run) -> None:
        """Compare the supports from time to time."""
        if run.t % CHECK_EVERY == 0 or run.step_of_epoch == run.steps_per_epoch:
            self._check_supports(run.network)

    def evaluate(self, run: Run, part: str) -> tuple[float, float | None]:
        """Each rank takes some of the batches, and all add them up in their order."""
        weights = run.weights if part == "train" else None
        own = batch_totals(run.network, run.data, run.loss, part, weights, self.ranks.rank, self.ranks.size)
        return means(sum(self.ranks.from_all(own)), run.data, part, weights)  # of each row one is not zero

    # ------------------------------------------------------------------------------------------------------------ parts

    def _own(self) -> range:
        """The numbers of this rank's shards."""
        if self._repeated:
            return range(1)
        each = self.shards_in_all // self.ranks.size
        return range(self.ranks.rank * each, (self.ranks.rank + 1) * each)

    def _own_parts(self, N: int) -> list[tuple[int, slice]]:
        """Which of the N samples are this rank's shards. Where there are so few that some rank would have none to normalize,
        all ranks take all of them, and so have the same running statistics."""
        if self._repeated:
            return [(0, slice(0, N))]
        cuts = [N * shard // self.shards_in_all for shard in range(self.shards_in_all + 1)]
        return [(shard, slice(cuts[shard], cuts[shard + 1])) for shard in self._own()]

    def _vector(self, run: Run, layers: Sequence[Layer], steps: list[Any] | None, size: int) -> np.ndarray:
        """The gradients of a shard as one vector, those of W on the support; zeros of one without samples."""
        if steps is None:
            return np.zeros(size, run.network.dtype)
        return np.concatenate([
            vector_of(gradient.on(parameter.value) if isinstance(gradient, Outer) else gradient)
            for layer, _, gradients in steps
            for parameter, gradient in zip(layer.parameters, gradients, strict=True)
        ])  # fmt: skip

    def _whole(self, value: Any, vector: np.ndarray, own: Sequence[Any]) -> Any:
        """The gradient of all ranks, with these numbers; `own` are those of this rank's shards."""
        if isinstance(value, np.ndarray):
            return vector.reshape(value.shape)
        return SharedOuter(self.ranks, value, value.like(vector), own)

    # ------------------------------------------------------------------------------------------------------- comparisons

    def _described(self) -> str:
        return f"DataParallel, shards={self.given}"

    def _same_arguments(self, arguments: Mapping[str, str]) -> None:
        """Raises NervaError unless all ranks have called `train` with the same."""
        everyone = self.ranks.from_all(arguments)
        for rank, others in enumerate(everyone):
            for name, value in everyone[0].items():
                if others.get(name) != value:
                    raise NervaError(
                        f"{name}: {others.get(name)} on rank {rank}, {value} on rank 0; all ranks must call train alike"
                    )

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
        if W.full:
            return 0
        known = self._digests.get(id(W.support))
        if known is None or known[0] is not W.support:
            if len(self._digests) > 64:
                self._digests.clear()
            known = self._digests[id(W.support)] = (W.support, support_digest(W.support))
        return known[1]


def _normalizing(network: MLP) -> list[BatchNormLayer]:
    return [layer for layer in network.layers if isinstance(layer, BatchNormLayer)]


def _view(layer: Layer, ranks: Ranks) -> Layer:
    return SynchronousBatchNorm(layer, ranks) if isinstance(layer, BatchNormLayer) else layer


def support_digest(support: Support) -> int:
    """A checksum of the positions."""
    return zlib.crc32(support.indices.data, zlib.crc32(support.indptr.data))


def network_digest(network: MLP) -> int:
    """A checksum of all parameters and their positions."""
    digest = 0
    for parameter in network.parameters():
        digest = zlib.crc32(np.ascontiguousarray(parameter.vector).data, digest)
        if isinstance(parameter.value, Weight) and not parameter.value.full:
            digest ^= support_digest(parameter.value.support)
    return digest


def cropped(crops: Crops | None, part: slice) -> Crops | None:
    """What happens to this part of the images."""
    return None if crops is None else Crops(crops.top[part], crops.left[part], crops.mirrored[part], crops.pad)
