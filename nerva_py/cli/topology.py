"""From the topology options to a method, and what is said of it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from nerva_py.data import Dataset
from nerva_py.errors import NervaError
from nerva_py.network import MLP
from nerva_py.network.initializers import INITIALIZERS
from nerva_py.network.specs import build
from nerva_py.topology import DROP_RULES, GROW_RULES, METHODS, DynamicTopology
from nerva_py.training import Callback, History, Order, Run
from nerva_py.training.intervals import every
from nerva_py.training.loop import begin

from .options import Options

if TYPE_CHECKING:
    from .choices import Choices

GROW_WEIGHTS, UPDATE_EVERY, UPDATE_STOP = "Xavier", "1 epoch", 1.0  # as in Nerva


def chosen_method(options: Options) -> DynamicTopology | None:
    """What --method names, or --prune, --grow and the others make up; one that only measures if just a picture is wanted."""
    _check_together(options)
    if options.method is not None:
        return build("--method", options.method, METHODS)
    if options.prune is not None:
        return _pruning(options)
    return METHODS["Static"]() if options.topology_plot is not None else None


def topology_settings(options: Options, method: DynamicTopology | None) -> list[str]:
    """In the words of the command line."""
    if method is None or options.method is not None:
        return [] if options.method is None else [options.method]
    if options.prune is None:
        return []
    parts = [f"prune {options.prune} {method.every}"]
    if options.grow is not None:
        parts.append(f"grow {options.grow} with {options.grow_weights or GROW_WEIGHTS}")
    return parts


def check_method(options: Options, choices: Choices, network: MLP, data: Dataset) -> None:
    """Let a copy begin training, so that a method that cannot work says so before anything is written."""
    assert choices.method is not None
    run = begin(
        network, data, choices.loss, choices.optimizers, choices.learning_rate, choices.epochs, choices.batch_size,
        seed=options.seed, callbacks=[copy.copy(choices.method)],
    )  # fmt: skip
    run.resumed = options.resume is not None
    try:
        run.callbacks[0].on_train_begin(run)
    except NervaError as error:
        given = f"--method {options.method}" if options.method is not None else f"--prune {options.prune}"
        raise NervaError(f"{given}: {error}") from error
    finally:
        run.end()


class Clip(Callback):
    """Before each epoch but the first, parameters whose magnitude is less than t become 0; the weights stay where they are."""

    order = Order.CHANGES

    def __init__(self, t: float):
        self.t = t

    def on_epoch_begin(self, run: Run) -> None:
        if run.epoch == 1 or run.step_of_epoch:  # an epoch that is resumed in its middle has been clipped
            return
        for parameter in run.network.parameters():
            numbers = parameter.vector
            numbers[np.abs(numbers) < self.t] = 0


def topology_row(history: History, network: MLP, weights_before: int, sizes_before: list[int]) -> list[str] | None:
    """What became of the topology; None if nobody has measured it."""
    measured = [epoch.measures["topology"] for epoch in history if "topology" in epoch.measures]
    if not measured:
        return None
    updates = sum(max(layer["updates"] for layer in epoch["layers"]) for epoch in measured)
    last = measured[-1]
    parts = [f"R_s {last['R_s']:#.3g}", f"{updates:,} update{'' if updates == 1 else 's'}"]
    if network.nnz != weights_before:
        parts.append(f"{weights_before:,} → {network.nnz:,} weights")
    if network.sizes != sizes_before:
        parts.append(f"layer sizes now {';'.join(map(str, network.sizes))}")
    deaf, mute = (sum(layer[f"without_{end}"] for layer in last["layers"]) for end in ("inputs", "outputs"))
    parts.append(f"{deaf:,} neuron{'' if deaf == 1 else 's'} without inputs, {mute:,} without outputs")
    return ["topology", ", ".join(parts)]


def _pruning(options: Options) -> DynamicTopology:
    """Nerva's --prune and --grow; errors name the option."""
    assert options.prune is not None
    drop = build("--prune", options.prune, DROP_RULES)
    grow = None if options.grow is None else build("--grow", options.grow, GROW_RULES)
    grow_weights = GROW_WEIGHTS if options.grow_weights is None else options.grow_weights
    build("--grow-weights", grow_weights, INITIALIZERS)
    interval = UPDATE_EVERY if options.update_every is None else options.update_every
    stop = UPDATE_STOP if options.update_stop is None else options.update_stop
    try:
        every(interval)
    except NervaError:
        raise NervaError(f'--update-every must be such as "100 steps" or "1 epoch", not {interval!r}') from None
    if not 0 < stop <= 1:
        raise NervaError(f"--update-stop must be a share of training, more than 0 and at most 1, not {stop}")
    return DynamicTopology(drop, grow, grow_weights, every=interval, stop=stop, name=drop.name)


def _check_together(options: Options) -> None:
    """Refuse options that contradict each other, or that lack the one they belong to."""
    of_prune = {
        "--grow": options.grow,
        "--grow-weights": options.grow_weights,
        "--update-every": options.update_every,
        "--update-stop": options.update_stop,
    }
    given = [name for name, value in of_prune.items() if value is not None]
    if options.method is not None:
        if options.prune is not None:
            raise NervaError("only one of --method and --prune can be given")
        if given:
            raise NervaError(
                f"{given[0]} belongs to --prune; a --method takes everything in parentheses, "
                'such as --method "RigL(0.3, every=50, stop=0.8)"'
            )
    elif options.prune is None and given:
        raise NervaError(f"{given[0]} belongs to --prune SPEC, which is missing")
    elif options.grow_weights is not None and options.grow is None:
        raise NervaError("--grow-weights belongs to --grow SPEC, which is missing")
