"""Saving the run while it goes on."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from nerva_py.checkpoints import describe
from nerva_py.checkpoints.datasets import DataDescription
from nerva_py.checkpoints.network_file import write
from nerva_py.errors import DivergedError, NervaError
from nerva_py.network.mlp import first_not_finite

from . import intervals
from .callbacks import Callback, Order
from .history import Epoch
from .monitor import Mode, Monitor
from .resuming import training_tree
from .run import Run
from .run_files import RUN, claim_alone, claimed


class ModelCheckpoint(Callback):
    """Writes the whole run to one file from time to time: `load` takes the network from it, `train(..., resume=path)` goes on.

    `every`: a number of steps, "100 steps" or "1 epoch". `monitor`: save only after epochs in which this number is the best
    so far, "test_accuracy" or another of `Monitor`, with its `mode`; with gradual pruning, of those of the final density.
    {run} in the name of the file stands for the first number of which there is no file yet, so that each run has its own;
    `file` is the one that is written. A killed and resumed run ends bit for bit as one that was not. Whenever it is killed, the
    file is the last checkpoint, whole. A network with numbers that are not finite is not saved: that is a DivergedError, and
    the file remains that of before. `notes` are kept in the file.
    Raises NervaError for a directory that does not exist, and for `every` beside `monitor`.

    With `EarlyStopping(restore_best=True)` the file has the last network, from which a run goes on, and the best one for the
    end of it; what training returns is saved by `save`.
    """

    order = Order.SAVES
    phase = "checkpoint"

    def __init__(
        self,
        path: str | PathLike[str],
        every: int | str = "1 epoch",
        *,
        monitor: str | None = None,
        mode: Mode | None = None,
        notes: dict[str, Any] | None = None,
    ):
        self.path = self.file = Path(path)
        self.every = intervals.every(every)
        if monitor is not None and self.every != intervals.Every(1, "epochs"):
            raise NervaError(f"monitor is known after each epoch: every must be left out, not {every!r}")
        self._monitor_options = (monitor, mode)
        self.monitor = None if monitor is None else Monitor(monitor, mode)
        self.notes = notes or {}
        self.saved_epoch = self.saved_t = 0
        self._data: DataDescription | None = None
        if not self.path.parent.is_dir():
            raise NervaError(f"{self.path}: there is no directory {self.path.parent}")

    def on_train_begin(self, run: Run) -> None:
        name, mode = self._monitor_options
        self.monitor = None if name is None else Monitor(name, mode)
        self.saved_epoch = self.saved_t = 0
        self._data = describe(run.data)
        self.file, self._claimed = self.path, False

    def on_epoch_begin(self, run: Run) -> None:
        if not self._claimed:  # here, as a resumed run knows its file now
            self.file, self._claimed = claimed(self.file), True

    def on_train_end(self, run: Run) -> None:
        if not self.saved_t and self.file.exists() and not self.file.stat().st_size:
            self.file.unlink()  # made to claim it, and never written

    def separate(self) -> Callback:
        claim_alone(self.path)
        return super().separate()

    def on_step_end(self, run: Run) -> None:
        # What falls on the end of an epoch is written when the epoch is evaluated and in the history.
        if self.every.unit == "steps" and run.step_of_epoch < run.steps_per_epoch and run.t % self.every.count == 0:
            self.save(run)

    def on_epoch_end(self, run: Run, epoch: Epoch) -> None:
        if self.monitor is not None:
            due = epoch.final and self.monitor.improved(epoch)
        else:
            last = run.stop or epoch.epoch == run.epochs
            due = last or run.t % self.every.steps(run.steps_per_epoch) == 0
        if due:
            self.save(run)

    def save(self, run: Run) -> None:
        """Write the run as it is now, at the end of a step or an epoch."""
        broken = first_not_finite(run.network)
        if broken is not None:
            kept = f"; {self.file} remains that of epoch {self.saved_epoch}" if self.saved_t else ""
            raise DivergedError(f"{broken} is not finite after step {run.step_of_epoch} of epoch {run.epoch}{kept}")
        write(self.file, run.network, self._data, training_tree(run), self.notes)
        self.saved_epoch, self.saved_t = run.epoch, run.t

    def state_dict(self) -> dict[str, Any]:
        named = {"file": self.file.name} if RUN in self.path.name else {}
        return named if self.monitor is None else named | {"monitor": self.monitor.state_dict()}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        if RUN in self.path.name:
            self.file = self.path.with_name(str(saved["file"]))
        if self.monitor is not None:
            self.monitor.load_state_dict(saved["monitor"])
