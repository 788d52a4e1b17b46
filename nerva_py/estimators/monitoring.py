"""What an estimator watches while it trains: the objective and, where there are validation data, the score on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console

from nerva_py.data import targets
from nerva_py.network import MLP
from nerva_py.training import Callback, Epoch, Order, Run
from nerva_py.training.loop import resolve_loss

from .samples import Examples

OBJECTIVE = "objective"
VALIDATION = "validation_score"


class Watch(Callback):
    """Puts the objective of each epoch, and `score(network)` if it is given, into the measures of the epoch.

    The objective is the mean of the losses that the mini-batches had when they were met, plus λ/2 ‖W‖² of the weights
    after the epoch.
    """

    order = Order.MEASURES

    def __init__(self, decay: float, score: Callable[[MLP], float] | None):
        self.decay, self.score = decay, score
        self.objectives: list[float] = []
        self.scores: list[float] = []

    def on_epoch_end(self, run: Run, epoch: Epoch) -> None:
        assert epoch.train_loss is not None
        self.objectives.append(epoch.train_loss + penalty(run.network, self.decay))
        epoch.measures[OBJECTIVE] = self.objectives[-1]
        if self.score is not None:
            self.scores.append(self.score(run.network))
            epoch.measures[VALIDATION] = self.scores[-1]


def penalty(network: MLP, decay: float) -> float:
    """λ/2 Σ w² of all weights, biases apart"""
    vectors: list[np.ndarray] = [layer.W.vector for layer in network.linear_layers]
    return decay / 2 * sum(float(np.vdot(vector, vector)) for vector in vectors)


ABSURD = 10  # times the loss where all outputs are 0: no network that has learnt anything has that
LOOKED_AT = 200  # samples for it: little beside an epoch


def losses(network: MLP, samples: Examples, name: str, num_classes: int | None) -> tuple[float, float]:
    """The mean loss of the network on some samples, and that where all outputs are 0."""
    few = samples.at(np.arange(min(LOOKED_AT, len(samples.T))))
    T = targets(few.T, np.arange(len(few.T)), num_classes, np.dtype(np.float64))
    w = None if few.w is None else few.w[:, None]
    Y = network.predict(few.X).astype(np.float64)
    total = len(few.T) if w is None else float(w.sum())
    with np.errstate(over="ignore"):
        now, of_zeros = (float(resolve_loss(name).total(outputs, T, w)) / total for outputs in (Y, np.zeros_like(Y)))
    return now, of_zeros


class Lines(Callback):
    """Prints a line an epoch."""

    order = Order.WRITES

    def __init__(self, console: Console | None = None):
        self.console = console or Console(highlight=False)

    def on_epoch_end(self, run: Run, epoch: Epoch) -> None:
        self.console.print(line(run.epochs, epoch))


def line(epochs: int, epoch: Epoch) -> str:
    """Iteration 12/200, loss = 0.12345678, validation score = 0.9500"""
    measures: dict[str, Any] = epoch.measures
    width = len(str(epochs))
    text = f"Iteration {epoch.epoch:{width}}/{epochs}, loss = {measures[OBJECTIVE]:.8f}"
    return text + (f", validation score = {measures[VALIDATION]:.4f}" if VALIDATION in measures else "")
