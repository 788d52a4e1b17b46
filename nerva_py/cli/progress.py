"""Callbacks that show how training goes on: a line an epoch, seconds by phase, and on a terminal a bar over the batches."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from nerva_py.training import Callback, Epoch, Order, Run

PHASES = ("feedforward", "backpropagate", "optimize")
INTERVAL = 0.1  # seconds between two pictures of the bar; drawing one takes 0.3 ms


class EpochLines(Callback):
    """Prints Nerva's line for each epoch; and behind it R_s, if a topology was measured."""

    order = Order.WRITES

    def __init__(self, console: Console):
        self.console = console

    def on_epoch_end(self, run: Run, epoch: Epoch) -> None:
        topology = epoch.measures.get("topology")
        self.console.print(str(epoch) if topology is None else f"{epoch}  R_s: {topology['R_s']:#.3g}")


class PhaseLines(Callback):
    """Prints the seconds of each phase after an epoch: Nerva's --timer=brief."""

    order = Order.WRITES

    def __init__(self, console: Console):
        self.console = console
        self.until: dict[str, float] = {}

    def on_epoch_end(self, run: Run, epoch: Epoch) -> None:
        self.until = self._show(run, f"epoch {epoch.epoch:3}", self.until)

    def _show(self, run: Run, what: str, until: dict[str, float]) -> dict[str, float]:
        """What each phase took since then; returns what it has taken until now."""
        now = {name: phase.seconds for name, phase in run.phases.items()}
        parts = [f"{name}: {now[name] - until.get(name, 0.0):.8f}s" for name in PHASES if name in now]
        self.console.print("  ".join([what, *parts]))
        return now


class StepPhaseLines(PhaseLines):
    """Prints them after each step, too: --timer=full."""

    def __init__(self, console: Console):
        super().__init__(console)
        self.until_step: dict[str, float] = {}

    def on_step_end(self, run: Run) -> None:
        self.until_step = self._show(run, f"epoch {run.epoch:3} batch {run.step_of_epoch:5}", self.until_step)


class BatchBar(Callback):
    """A bar for the batches of the epoch, with the time that is left for all epochs."""

    order = Order.WRITES

    def __init__(self, console: Console):
        # No refreshing thread: it would take a core from the kernels whenever it likes.
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} batches {task.fields[left]}"),
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self.start = self.shown = 0.0

    def on_train_begin(self, run: Run) -> None:
        self.task = self.progress.add_task("training", total=run.steps_per_epoch, left="")
        self.start = time.perf_counter()
        self.progress.start()

    def on_epoch_begin(self, run: Run) -> None:
        self._show(run)

    def on_step_end(self, run: Run) -> None:
        if time.perf_counter() - self.shown > INTERVAL:
            self._show(run)

    def on_train_end(self, run: Run) -> None:
        self.progress.stop()

    def _show(self, run: Run) -> None:
        self.shown = time.perf_counter()
        done = (run.epoch - 1) * run.steps_per_epoch + run.step_of_epoch
        left = ""
        if done and self.shown - self.start > 1:
            seconds = (self.shown - self.start) * (run.epochs * run.steps_per_epoch - done) / done
            left = f" {seconds:.0f} s left" if seconds < 100 else f" {seconds / 60:.0f} min left"
        title, total = f"epoch {run.epoch}/{run.epochs}", run.steps_per_epoch
        self.progress.update(self.task, description=title, total=total, completed=run.step_of_epoch, left=left)
        self.progress.refresh()
