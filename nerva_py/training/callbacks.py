"""The callback protocol: what happens around epochs and steps besides training itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nerva_py.data import Dataset
    from nerva_py.network import MLP

    from .history import Epoch, History
    from .optimizers import OptimizerState


@dataclass
class TrainingState:
    """What a callback sees. `epoch` counts from 1; `step` counts the steps of this epoch from 1."""

    network: MLP
    data: Dataset
    optimizer_states: list[OptimizerState]
    history: History
    epochs: int
    steps_per_epoch: int
    epoch: int = 0
    step: int = 0
    learning_rate: float = 0.0
    stop: bool = False  # a callback sets it to end training after this epoch
    seeds: np.random.SeedSequence = field(default_factory=np.random.SeedSequence)

    def generator(self) -> np.random.Generator:
        """Another random generator at each call, decided by the seed of the run."""
        return np.random.default_rng(self.seeds.spawn(1)[0])


class Callback:
    """Override what you need. Callbacks run in the order in which they are given, in each method.

    So one that measures or changes the network comes before one that writes down what was measured.
    """

    phase = "callbacks"  # under which the seconds of `on_step_end` are counted when phases are timed

    def on_train_begin(self, state: TrainingState) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, state: TrainingState) -> None:
        """Before the first step of an epoch; outside the measured time."""

    def on_step_end(self, state: TrainingState) -> None:
        """After the update of each mini-batch; inside the measured time. Gradients are still there."""

    def on_epoch_end(self, state: TrainingState, epoch: Epoch) -> None:
        """After an epoch and its evaluation; outside the measured time."""

    def on_train_end(self, state: TrainingState) -> None:
        """After the last epoch, also when training was interrupted or failed."""


def step_callbacks(callbacks: Sequence[Callback]) -> list[Callback]:
    """Those that really do something after a step: a call that does nothing still costs time."""
    return [callback for callback in callbacks if type(callback).on_step_end is not Callback.on_step_end]
