"""The training loop."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from nerva_py.data import CropFlip, Dataset
from nerva_py.engine import one_blas_thread, workspace
from nerva_py.equations.losses import LOSSES, Loss
from nerva_py.errors import DivergedError, NervaError, ShapeError, unknown
from nerva_py.network import MLP
from nerva_py.network.layers import check_sparse_input
from nerva_py.network.specs import build
from nerva_py.sparse import product_update

from . import resuming
from .callbacks import Callback, TrainingState, end_all, in_order, step_callbacks
from .history import Epoch, History
from .optimizers import OPTIMIZERS, Optimizer, OptimizerState, states_for
from .parallel import Distribution, OneProcess
from .schedules import SCHEDULES, Constant, Schedule
from .step import PhaseClock, no_phase, training_step
from .weighting import RunningLoss, checked_weights, described_weights

# Networks up to this many weights are copied to compile the kernels before the clock starts.
WARM_UP_LIMIT = 5_000_000


def train(
    network: MLP,
    data: Dataset,
    *,
    loss: str | Loss = "SoftmaxCrossEntropy",
    optimizer: str | Optimizer | Sequence[str | Optimizer] = "Nesterov(0.9)",
    learning_rate: float | str | Schedule = 0.01,
    epochs: int = 10,
    batch_size: int = 100,
    shuffle: bool = True,
    augmentation: CropFlip | None = None,
    statistics: bool | Literal["running"] = True,
    sample_weight: ArrayLike | None = None,
    seed: int | None = None,
    callbacks: Sequence[Callback] = (),
    timer: bool = False,
    resume: str | PathLike[str] | None = None,
    distributed: Distribution | None = None,
) -> History:
    """Train with mini-batches; the last partial batch of an epoch is used too. Returns the history.

    `optimizer`: one for all parameters, or one a linear layer. `learning_rate`: a number, a spec such as
    "MultiStepLR(0.1;50,75;0.1)", or a function of the epoch 0, 1, 2, ... `statistics`: evaluate on the training and test
    data after each epoch, outside the measured time; "running" takes for the training loss the mean of the losses that the
    mini-batches had when they were met, which costs no pass over the training data. `sample_weight`: one number of at least
    0 for each training sample, the w of `Loss.weighted_mean_gradient`, with which the training loss is a mean, too; samples
    of weight 0 are left out, so weights 0 and 1 choose samples. `seed` decides the order of the samples, the augmentation
    and the choices of callbacks; the network brings its own generator for dropout. `timer` adds up the seconds of each phase
    of a step in `history.phases`. `resume`: the file of a `ModelCheckpoint`, whose run goes on until there are `epochs`
    epochs. All other arguments must be those with which it began, `epochs` and what is still to come of the learning rates
    apart; the network's parameters become those of the file. `distributed`: how several processes, all of which call this
    function with the same arguments, train the network together; see `nerva_py.distributed`.
    Raises `DivergedError` when the loss stops being finite, and leaves the network as it then is. Ctrl-C ends training
    with the epochs so far.
    """
    chosen_loss, schedule = resolve_loss(loss), resolve_schedule(learning_rate)
    check_run(network, data, epochs, batch_size, augmentation)
    parallel = distributed or OneProcess()
    seed, callbacks = parallel.agree(network, seed, callbacks)
    weights, pool = checked_weights(sample_weight, data, chosen_loss)
    M = len(pool)
    batch_size = min(batch_size, M)
    settings: dict[str, Any] = {"loss": chosen_loss.name, "batch_size": batch_size, "shuffle": shuffle, "seed": seed}
    settings["augmentation"] = None if augmentation is None else repr(augmentation)
    settings["sample_weight"] = described_weights(weights)
    state = _begin(network, data, chosen_loss, resolve_optimizers(network, optimizer), epochs, M, seed, settings)
    state.running = RunningLoss() if statistics == "running" else None
    callbacks = state.callbacks = in_order(callbacks)
    continue_callbacks = None if resume is None else resuming.resume(state, resume, schedule)
    parallel.begin(state)
    history, augmentation_rng = state.history, state.augmentation_rng
    assert augmentation_rng is not None
    after_step = step_callbacks(callbacks)
    gradients = network.nnz < product_update.LARGE or any(callback.reads_gradients for callback in callbacks)
    begun: list[Callback] = []
    clock = PhaseClock() if timer else None
    phase = clock.phase if clock else no_phase

    with parallel.guard():
        for size in filter(None, (batch_size, M % batch_size)):  # few samples have kernels of their own
            _compile_kernels(network, data, chosen_loss, state.optimizer_states, pool[:size], augmentation, weights)
        try:
            for callback in callbacks:
                callback.on_train_begin(state)
                begun.append(callback)
            if continue_callbacks is not None:
                continue_callbacks()
            with workspace(), one_blas_thread:
                for epoch in range(max(1, state.epoch), epochs + 1):
                    if (
                        state.stop and len(history) == state.epoch
                    ):  # a run resumed in the middle of its last epoch ends it
                        break
                    order = _order(state, pool, shuffle)
                    if epoch == len(history):
                        continue  # a run is resumed after this epoch
                    if epoch > state.epoch:
                        state.epoch, state.step, state.seconds = epoch, 0, 0.0
                    state.learning_rate = schedule(epoch - 1)
                    _each(callbacks, "on_epoch_begin", state)
                    state.epoch_start = time.perf_counter() - state.seconds
                    for first in range(state.step * batch_size, M, batch_size):
                        rows = order[first : first + batch_size]
                        crops = augmentation.draw(augmentation_rng, len(rows)) if augmentation else None
                        state.t += 1
                        state.outputs = parallel.step(
                            network, data, chosen_loss, state.optimizer_states, rows, crops, state.learning_rate,
                            state.t, clock, weights, state.running, gradients,
                        )  # fmt: skip
                        state.step += 1
                        for callback in after_step:
                            with phase(callback.phase):
                                callback.on_step_end(state)
                        parallel.after_step(state)
                    seconds = time.perf_counter() - state.epoch_start
                    if state.outputs is not None and not np.isfinite(state.outputs).all():
                        raise DivergedError(_diverged(epoch, state.learning_rate))
                    results = _statistics(parallel, state, bool(statistics), weights)
                    record = Epoch(epoch, state.learning_rate, seconds, *results)
                    if record.train_loss is not None and not np.isfinite(record.train_loss):
                        raise DivergedError(_diverged(epoch, state.learning_rate))
                    history.epochs.append(record)
                    _each(callbacks, "on_epoch_end", state, record)
        except KeyboardInterrupt:
            if distributed is not None:
                raise  # the others may be waiting for this process
            history.interrupted = True
        finally:
            if clock:
                history.phases = dict(clock.seconds)
            network.release()
            parallel.end(network)
            state.outputs = None
            end_all(begun, state)
    return history


def _begin(
    network: MLP,
    data: Dataset,
    loss: Loss,
    states: list[OptimizerState],
    epochs: int,
    M: int,
    seed: int | None,
    settings: dict[str, Any],
) -> TrainingState:
    """A run before its first step."""
    order, augmentation, callbacks = np.random.SeedSequence(seed).spawn(3)
    steps = -(-M // settings["batch_size"])
    return TrainingState(
        network, data, states, History(), epochs, steps, loss=loss, seeds=callbacks, settings=settings,
        order_rng=np.random.default_rng(order), augmentation_rng=np.random.default_rng(augmentation),
        start=resuming.start_of(network),
    )  # fmt: skip


def _order(state: TrainingState, pool: np.ndarray, shuffle: bool) -> np.ndarray:
    """The order of the samples in the next epoch, and note of the state from which it can be drawn again."""
    assert state.order_rng is not None
    state.order_state = dict(state.order_rng.bit_generator.state)
    return state.order_rng.permutation(pool) if shuffle else pool


def resolve_loss(loss: str | Loss) -> Loss:
    """The loss of that name."""
    if isinstance(loss, Loss):
        return loss
    by_lower_case = {name.lower(): found for name, found in LOSSES.items()}
    if loss.lower() not in by_lower_case:
        raise unknown("loss", loss, LOSSES)
    return by_lower_case[loss.lower()]


def resolve_schedule(learning_rate: float | str | Schedule) -> Schedule:
    """A schedule from a number or a spec string."""
    if callable(learning_rate):
        return learning_rate
    if isinstance(learning_rate, str):
        return build("learning rate schedule", learning_rate, SCHEDULES)
    return Constant(learning_rate)


def resolve_optimizers(network: MLP, optimizer: str | Optimizer | Sequence[str | Optimizer]) -> list[OptimizerState]:
    """Fresh optimizer states: one optimizer for the whole network, or one for each linear layer and what follows it."""
    given = [optimizer] if isinstance(optimizer, str | Optimizer) else list(optimizer)
    count = len(network.linear_layers)
    if len(given) not in (1, count):
        raise NervaError(f"optimizer must be one, or {count}, one a linear layer; got {len(given)}")
    built = [build("optimizer", one, OPTIMIZERS) if isinstance(one, str) else one for one in given]
    built *= count if len(built) == 1 else 1
    states, position = [], -1
    linear = network.linear_layers
    for layer in network.layers:
        position += any(layer is one for one in linear)
        states += states_for(layer.parameters, built[max(position, 0)])
    return states


def check_run(network: MLP, data: Dataset, epochs: int, batch_size: int, augmentation: CropFlip | None) -> None:
    """Refuse a run that cannot work, before anything is changed."""
    sizes = network.sizes
    if sizes[0] != data.num_features:
        raise ShapeError(
            f"network has {sizes[0]} inputs, but a sample of {data.name!r} has {data.num_features} features"
        )
    if sizes[-1] != data.num_outputs:
        raise ShapeError(f"network has {sizes[-1]} outputs, but {data.name!r} needs {data.num_outputs}")
    if not isinstance(epochs, int) or epochs < 0:
        raise NervaError(f"epochs must be an integer of at least 0, not {epochs!r}")
    if not isinstance(batch_size, int) or not 1 <= batch_size <= len(data.Ttrain):
        raise NervaError(
            f"batch_size must be from 1 to the number of training samples, {len(data.Ttrain)}, not {batch_size!r}"
        )
    if data.sparse:
        check_sparse_input(network.layers)
    if augmentation is not None and not data.augmentable:
        raise NervaError(f"augmentation needs images stored as bytes, which {data.name!r} is not")


Statistics = tuple[float | None, float | None, float | None, float | None]


def _statistics(parallel: Distribution, state: TrainingState, wanted: bool, weights: np.ndarray | None) -> Statistics:
    """Loss and accuracy on the training data, then on the test data."""
    if not wanted:
        return None, None, None, None
    assert state.loss is not None
    network, data, loss, meter = state.network, state.data, state.loss, state.running
    test = parallel.evaluate(network, data, loss, "test") if len(data.Ttest) else (None, None)
    train = parallel.evaluate(network, data, loss, "train", weights) if meter is None else (meter.take(), None)
    return (*train, *test)


def _compile_kernels(
    network: MLP,
    data: Dataset,
    loss: Loss,
    states: Sequence[OptimizerState],
    rows: np.ndarray,
    augmentation: CropFlip | None,
    weights: np.ndarray | None,
) -> None:
    """Take one step with a copy, so that no epoch's time includes compilation."""
    if network.nnz > WARM_UP_LIMIT:
        return
    crops = augmentation.draw(np.random.default_rng(0), len(rows)) if augmentation else None
    shadow, shadow_states = copy.deepcopy((network, list(states)))
    training_step(shadow, data, loss, shadow_states, rows, crops, 0.0, 1, None, weights)


def _each(callbacks: Sequence[Callback], method: str, *arguments: Any) -> None:
    for callback in callbacks:
        call: Callable[..., None] = getattr(callback, method)
        call(*arguments)


def _diverged(epoch: int, eta: float) -> str:
    return f"training diverged in epoch {epoch}: the loss is no longer finite. Try a learning rate below {eta:g}"
