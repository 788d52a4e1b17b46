"""A run that several processes share: what each of them does differently is said by a `Distribution`.

`nerva_py.distributed` has the implementations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .run import Batch, Run, Step

if TYPE_CHECKING:
    from nerva_py.network import MLP

    from .callbacks import Callback


class Distribution(Protocol):
    """How one run is shared by several processes, all of which call `train` with the same arguments."""

    def guard(self) -> AbstractContextManager[None]:
        """A context in which an error of one process ends all of them."""

    def agree(
        self, network: MLP, seed: int | None, callbacks: Sequence[Callback], arguments: Mapping[str, str]
    ) -> tuple[Any, list[Callback]]:
        """Seed and callbacks of this process, once it is known that all have the same network and the same arguments."""

    def begin(self, run: Run) -> None:
        """Before the first step."""

    def shards(self, run: Run, rows: np.ndarray, crops: Any) -> list[Batch]:
        """As `Run.shards`."""

    def reduced(self, run: Run, shards: Sequence[Batch]) -> Step:
        """As `Run.reduced`: the gradients of the mini-batch of all processes."""

    def after_step(self, run: Run) -> None:
        """After the callbacks of a step."""

    def stops(self, run: Run) -> bool:
        """Whether training ends after this epoch: the same answer in all processes."""

    def evaluate(self, run: Run, part: str) -> tuple[float, float | None]:
        """As `Run.evaluate`."""


@dataclass
class SharedRun(Run):
    """A run of several processes."""

    distribution: Any = None

    def shards(self, rows: np.ndarray, crops: Any) -> list[Batch]:
        result: list[Batch] = self.distribution.shards(self, rows, crops)
        return result

    def reduced(self, shards: Sequence[Batch]) -> Step:
        result: Step = self.distribution.reduced(self, shards)
        return result

    def after_step(self) -> None:
        self.distribution.after_step(self)

    def stops(self) -> bool:
        result: bool = self.distribution.stops(self)
        return result

    def evaluate(self, part: str) -> tuple[float, float | None]:
        result: tuple[float, float | None] = self.distribution.evaluate(self, part)
        return result
