"""`Run`: a network in training, and one step of it in the open."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nerva_py.data import CropFlip, Dataset, gather, targets
from nerva_py.engine import one_blas_thread, workspace
from nerva_py.equations.losses import Loss
from nerva_py.errors import DivergedError
from nerva_py.network import MLP, Layer
from nerva_py.quantities import real

from .callbacks import Callback, Order, overriding, warned
from .clock import Phases, no_phases, timed
from .evaluation import evaluate
from .history import Epoch, History
from .optimizers import Optimizer
from .weighting import RunningLoss

if TYPE_CHECKING:
    from .schedules import Schedule

Statistics = tuple[float | None, float | None, float | None, float | None]
Step = Iterator[tuple[Layer, Any, tuple[Any, ...]]]


class Batch(NamedTuple):
    """X (N, D), T (N, K), the weights w (N, 1) of the samples or None, and the total weight of the mini-batch that they are
    of, N if it is all of it. `shard` is its number where others have the rest, and decides about the dropout masks."""

    X: Any
    T: Any
    w: Any
    total: float
    shard: int | None = None


@dataclass
class Run:
    """A network in training: what it learns from and how, and where it is. Callbacks see it.

    `epoch` counts from 1; `step_of_epoch` the steps of this epoch from 1, `t` those of all epochs. What a checkpoint keeps is
    here; data, weights and batch size may be replaced between epochs.
    """

    network: MLP
    data: Dataset
    loss: Loss
    optimizers: dict[Layer, Optimizer]
    schedule: Schedule
    epochs: int
    batch_size: int
    callbacks: list[Callback]
    # From the seed of the run: the order of the samples, augmentation, dropout masks, what callbacks draw.
    seed: Any
    order_rng: np.random.Generator
    augmentation_rng: np.random.Generator
    rng: np.random.Generator
    seeds: np.random.SeedSequence
    pool: np.ndarray  # the training samples that count
    weights: np.ndarray | None = None  # (M,) of all training samples
    shuffle: bool = True
    augmentation: CropFlip | None = None
    statistics: bool = True
    running: RunningLoss | None = None  # of the epoch, if the training loss is taken from its mini-batches
    phases: Phases = field(default_factory=no_phases)
    history: History = field(default_factory=History)
    epoch: int = 0
    step_of_epoch: int = 0
    t: int = 0
    learning_rate: float = 0.0
    outputs: np.ndarray | None = None  # Y (N, K) of the last step
    stop: bool = False  # a callback sets it to end training after this epoch
    resumed: bool = False  # whether the run began elsewhere and was continued from a checkpoint
    settings: dict[str, Any] = field(default_factory=dict)  # arguments of `train` that must be the same after a resume
    start: dict[str, Any] = field(default_factory=dict)  # sizes of the network with which the run began
    order_state: dict[str, Any] = field(default_factory=dict)  # of `order_rng`, before it drew the order of this epoch
    epoch_start: float = 0.0  # on the clock of `time.perf_counter`
    seconds: float = 0.0  # that the epoch had taken until it was interrupted

    def __post_init__(self) -> None:
        self.callbacks = sorted(self.callbacks, key=lambda callback: callback.order)
        self.watching = overriding(self.callbacks, "on_gradients")
        self.stepping = overriding(self.callbacks, "on_step_end")

    # ------------------------------------------------------------------------------------------------------ one mini-batch

    def step(self, *shards: Batch) -> None:
        """One mini-batch: forward, gradient of the loss, backward, update; from the last layer to the first.

        It is given as the shards of this process: one, unless several processes train together.
        """
        self.t += 1
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"), workspace():
            for layer, tape, gradients in self.reduced(shards):
                for callback in self.watching:
                    callback.on_gradients(self, layer, tape, gradients)
                with self.phases["optimize"]:
                    self.optimizers[layer].step(layer, gradients, self.learning_rate, self.t)

    def reduced(self, shards: Sequence[Batch]) -> Step:
        """The gradients of the whole mini-batch from those of its shards; one process has one."""
        return self.gradients(shards[0], self.network, self.rng)

    def gradients(self, batch: Batch, network: MLP, rng: Any) -> Step:
        """(layer, tape, gradients) of the mean loss, as `network.backward` yields them."""
        with self.phases["feedforward"]:
            Y, tapes = network.forward(batch.X, rng)  # X (N, D) -> Y (N, K)
            network.store(tapes)
        self.outputs = Y
        if self.running is not None:
            self.running.add(self.loss, Y, batch.T, batch.w)
        with self.phases["backpropagate"] as phase:
            DY = self.loss.mean_gradient(Y, batch.T, batch.w, batch.total)
        steps = network.backward(tapes, DY)
        return steps if phase is None else timed(phase, steps)

    def batch(self, rows: np.ndarray, crops: Any = None, total: float | None = None, shard: int | None = None) -> Batch:
        """These training samples, of a mini-batch of that total weight."""
        data, dtype = self.data, self.network.dtype
        with self.phases["gather"]:
            X = gather(data.Xtrain, rows, data.scale, data.shift, dtype, crops, data.image_shape)
            T = targets(data.Ttrain, rows, data.num_classes, dtype)
            w = None if self.weights is None else self.weights[rows, None].astype(dtype, copy=False)
        if total is None:
            total = len(rows) if self.weights is None else self.weight(rows)
        return Batch(X, T, w, total, shard)

    def shards(self, rows: np.ndarray, crops: Any) -> list[Batch]:
        """This process's shards of the mini-batch of these samples."""
        return [self.batch(rows, crops)]

    def weight(self, rows: np.ndarray) -> float:
        """The total weight of these samples."""
        return len(rows) if self.weights is None else float(self.weights[rows].sum())

    # ----------------------------------------------------------------------------------------------------------- one epoch

    def run_epoch(self, number: int) -> None:
        """All mini-batches of an epoch, or those that are left of one that was interrupted, and its evaluation."""
        order = self._order()
        if number == len(self.history):
            return  # a run is resumed after this epoch
        if number > self.epoch:
            self.epoch, self.step_of_epoch, self.seconds = number, 0, 0.0
        self.learning_rate = real(f"the learning rate of epoch {number}", self.schedule(number - 1))
        self.announce_epoch()
        self.epoch_start = time.perf_counter() - self.seconds
        with workspace(), one_blas_thread:
            for first in range(self.step_of_epoch * self.batch_size, len(order), self.batch_size):
                rows = order[first : first + self.batch_size]
                crops = self.augmentation.draw(self.augmentation_rng, len(rows)) if self.augmentation else None
                self.step(*self.shards(rows, crops))
                self.step_of_epoch += 1
                for callback in self.stepping:
                    with self.phases[callback.phase]:
                        callback.on_step_end(self)
                self.after_step()
        seconds = time.perf_counter() - self.epoch_start
        self._check_finite(self.outputs)
        record = Epoch(number, self.learning_rate, seconds, *self._evaluation(), final=self.unfinished() is None)
        self._check_finite(record.train_loss)
        self.close_epoch(record)

    def announce_epoch(self) -> None:
        """Tell the callbacks that an epoch begins."""
        for callback in self.callbacks:
            callback.on_epoch_begin(self)

    def close_epoch(self, record: Epoch) -> None:
        """Into the history, and to the callbacks."""
        self.history.epochs.append(record)
        for callback in self.callbacks:
            with warned() if callback.order == Order.WRITES else nullcontext():
                callback.on_epoch_end(self, record)

    def _order(self) -> np.ndarray:
        """The order of the samples in the next epoch, and note of the state from which it can be drawn again."""
        self.order_state = dict(self.order_rng.bit_generator.state)
        return self.order_rng.permutation(self.pool) if self.shuffle else self.pool

    def _evaluation(self) -> Statistics:
        """Loss and accuracy on the training data, then on the test data, if they are wanted."""
        if not self.statistics:
            return None, None, None, None
        test = self.evaluate("test") if len(self.data.Ttest) else (None, None)
        train = self.evaluate("train") if self.running is None else (self.running.take(), None)
        return (*train, *test)

    def evaluate(self, part: str) -> tuple[float, float | None]:
        """Mean loss and share of right answers on the "train" or "test" part of the data."""
        return evaluate(self.network, self.data, self.loss, part, self.weights if part == "train" else None)

    def stops(self) -> bool:
        """Whether a callback has asked for the end of training."""
        return self.stop

    def after_step(self) -> None:
        """After the callbacks of a step; for those who share the run."""

    def _check_finite(self, numbers: Any) -> None:
        if numbers is not None and not np.isfinite(numbers).all():
            raise DivergedError(
                f"training diverged in epoch {self.epoch}: the loss is no longer finite. "
                f"Try a learning rate below {self.learning_rate:g}{', or scale samples and targets' * (self.epoch == 1)}"
            )

    def end(self) -> None:
        """Forget what only a run that goes on needs: the optimizer's states and the last outputs."""
        self.outputs = None
        for parameter in self.network.parameters():
            parameter.states = []

    # ------------------------------------------------------------------------------------------------------- for callbacks

    @property
    def steps_per_epoch(self) -> int:
        """Mini-batches of an epoch."""
        return -(-len(self.pool) // self.batch_size)

    def unfinished(self) -> str | None:
        """What a callback has still to do before the network is what is wanted; None if nothing."""
        return next((text for callback in self.callbacks if (text := callback.unfinished(self))), None)

    def generator(self) -> np.random.Generator:
        """Another random generator at each call, decided by the seed of the run."""
        return np.random.default_rng(self.seeds.spawn(1)[0])
