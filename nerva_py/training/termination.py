"""Ending a run at the first number that is not finite, and saying where it came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from nerva_py.errors import DivergedError
from nerva_py.matrix import Outer
from nerva_py.network import Layer, LinearLayer
from nerva_py.network.parameter import vector_of
from nerva_py.quantities import integer

from . import intervals
from .callbacks import Callback, Order
from .run import Run

Seen = tuple[
    Layer, Any, tuple[Any, ...], tuple[Any, ...]
]  # the layer, its tape, its gradients, the values that they are of
# What the tape of a linear layer keeps.
KEPT = {"X": "X, the input", "Z": "Z = X Wᵀ + b", "Y": "Y"}


class TerminateOnNaN(Callback):
    """Raises DivergedError after the first step that made a NaN or an infinity, and says what was first: X, Z, Y, DW, W, ...

    A step computes layer by layer X, Z and the outputs Y, then the gradients from the last layer to the first, then new
    parameters; what is looked at, in that order, is all of it that the layers keep. `every` so many steps; with 1, the default,
    the report names the very step. Looking costs a pass over outputs, gradients and parameters.
    """

    order = Order.DECIDES

    def __init__(self, every: int = 1):
        self.every = integer("every", every, 1)
        self.report: str | None = None

    def on_train_begin(self, run: Run) -> None:
        self.report = None
        intervals.every(self.every).check("TerminateOnNaN", run.epochs, run.steps_per_epoch)
        self._seen: list[Seen] = []

    def on_gradients(self, run: Run, layer: Layer, tape: Any, gradients: tuple[Any, ...]) -> None:
        if run.t % self.every == 0:
            # The values, because the support, on which a gradient waits, may be another one when the step is over.
            self._seen.append((layer, tape, gradients, tuple(parameter.value for parameter in layer.parameters)))

    def on_step_end(self, run: Run) -> None:
        if run.t % self.every:
            return
        seen, self._seen = self._seen, []
        # Forward, a NaN spreads to the outputs, and by the gradients to every parameter: the long list only if these have one.
        quick = [*(p.vector for p in run.network.parameters()), run.outputs]
        if all(_finite(array) for array in quick):
            return
        for name, array in _computed(run, seen):
            if not _finite(array):
                self.report = _described(name, array, run)
                raise DivergedError(self.report)


def _computed(run: Run, seen: list[Seen]) -> Iterator[tuple[str, np.ndarray]]:
    """(name, array) in the order in which a step computes them, as far as they are kept."""
    named = _named(run.network.layers)
    names = {layer: name for name, layer in named}
    for layer, tape, *_ in reversed(seen):
        for attribute, what in KEPT.items():
            array = getattr(tape, attribute, None)
            if isinstance(layer, LinearLayer) and isinstance(array, np.ndarray):
                yield f"{what} of layer {names[layer]}", array
    if run.outputs is not None:
        yield "Y, the output of the network", run.outputs
    for layer, _, gradients, values in seen:
        for parameter, gradient, value in zip(layer.parameters, gradients, values, strict=True):
            numbers = gradient.on(value) if isinstance(gradient, Outer) else gradient
            yield f"D{parameter.name}, the gradient of {parameter.name}, of layer {names[layer]}", vector_of(numbers)
    for name, layer in named:
        for parameter in layer.parameters:
            yield f"{parameter.name} of layer {name}, after its update with a finite gradient,", parameter.vector
        for buffer in layer.buffers:
            yield f"the running {buffer} of layer {name}", getattr(layer, buffer)


def _named(layers: Any) -> list[tuple[str, Any]]:
    """Layers with their name: "2 (ReLU)", "1 (BatchNorm)", counted as the keys of a file with weights are."""
    numbers: Counter[type] = Counter()
    result = []
    for layer in layers:
        numbers[type(layer)] += 1
        result.append((f"{numbers[type(layer)]} ({layer.name})", layer))
    return result


def _finite(array: np.ndarray | None) -> bool:
    """Whether all numbers are finite; a sum that is, has finite terms, and a pass of `sum` makes no temporary."""
    if array is None:
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(array.sum()) or np.isfinite(array).all())


def _described(name: str, array: np.ndarray, run: Run) -> str:
    wrong = ~np.isfinite(array)
    nan, infinite = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    counts = " and ".join(filter(None, [f"{nan:,} NaN" * bool(nan), f"{infinite:,} infinite" * bool(infinite)]))
    rest = np.abs(array[~wrong])
    largest = f"; the largest of the others is {rest.max():.3g}" if rest.size else ""
    return (
        f"step {run.step_of_epoch} of epoch {run.epoch} (step {run.t} of the run, learning rate {run.learning_rate:g}): {name} "
        f"was the first that is not finite: {counts} of {array.size:,} numbers{largest}"
    )
