"""What `train` does where several processes may train one network together; here: one process alone.

`nerva_py.distributed` has the implementation for many.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nerva_py.equations.losses import Loss

from . import evaluation
from .step import training_step

if TYPE_CHECKING:
    from nerva_py.data import Dataset
    from nerva_py.network import MLP

    from .callbacks import Callback, TrainingState


class Distribution(Protocol):
    """How one run is shared by several processes, all of which call `train` with the same arguments."""

    def guard(self) -> AbstractContextManager[None]:
        """A context in which an error of one process ends all of them."""

    def agree(self, network: MLP, seed: int | None, callbacks: Sequence[Callback]) -> tuple[Any, list[Callback]]:
        """Seed and callbacks of this process, once it is known that all have the same network."""

    def begin(self, state: TrainingState) -> None:
        """Prepare the layers, before the first step."""

    def step(self, *arguments: Any) -> np.ndarray:
        """As `training_step`, for the mini-batch of all processes together."""

    def after_step(self, state: TrainingState) -> None:
        """After the callbacks of a step."""

    def evaluate(
        self, network: MLP, data: Dataset, loss: Loss, part: str, sample_weight: np.ndarray | None = None
    ) -> tuple[float, float | None]:
        """As `evaluation.evaluate`."""

    def end(self, network: MLP) -> None:
        """Leave the layers as they were."""


class OneProcess:
    """Nobody to agree with."""

    def guard(self) -> AbstractContextManager[None]:
        return nullcontext()

    def agree(self, network: MLP, seed: int | None, callbacks: Sequence[Callback]) -> tuple[Any, list[Callback]]:
        return seed, list(callbacks)

    def begin(self, state: TrainingState) -> None:
        """Nothing to prepare."""

    def step(self, *arguments: Any) -> np.ndarray:
        return training_step(*arguments)

    def after_step(self, state: TrainingState) -> None:
        """Nothing to compare."""

    def evaluate(
        self, network: MLP, data: Dataset, loss: Loss, part: str, sample_weight: np.ndarray | None = None
    ) -> tuple[float, float | None]:
        return evaluation.evaluate(network, data, loss, part, sample_weight)

    def end(self, network: MLP) -> None:
        """Nothing to undo."""
