"""Ending a run at the first number that is not finite, and saying where it came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from nerva_py.errors import DivergedError
from nerva_py.network import BatchNormLayer, LinearLayer

from .callbacks import Callback, Order, TrainingState


class TerminateOnNaN(Callback):
    """Raises DivergedError after the first step that made a NaN or an infinity, and says what was first: X, Z, Y, DW, W, ...

    A step computes layer by layer X, Z and the outputs Y, then the gradients from the last layer to the first, then new
    parameters; what is looked at, in that order, is all of it that the layers keep. `every` so many steps; with 1, the default,
    the report names the very step. Looking costs a pass over outputs, gradients and parameters.
    """

    order = Order.DECIDES

    def __init__(self, every: int = 1):
        self.every = every
        self.report: str | None = None

    def on_train_begin(self, state: TrainingState) -> None:
        self.report = None

    def on_step_end(self, state: TrainingState) -> None:
        if state.t % self.every:
            return
        # Forward, a NaN spreads to the outputs, and by the gradients to every parameter: the long list only if these have one.
        quick = [*(p.vector for p in state.network.parameters()), state.outputs]
        if all(_finite(array) for array in quick):
            return
        for name, array in _computed(state):
            if not _finite(array):
                self.report = _described(name, array, state)
                raise DivergedError(self.report)


def _computed(state: TrainingState) -> Iterator[tuple[str, np.ndarray]]:
    """(name, array) in the order in which a step computes them, as far as they are kept."""
    named = _named(state.network.layers)
    for name, layer in named:
        if isinstance(layer, LinearLayer):
            if isinstance(layer.X, np.ndarray):
                yield f"X, the input of layer {name}", layer.X
            kept = vars(layer.output)
            if "Z" in kept:
                yield f"Z = X Wᵀ + b of layer {name}", kept["Z"]
            if "Y" in kept:
                yield f"Y of layer {name}", kept["Y"]
    if state.outputs is not None:
        yield "Y, the output of the network", state.outputs
    for name, layer in reversed(named):
        for parameter in layer.parameters:
            if parameter.gradient is not None:
                yield f"D{parameter.name}, the gradient of {parameter.name}, of layer {name}", parameter.gradient_vector
    for name, layer in named:
        for parameter in layer.parameters:
            yield f"{parameter.name} of layer {name}, after its update with a finite gradient,", parameter.vector
        if isinstance(layer, BatchNormLayer):
            yield f"the running mean of layer {name}", layer.mean
            yield f"the running variance of layer {name}", layer.variance


def _named(layers: Any) -> list[tuple[str, Any]]:
    """Layers with their name: "2 (ReLU)", "1 (BatchNorm)", counted as the keys of a file with weights are."""
    numbers: Counter[type] = Counter()
    result = []
    for layer in layers:
        numbers[type(layer)] += 1
        kind = layer.output.name if isinstance(layer, LinearLayer) else type(layer).__name__.removesuffix("Layer")
        result.append((f"{numbers[type(layer)]} ({kind})", layer))
    return result


def _finite(array: np.ndarray | None) -> bool:
    """Whether all numbers are finite; a sum that is, has finite terms, and a pass of `sum` makes no temporary."""
    if array is None:
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(array.sum()) or np.isfinite(array).all())


def _described(name: str, array: np.ndarray, state: TrainingState) -> str:
    wrong = ~np.isfinite(array)
    nan, infinite = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    counts = " and ".join(filter(None, [f"{nan:,} NaN" * bool(nan), f"{infinite:,} infinite" * bool(infinite)]))
    rest = np.abs(array[~wrong])
    largest = f"; the largest of the others is {rest.max():.3g}" if rest.size else ""
    return (
        f"step {state.step} of epoch {state.epoch} (step {state.t} of the run, learning rate {state.learning_rate:g}): {name} "
        f"was the first that is not finite: {counts} of {array.size:,} numbers{largest}"
    )
