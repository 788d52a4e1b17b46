"""The training loop."""

from __future__ import annotations

import copy
import re
import warnings
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import fields
from os import PathLike
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from nerva_py.data import CropFlip, Dataset
from nerva_py.equations.losses import LOSSES, Loss
from nerva_py.errors import NervaError, ShapeError
from nerva_py.network import MLP, Layer
from nerva_py.network.layers import check_sparse_input
from nerva_py.network.specs import build
from nerva_py.parts import find
from nerva_py.quantities import as_integer, integer, optional_integer

from . import resuming
from .callbacks import Callback, checked_callbacks, end_all
from .clock import Phase, no_phases
from .history import History
from .optimizers import OPTIMIZERS, Optimizer
from .parallel import Distribution, SharedRun
from .progress_bar import ProgressBar
from .run import Run
from .schedules import SCHEDULES, Constant, Schedule
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
    verbose: bool = False,
) -> History:
    """Train with mini-batches; the last partial batch of an epoch is used too. Returns the history.

    `optimizer`: one for all parameters, one a linear layer, or one a layer that has parameters. `learning_rate`: a number, a
    spec such as "MultiStepLR(0.1;50,75;0.1)", or a function of the epoch 0, 1, 2, ... `statistics`: evaluate on the training
    and test data after each epoch, outside the measured time; "running" takes for the training loss the mean of the losses
    that the mini-batches had when they were met, which costs no pass over the training data. `sample_weight`: one number of
    at least 0 for each training sample, the w of `Loss.mean_gradient`, with which the training loss is a mean, too; only
    their ratios matter. Samples of weight 0 are left out, so weights 0 and 1 choose samples. `seed` decides the order of the
    samples, augmentation, dropout masks and the choices of callbacks. `timer` adds up the seconds of each phase of a step in
    `history.phases`. `resume`: the file of a `ModelCheckpoint`, whose run goes on until there are `epochs`
    epochs. All other arguments must be those with which it began, `epochs` and what is still to come of the learning rates
    apart; the network's parameters become those of the file. `distributed`: how several processes, all of which call this
    function with the same arguments, train the network together; see `nerva_py.distributed`. `verbose`: show a
    `ProgressBar` with losses and accuracies, in a terminal or a notebook.
    Raises `DivergedError` when the loss stops being finite, and leaves the network as it then is. Ctrl-C ends training
    with the epochs so far.
    """
    begun: list[Callback] = []
    with ExitStack() as stack:
        if distributed is not None:
            stack.enter_context(distributed.guard())
        if verbose:
            callbacks = [*checked_callbacks(callbacks), ProgressBar()]
        run = begin(
            network, data, loss, optimizer, learning_rate, epochs, batch_size, shuffle, augmentation, statistics,
            sample_weight, seed, callbacks, timer, distributed,
        )  # fmt: skip
        stack.callback(run.end)  # whatever happens, the network keeps nothing of the run
        continue_callbacks = None if resume is None else resuming.resume(run, resume)
        if distributed is not None:
            distributed.begin(run)
        compile_kernels(run)
        try:
            for callback in run.callbacks:
                callback.on_train_begin(run)
                begun.append(callback)
            if continue_callbacks is not None:
                continue_callbacks()
            for number in range(max(1, run.epoch), run.epochs + 1):
                if run.stops() and len(run.history) == run.epoch:  # one resumed in the middle of its last epoch ends it
                    break
                run.run_epoch(number)
        except KeyboardInterrupt:
            if distributed is not None:
                raise  # the others may be waiting for this process
            run.history.interrupted = True
        finally:
            run.history.phases = {name: phase.seconds for name, phase in run.phases.items()} if timer else {}
            end_all(begun, run)
    return run.history


def begin(
    network: MLP,
    data: Dataset,
    loss: str | Loss,
    optimizer: str | Optimizer | Sequence[str | Optimizer],
    learning_rate: float | str | Schedule,
    epochs: int,
    batch_size: int,
    shuffle: bool = True,
    augmentation: CropFlip | None = None,
    statistics: bool | Literal["running"] = True,
    sample_weight: ArrayLike | None = None,
    seed: int | None = None,
    callbacks: Sequence[Callback] = (),
    timer: bool = False,
    distributed: Distribution | None = None,
) -> Run:
    """A run before its first step; see `train`. Everything that can be wrong is looked at before anything is changed."""
    chosen_loss, schedule, seed = resolve_loss(loss), resolve_schedule(learning_rate), optional_integer("seed", seed, 0)
    callbacks = checked_callbacks(callbacks)
    epochs, batch_size = check_run(network, data, epochs, batch_size, augmentation)
    check_loss(network, chosen_loss)
    warn_of_no_path(network)
    weights, pool = checked_weights(sample_weight, data)
    if distributed is not None:
        given = {
            "epochs": epochs, "batch_size": batch_size, "loss": loss, "optimizer": optimizer, "learning_rate": learning_rate,
            "shuffle": shuffle, "augmentation": augmentation, "statistics": statistics,
            "sample_weight": described_weights(weights),
        }  # fmt: skip
        seed, callbacks = distributed.agree(network, seed, callbacks, {name: as_text(given[name]) for name in given})
    batch_size = min(batch_size, len(pool))
    optimizers = resolve_optimizers(network, optimizer)
    for layer, chosen in optimizers.items():
        for parameter in layer.parameters:
            parameter.begin(chosen.states)
    order, crops, seeds, masks = np.random.SeedSequence(seed).spawn(4)
    settings = {
        "loss": chosen_loss.name, "batch_size": batch_size, "shuffle": shuffle, "seed": seed,
        "augmentation": None if augmentation is None else repr(augmentation),
        "sample_weight": described_weights(weights),
    }  # fmt: skip
    run = Run(
        network, data, chosen_loss, optimizers, schedule, epochs, batch_size, list(callbacks),
        seed=seed, order_rng=np.random.default_rng(order), augmentation_rng=np.random.default_rng(crops),
        rng=np.random.default_rng(masks), seeds=seeds, pool=pool, weights=weights, shuffle=shuffle,
        augmentation=augmentation, statistics=bool(statistics), settings=settings, start=resuming.start_of(network),
        running=RunningLoss() if statistics == "running" else None,
        phases=defaultdict(Phase) if timer else no_phases(),
    )  # fmt: skip
    return run if distributed is None else SharedRun(**vars_of(run), distribution=distributed)


def as_text(argument: object) -> str:
    """An argument as several processes can compare it: without addresses in memory."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(argument))


def vars_of(run: Run) -> dict[str, Any]:
    """What a `Run` is made of, by name."""
    return {field.name: getattr(run, field.name) for field in fields(Run)}


def compile_kernels(run: Run) -> None:
    """Take a step with a copy, for each size of batch, so that no epoch's time includes compilation."""
    if run.network.nnz > WARM_UP_LIMIT:
        return
    for size in filter(None, (run.batch_size, len(run.pool) % run.batch_size)):  # few samples have kernels of their own
        rows = run.pool[:size]
        crops = run.augmentation.draw(np.random.default_rng(0), len(rows)) if run.augmentation else None
        network, optimizers = copy.deepcopy((run.network, run.optimizers))
        changed = {
            "network": network, "optimizers": optimizers, "rng": np.random.default_rng(0), "running": None, "callbacks": [],
            "phases": no_phases(), "learning_rate": 0.0,
        }  # fmt: skip
        shadow = Run(**vars_of(run) | changed)
        shadow.step(shadow.batch(rows, crops))


def resolve_loss(loss: str | Loss) -> Loss:
    """The loss of that name."""
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str):
        raise NervaError(f"loss must be a name or a Loss(name, samples, gradient), not {loss!r}")
    return LOSSES[find("loss", loss, LOSSES)]


def resolve_schedule(learning_rate: float | str | Schedule) -> Schedule:
    """A schedule from a number or a spec string."""
    if callable(learning_rate):
        return learning_rate
    if isinstance(learning_rate, str):
        with suppress(ValueError):
            return Constant(float(learning_rate))
        return build("learning rate schedule", learning_rate, SCHEDULES)
    return Constant(learning_rate)


def resolve_optimizers(network: MLP, optimizer: str | Optimizer | Sequence[str | Optimizer]) -> dict[Layer, Optimizer]:
    """The optimizer of each layer: one for the whole network, one for each linear layer and what follows it, or, as in Nerva,
    one for each layer that has parameters, batch normalization included."""
    single = isinstance(optimizer, str | Optimizer) or not isinstance(optimizer, Sequence)
    given: list[Any] = [optimizer] if single else list(optimizer)  # type: ignore[arg-type]
    for one in given:
        if not isinstance(one, str | Optimizer):
            raise NervaError(f"optimizer must be a name, an Optimizer, or one of these a linear layer, not {one!r}")
    counted: list[Layer] = list(network.linear_layers)
    trained = [layer for layer in network.layers if layer.parameters]
    if len(given) not in (1, len(counted), len(trained)):
        more = f", or {len(trained)}, one a layer that has parameters" if len(trained) > len(counted) else ""
        raise NervaError(f"optimizer must be one, or {len(counted)}, one a linear layer{more}; got {len(given)}")
    if len(given) == len(trained):
        counted = trained
    built = [build("optimizer", one, OPTIMIZERS) if isinstance(one, str) else one for one in given]
    built *= len(counted) if len(built) == 1 else 1
    result, position = {}, -1
    for layer in network.layers:
        position += any(layer is one for one in counted)
        result[layer] = built[max(position, 0)]
    return result


# Losses that take the logarithm of the outputs, and outputs that may be 0 or negative.
OF_PROBABILITIES = ("CrossEntropy", "NegativeLogLikelihood")
NO_PROBABILITIES = (
    "Linear", "ReLU", "LeakyReLU", "AllReLU", "TReLU", "SReLU", "HyperbolicTangent", "LogSoftmax",
)  # fmt: skip


def check_loss(network: MLP, loss: Loss) -> None:
    """Refuse a loss that takes the logarithm of outputs that may be negative, which would look like a divergence."""
    last = network.layers[-1].name
    if loss.name in OF_PROBABILITIES and last in NO_PROBABILITIES:
        raise NervaError(
            f"loss {loss.name} takes the logarithm of the outputs, which those of {last} have not: the last layer must be "
            "Softmax or Sigmoid; or choose SoftmaxCrossEntropy, which is what PyTorch calls CrossEntropyLoss"
        )


def warn_of_no_path(network: MLP) -> None:
    """A warning if the weights make no path from any input to any output: then every output is a constant."""
    reached = np.ones(network.sizes[0], bool)
    for layer in network.linear_layers:
        support = layer.W.value.support
        has_inputs = np.diff(support.indptr) > 0
        if support.full or reached.all():
            reached = has_inputs & reached.any()
        else:
            from_reached = reached[support.indices]
            reached = np.zeros(len(has_inputs), bool)
            reached[has_inputs] = np.logical_or.reduceat(from_reached, support.indptr[:-1][has_inputs])
    if not reached.any():
        warnings.warn(
            f"no path of weights leads from an input to any of the {len(reached)} outputs, at density "
            f"{network.density:.2g}: what the network computes does not depend on its input. Take a larger density",
            stacklevel=3,
        )


def check_run(
    network: MLP, data: Dataset, epochs: int, batch_size: int, augmentation: CropFlip | None
) -> tuple[int, int]:
    """Refuse a run that cannot work, before anything is changed; else (epochs, batch_size)."""
    kinds: list[tuple[str, Any, type]] = [("network", network, MLP), ("data", data, Dataset)]
    for name, given, kind in kinds:
        if not isinstance(given, kind):
            raise NervaError(f"{name} must be of type {kind.__name__}, as in train(network, data), not {given!r}")
    sizes = network.sizes
    if sizes[0] != data.num_features:
        raise ShapeError(
            f"network has {sizes[0]} inputs, but a sample of {data.name!r} has {data.num_features} features"
        )
    if sizes[-1] != data.num_outputs:
        raise ShapeError(f"network has {sizes[-1]} outputs, but {data.name!r} needs {data.num_outputs}")
    epochs, samples = integer("epochs", epochs, 0), as_integer(batch_size)
    if samples is None or not 1 <= samples <= len(data.Ttrain):
        raise NervaError(
            f"batch_size must be from 1 to the number of training samples, {len(data.Ttrain)}, not {batch_size!r}"
        )
    if data.sparse:
        check_sparse_input(network.layers)
    if augmentation is not None and not data.augmentable:
        raise NervaError(f"augmentation needs images stored as bytes, which {data.name!r} is not")
    return epochs, samples
