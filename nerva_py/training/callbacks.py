"""The callback protocol: what happens around epochs and steps besides training itself.

A run calls, for every callback,

    on_train_begin                     once, with the network as it was given or as a checkpoint had it
      on_epoch_begin                   before the first step of an epoch
        on_step_end                    after each step, gradients still being there if a callback `reads_gradients`
      on_epoch_end                     after the epoch's evaluation; what it puts in `epoch.measures` is logged and saved
    on_train_end                       once, also when training is interrupted or fails

In each of them callbacks run by rising `order`, those of equal order as they are given. So topology methods, which change the
network, come before what measures, what decides about stopping, what writes logs and what saves checkpoints, whatever the order
of the list.

A callback that must continue where it was when a run is resumed gives what it has to remember by `state_dict` and gets it back
by `load_state_dict`, which is called after `on_train_begin`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nerva_py.data import Dataset
    from nerva_py.equations.losses import Loss
    from nerva_py.network import MLP

    from .history import Epoch, History
    from .optimizers import OptimizerState
    from .weighting import RunningLoss


class Order(IntEnum):
    """When a callback runs among the others."""

    CHANGES = 0  # the network: topology methods
    MEASURES = 1  # what it finds, into `epoch.measures`; every callback that says nothing else
    DECIDES = 2  # whether training goes on
    WRITES = 3  # logs and progress bars
    SAVES = 4  # checkpoints, of everything above


@dataclass
class TrainingState:
    """What a callback sees. `epoch` counts from 1; `step` counts the steps of this epoch from 1, `t` those of all epochs."""

    network: MLP
    data: Dataset
    optimizer_states: list[OptimizerState]
    history: History
    epochs: int
    steps_per_epoch: int
    epoch: int = 0
    step: int = 0
    t: int = 0
    learning_rate: float = 0.0
    loss: Loss | None = None
    outputs: np.ndarray | None = None  # Y (N, K) of the last step
    stop: bool = False  # a callback sets it to end training after this epoch
    resumed: bool = False  # whether the run began elsewhere and was continued from a checkpoint
    seeds: np.random.SeedSequence = field(default_factory=np.random.SeedSequence)
    running: RunningLoss | None = None  # of the epoch, if train_loss is taken from its mini-batches
    # What only checkpoints look at.
    callbacks: list[Callback] = field(default_factory=list)
    order_rng: np.random.Generator | None = None  # draws the order of the samples,
    order_state: dict[str, Any] = field(default_factory=dict)  # and was in this state before that of this epoch
    augmentation_rng: np.random.Generator | None = None
    settings: dict[str, Any] = field(default_factory=dict)  # arguments of `train` that must be the same after a resume
    start: dict[str, Any] = field(default_factory=dict)  # sizes of the network with which the run began
    epoch_start: float = 0.0  # on the clock of `time.perf_counter`
    seconds: float = 0.0  # that the epoch had taken until it was interrupted

    def generator(self) -> np.random.Generator:
        """Another random generator at each call, decided by the seed of the run."""
        return np.random.default_rng(self.seeds.spawn(1)[0])


class Callback:
    """Override what you need; see the module's text for what is called when."""

    order: int = Order.MEASURES
    phase = "callbacks"  # under which the seconds of `on_step_end` are counted when phases are timed
    # Whether it looks at the gradients of the parameters. Where no callback does, a layer of millions of weights may update
    # them in the pass that computes their gradients, and keeps none.
    reads_gradients: bool = True

    def on_train_begin(self, state: TrainingState) -> None:
        """Before the first epoch; in a resumed run before the next one, and then `state.resumed` is true."""

    def on_epoch_begin(self, state: TrainingState) -> None:
        """Before the first step of an epoch; outside the measured time. `state.step` is 0, or how many steps of the epoch had
        been taken when the checkpoint was written from which it is resumed."""

    def on_step_end(self, state: TrainingState) -> None:
        """After the update of each mini-batch; inside the measured time. Gradients are still there, see `reads_gradients`."""

    def on_epoch_end(self, state: TrainingState, epoch: Epoch) -> None:
        """After an epoch and its evaluation; outside the measured time."""

    def on_train_end(self, state: TrainingState) -> None:
        """After the last epoch, also when training was interrupted or failed; if `on_train_begin` returned."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must remember: dicts with string keys, lists, numbers, strings, None and numeric arrays."""
        return {}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned; called after `on_train_begin` in a resumed run."""


def in_order(callbacks: Sequence[Callback]) -> list[Callback]:
    """By rising `order`, those of equal order as they are given."""
    return sorted(callbacks, key=lambda callback: callback.order)


def step_callbacks(callbacks: Sequence[Callback]) -> list[Callback]:
    """Those that really do something after a step: a call that does nothing still costs time."""
    return [callback for callback in callbacks if type(callback).on_step_end is not Callback.on_step_end]


def end_all(callbacks: Sequence[Callback], state: TrainingState) -> None:
    """`on_train_end` of every callback, even if that of another fails; then the first error is raised."""
    first: BaseException | None = None
    for callback in callbacks:
        try:
            callback.on_train_end(state)
        except BaseException as error:  # noqa: BLE001 - raised below, when the others had their turn
            first = first or error
    if first is not None:
        raise first
