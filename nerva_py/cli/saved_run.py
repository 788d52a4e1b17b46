"""`--save`, `--checkpoint-every`, `--resume`: which options a checkpoint keeps, and a run that goes on with them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

from rich.console import Console

from nerva_py.data import Dataset
from nerva_py.errors import DataError, NervaError
from nerva_py.network import MLP
from nerva_py.training import Callback, Checkpoint, ModelCheckpoint, Order, Run, read_checkpoint
from nerva_py.training.intervals import every
from nerva_py.training.loop import begin
from nerva_py.training.resuming import AFRESH, resume

from .busy import busy
from .choices import Choices
from .options import OUTPUTS, Options, Precision

EVERY = "1 epoch"
# Not kept: files that are written and modules that are imported, as a file of somebody else's must not choose them; what only
# this machine or this command is about; and where the network came from, which is in the checkpoint.
NOT_KEPT = {
    *OUTPUTS,
    "resume",
    "checkpoint_every",
    "threads",
    "distributed",
    "shards",
    "local_steps",
    "debug",
    "info",
    "verbose",
    "decimals",
    "edgeitems",
    "timer",
    "gradient_step",
    "load_weights",
    "imports",
}
_HINTS = get_type_hints(Options)
_DEFAULTS = Options()


def resumed(options: Options) -> tuple[Options, Checkpoint | None]:
    """The options of the run in the file, replaced by those that are given now; and the file. Raises NervaError."""
    if options.checkpoint_every is not None:
        if options.save is None and options.resume is None:
            raise NervaError("--checkpoint-every belongs to --save FILE, which is missing")
        try:
            every(options.checkpoint_every)
        except NervaError:
            raise NervaError(
                f'--checkpoint-every must be such as "100 steps" or "1 epoch", not {options.checkpoint_every!r}'
            ) from None
    if options.resume is None:
        return options, None
    if options.load_weights is not None:
        raise NervaError("--load-weights begins a run, --resume goes on with one: only one of them can be given")
    checkpoint = read_checkpoint(options.resume, options.computation)
    if checkpoint.training is None:
        raise NervaError(f"--resume {options.resume}: holds a network, but no run to go on with")
    kept = kept_options(checkpoint)
    given = {name: value for name, value in vars(options).items() if value != getattr(_DEFAULTS, name)}
    merged = replace(_DEFAULTS, **kept | given)
    return replace(merged, save=merged.save or options.resume), checkpoint


def check_resume(
    options: Options, choices: Choices, network: MLP, data: Dataset, callbacks: Sequence[Callback]
) -> None:
    """Let a run like it go on from the file, so that what cannot is refused before anything is said. Raises NervaError."""
    if options.distributed is not None:  # all ranks would have to agree; they find out when they begin
        return
    changing = [copy.copy(callback) for callback in callbacks if callback.order == Order.CHANGES]
    run = begin(
        network, data, choices.loss, choices.optimizers, choices.learning_rate, choices.epochs, choices.batch_size,
        not options.no_shuffle, choices.augmentation, not options.no_statistics, None, options.seed, changing,
    )  # fmt: skip
    try:
        remember = resume(run, options.resume or Path())
        for callback in run.callbacks:
            callback.on_train_begin(run)
        remember()
    except NervaError as error:
        raise type(error)(f"--resume {str(error).replace(AFRESH, 'To begin a new run, leave out --resume')}") from None
    finally:
        run.end()


def notes(options: Options, choices: Choices) -> dict[str, Any]:
    """The options that a checkpoint keeps: those that are not the default, paths in full; and of those that depend on others
    what was chosen, so that a run with more epochs goes on with the learning rates that it had."""
    chosen: dict[str, Any] = {
        "epochs": choices.epochs,
        "batch_size": choices.batch_size,
        "learning_rate": str(choices.learning_rate),
    }
    options = replace(options, **chosen | {"learning_rate_scheduler": None})
    given = {name: value for name, value in vars(options).items() if value != getattr(_DEFAULTS, name)}
    kept = {name: value for name, value in given.items() if name not in NOT_KEPT}
    return {"options": {name: str(v.resolve()) if isinstance(v, Path) else v for name, v in kept.items()}}


def kept_options(checkpoint: Checkpoint) -> dict[str, Any]:
    """The options in a checkpoint of the command line's; none in one of a Python program's. Raises DataError."""
    kept = checkpoint.notes.get("options", {})
    allowed = {field.name for field in fields(Options)} - NOT_KEPT
    if not isinstance(kept, dict) or not set(kept) <= allowed:
        raise DataError(f"{checkpoint.path}: malformed: options {kept!r}")
    return {name: _typed(checkpoint, name, value) for name, value in kept.items()}


class ShownCheckpoint(ModelCheckpoint):
    """Says so when writing takes long."""

    console: Console

    def save(self, run: Run) -> None:
        with busy(self.console, f"saving {self.path}", live=False):
            super().save(run)


def saver(options: Options, choices: Choices, console: Console) -> list[ModelCheckpoint]:
    """What writes --save."""
    if options.save is None:
        return []
    callback = ShownCheckpoint(options.save, options.checkpoint_every or EVERY, notes=notes(options, choices))
    callback.console = console
    return [callback]


def _typed(checkpoint: Checkpoint, name: str, value: Any) -> Any:
    """The value as the option has it."""
    kinds = get_args(_HINTS[name]) or (_HINTS[name],)
    if Path in kinds and isinstance(value, str):
        return Path(value)
    if Precision in kinds and value in list(Precision):
        return Precision(value)
    if not any(type(value) is kind or (kind is float and type(value) is int) for kind in kinds if kind is not Path):
        raise DataError(f"{checkpoint.path}: malformed: option {name} is {value!r}")
    return value
