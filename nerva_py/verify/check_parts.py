"""`check_layer` for two kinds of functions that are written apart from a layer: an activation, and a loss.

print(check_activation(swish, swish_derivative))
print(check_loss(squared_errors, squared_error_gradient))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nerva_py.matrix import apply, column_repeat, hadamard

from .check_layer import check_layer
from .layer_functions import Shape
from .verdicts import Report

BATCH = {"X": ("N", "D")}


def check_activation(function: Callable[..., Any], derivative: Callable[..., Any], *parameters: float) -> Report:
    """Check that `derivative(x, *parameters)` is f′ of f = `function(x, *parameters)`, functions of one number.

    Both are written over `nerva_py.matrix.scalars`. The report has one verdict, as of the layer Y = f(X) with
    DX = DY ⊙ f′(X), X (N, D).
    """

    def forward(X: Any) -> Any:
        return apply(function, X, *parameters)

    def backward(X: Any, DY: Any) -> Any:
        return hadamard(DY, apply(derivative, X, *parameters))

    return check_layer(forward, backward, inputs=BATCH)


def check_loss(
    samples: Callable[[Any, Any], Any],
    gradient: Callable[[Any, Any], Any],
    outputs: Shape = ("N", "K"),
    targets: Shape = ("N", "K"),
) -> Report:
    """Check the gradient of a loss: DY = `gradient(Y, T)` (N, K) of L = Σ `samples(Y, T)`, the losses of N samples, (N, 1).

    Each sample's loss is checked for a factor of its own, as the weight of a sample is one; so a loss that mixes samples is
    found to be wrong. The report has the verdict on DY; in its text Y is called X.
    """

    def forward(X: Any, T: Any) -> Any:
        return samples(X, T)

    def backward(X: Any, T: Any, DY: Any) -> Any:
        return hadamard(column_repeat(DY, X.shape[1]), gradient(X, T))

    report = check_layer(forward, backward, inputs={"X": outputs}, constants={"T": targets})
    return Report(tuple(replace(verdict, name="Y") for verdict in report))
