"""A progress bar for scripts and notebooks."""

from __future__ import annotations

from typing import Any

from .callbacks import Callback, Order
from .history import Epoch
from .run import Run


class ProgressBar(Callback):
    """A bar over the epochs with the last losses and accuracies, and below it one over the batches of the epoch.

    tqdm draws it: a widget in a notebook that has ipywidgets, else text. With `leave` the bar over the epochs stays afterwards.
    """

    order = Order.WRITES

    def __init__(self, leave: bool = True):
        self.leave = leave
        self._epochs: Any = None
        self._batches: Any = None

    def on_train_begin(self, run: Run) -> None:
        self._epochs = self._batches = None

    def on_epoch_begin(self, run: Run) -> None:
        if self._epochs is None:  # here, as a resumed run knows its epoch now
            from tqdm.auto import tqdm

            self._epochs = tqdm(
                total=run.epochs, initial=len(run.history), desc="epochs", unit="epoch", leave=self.leave
            )
            self._batches = tqdm(total=run.steps_per_epoch, unit="batch", leave=False)
        self._batches.reset(total=run.steps_per_epoch)
        self._batches.set_description(f"epoch {run.epoch}")
        self._batches.update(run.step_of_epoch)

    def on_step_end(self, run: Run) -> None:
        self._batches.update()

    def on_epoch_end(self, run: Run, epoch: Epoch) -> None:
        statistics = {
            "train loss": epoch.train_loss, "train accuracy": epoch.train_accuracy,
            "test loss": epoch.test_loss, "test accuracy": epoch.test_accuracy,
        }  # fmt: skip
        shown = {name: f"{value:.4g}" for name, value in statistics.items() if value is not None}
        self._epochs.set_postfix(shown, refresh=False)
        self._epochs.update()

    def on_train_end(self, run: Run) -> None:
        for bar in (self._batches, self._epochs):
            if bar is not None:
                bar.close()
        self._epochs = self._batches = None

    def __getstate__(self) -> dict[str, Any]:
        """Without the bars, which no copy and no pickle can hold."""
        return vars(self) | {"_epochs": None, "_batches": None}
