"""What a `Run` does where several processes may train one network together; here: one process alone.

`nerva_py.distributed` has the implementations for many.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from . import evaluation

if TYPE_CHECKING:
    from nerva_py.network import MLP

    from .callbacks import Callback
    from .run import Batch, Run, Step


class Distribution(Protocol):
    """How one run is shared by several processes, all of which call `train` with the same arguments."""

    def guard(self) -> AbstractContextManager[None]:
        """A context in which an error of one process ends all of them."""

    def agree(self, network: MLP, seed: int | None, callbacks: Sequence[Callback]) -> tuple[Any, list[Callback]]:
        """Seed and callbacks of this process, once it is known that all have the same network."""

    def begin(self, run: Run) -> None:
        """Before the first step."""

    def shards(self, run: Run, rows: np.ndarray, crops: Any) -> list[Batch]:
        """This process's shards of the mini-batch of these samples."""

    def network(self, run: Run) -> MLP:
        """The network as a pass goes through it, which may see the samples of other processes."""

    def generator(self, run: Run, shard: int | None) -> np.random.Generator:
        """What draws the dropout masks of a shard."""

    def reduced(self, run: Run, shards: Sequence[Batch], parts: Sequence[Step]) -> Step:
        """The gradients of the mini-batch of all processes from those of this one's shards."""

    def after_step(self, run: Run) -> None:
        """After the callbacks of a step."""

    def evaluate(self, run: Run, part: str) -> tuple[float, float | None]:
        """As `evaluation.evaluate`."""


class OneProcess:
    """One shard, and nobody to agree with."""

    def guard(self) -> AbstractContextManager[None]:
        return nullcontext()

    def agree(self, network: MLP, seed: int | None, callbacks: Sequence[Callback]) -> tuple[Any, list[Callback]]:
        return seed, list(callbacks)

    def begin(self, run: Run) -> None:
        """Nothing to prepare."""

    def shards(self, run: Run, rows: np.ndarray, crops: Any) -> list[Batch]:
        return [run.batch(rows, crops)]

    def network(self, run: Run) -> MLP:
        return run.network

    def generator(self, run: Run, shard: int | None) -> np.random.Generator:
        return run.rng

    def reduced(self, run: Run, shards: Sequence[Batch], parts: Sequence[Step]) -> Step:
        return parts[0]

    def after_step(self, run: Run) -> None:
        """Nothing to compare."""

    def evaluate(self, run: Run, part: str) -> tuple[float, float | None]:
        weights = run.weights if part == "train" else None
        return evaluation.evaluate(run.network, run.data, run.loss, part, weights)
