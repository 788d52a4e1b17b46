"""What a linear layer does with Z = X Wᵀ + 1_N b: nothing, an activation, a trained SReLU, softmax or log-softmax."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from nerva_py.equations import activations, softmax
from nerva_py.equations.activation_layer import activation_layer
from nerva_py.equations.activations import Activation

from .parameter import Parameter

Gradients = tuple[Any, ...]


class Output:
    """Y = Z

    `keeps` says which of Z and Y the backward equation needs; the other one is None there.
    """

    name = "Linear"
    keeps = ""
    parameters: tuple[Parameter, ...] = ()

    def __call__(self, Z: Any) -> Any:
        return Z

    def backward(self, DY: Any, Z: Any, Y: Any) -> tuple[Any, Gradients]:
        """DZ, and the gradients of the parameters."""
        return DY, ()


class Pointwise(Output):
    """Y = f(Z),   DZ = DY ⊙ f′(Z)"""

    keeps = "Z"

    def __init__(self, f: Activation):
        self.f = f
        self.name = f.name

    def __call__(self, Z: Any) -> Any:
        return self.f(Z)

    def backward(self, DY: Any, Z: Any, Y: Any) -> tuple[Any, Gradients]:
        return self.f.backward(DY, Z), ()


class TrainedSReLU(Output):
    """Y = SReLU(Z) with trained parameters a_l, t_l, a_r, t_r"""

    name = "SReLU"
    keeps = "Z"

    def __init__(self, al: float = 0.0, tl: float = 0.0, ar: float = 1.0, tr: float = 1.0):
        self.shape = Parameter("srelu", np.array([[al, tl, ar, tr]]), decays=False)
        self.parameters = (self.shape,)

    def _parameters(self) -> tuple[Any, ...]:
        return tuple(self.shape.value.tolist()[0])

    def __call__(self, Z: Any) -> Any:
        return activations.SReLU(*self._parameters())(Z)

    def backward(self, DY: Any, Z: Any, Y: Any) -> tuple[Any, Gradients]:
        parameters = self._parameters()
        Dshape = activations.srelu_parameter_gradients(DY, Z, *parameters)
        return activations.SReLU(*parameters).backward(DY, Z), (like_row(self.shape.value, Dshape),)


class Softmax(Output):
    """Y = softmax(Z) by rows"""

    name = "Softmax"
    keeps = "Y"

    def __call__(self, Z: Any) -> Any:
        return softmax.softmax(Z)

    def backward(self, DY: Any, Z: Any, Y: Any) -> tuple[Any, Gradients]:
        return softmax.softmax_backward(Y, DY), ()


class LogSoftmax(Output):
    """Y = log-softmax(Z) by rows"""

    name = "LogSoftmax"
    keeps = "Y"

    def __call__(self, Z: Any) -> Any:
        return softmax.log_softmax(Z)

    def backward(self, DY: Any, Z: Any, Y: Any) -> tuple[Any, Gradients]:
        return softmax.log_softmax_backward(Y, DY), ()


def predict(output: Output, X: Any, W: Any, b: Any) -> Any:
    """Y = output(X Wᵀ + 1_N b), where no backward pass follows."""
    return activation_layer(X, W, b, output.f if isinstance(output, Pointwise) else output)


def like_row(row: Any, numbers: tuple[Any, ...]) -> Any:
    """A row of these numbers, of the kind and type of another one."""
    if isinstance(row, np.ndarray):
        return np.array([numbers], row.dtype)
    return type(row)([list(numbers)])


def _pointwise(factory: Callable[..., Activation]) -> Callable[..., Output]:
    """The layer output of an activation, with the activation's own arguments."""

    @functools.wraps(factory)
    def make(*arguments: Any, **named: Any) -> Output:
        return Pointwise(factory(*arguments, **named))

    return make


OUTPUTS: dict[str, Callable[..., Output]] = {
    "Linear": Output,
    "ReLU": _pointwise(activations.ReLU),
    "LeakyReLU": _pointwise(activations.LeakyReLU),
    "AllReLU": _pointwise(activations.AllReLU),
    "TReLU": _pointwise(activations.TReLU),
    "Sigmoid": _pointwise(activations.Sigmoid),
    "HyperbolicTangent": _pointwise(activations.HyperbolicTangent),
    "SReLU": TrainedSReLU,
    "Softmax": Softmax,
    "LogSoftmax": LogSoftmax,
}
