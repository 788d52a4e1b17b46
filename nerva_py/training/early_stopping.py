"""Ending training when it no longer helps."""

from __future__ import annotations

from typing import Any

from nerva_py.checkpoints import fields
from nerva_py.checkpoints.networks import build_snapshot, snapshot_tree
from nerva_py.network import MLP
from nerva_py.network.snapshot import Snapshot, restore, snapshot
from nerva_py.quantities import integer

from .callbacks import Callback, Order
from .history import Epoch
from .monitor import Mode, Monitor
from .run import Run


class EarlyStopping(Callback):
    """Ends training when `monitor` has not improved by more than `min_delta` for `patience` epochs. Epochs count from when the
    network is what is wanted: with gradual pruning, from when it has its final density.

    `monitor` is a number of the epoch: "test_loss", "test_accuracy", "train_loss", "score", ..., or a measure of another
    callback with its `mode`, "min" or "max"; see `Monitor`. With `restore_best` the network that training leaves is that of
    the best epoch, also if it is interrupted or fails, at the price of a second copy in memory. Afterwards `best`,
    `best_epoch` and `stopped_epoch` (0 if it ran to its end) tell what happened. Raises NervaError.
    """

    order = Order.DECIDES

    def __init__(
        self,
        monitor: str = "score",
        *,
        patience: int = 5,
        min_delta: float = 0.0,
        mode: Mode | None = None,
        restore_best: bool = True,
    ):
        self.patience = integer("patience", patience, 1, allowed="a number of epochs of at least 1")
        self.restore_best = restore_best
        self._options = (monitor, mode, min_delta)
        self.monitor = Monitor(*self._options)
        self.stopped_epoch = 0
        self.waited = 0
        self._kept: Snapshot | None = None
        self._network: MLP | None = None  # while training goes on

    @property
    def best(self) -> float | None:
        """The best number so far; None before the first epoch."""
        return self.monitor.best

    @property
    def best_epoch(self) -> int:
        """The epoch of the best number, from 1; 0 before the first epoch."""
        return self.monitor.best_epoch

    def on_train_begin(self, run: Run) -> None:
        self.monitor = Monitor(*self._options)
        self.stopped_epoch = self.waited = 0
        self._kept = None
        self._network = run.network

    def on_epoch_end(self, run: Run, epoch: Epoch) -> None:
        if not epoch.final:
            return
        if self.monitor.improved(epoch):
            self.waited = 0
            if self.restore_best:
                self._kept = snapshot(run.network)
            return
        self.waited += 1
        if self.waited >= self.patience:
            self.stopped_epoch = epoch.epoch
            run.stop = True

    def on_train_end(self, run: Run) -> None:
        if self._kept is not None:
            restore(run.network, self._kept)
        self._kept = self._network = None

    def state_dict(self) -> dict[str, Any]:
        kept = None if self._kept is None else snapshot_tree(self._kept)
        return {
            "monitor": self.monitor.state_dict(), "waited": self.waited, "stopped_epoch": self.stopped_epoch, "kept": kept
        }  # fmt: skip

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        self.monitor.load_state_dict(saved["monitor"])
        self.waited, self.stopped_epoch = fields.integer(saved, "waited"), fields.integer(saved, "stopped_epoch")
        if self.restore_best and saved["kept"] is not None:
            assert self._network is not None
            self._kept = build_snapshot(saved["kept"], self._network)
