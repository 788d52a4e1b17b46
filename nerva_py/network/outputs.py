"""What a linear layer does with Z = X Wᵀ + 1_N b: nothing, an activation, a trained SReLU, softmax or log-softmax.

An output keeps what its backward equation needs, and nothing more, between `forward` and `backward`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from nerva_py.equations import activation_layer, activations, linear, softmax
from nerva_py.equations.activations import Activation

from .parameter import Batch, Parameter, Weight


class Identity:
    """Y = Z"""

    name = "Linear"
    parameters: tuple[Parameter, ...] = ()

    def forward(self, Z: np.ndarray) -> np.ndarray:
        return Z

    def backward(self, DY: np.ndarray) -> np.ndarray:
        return DY

    def evaluate(self, X: Batch, W: Weight, b: np.ndarray) -> np.ndarray:
        """Y for inputs X of the layer, where no backward pass follows."""
        Y = self.forward(linear.linear(X, W, b))
        self.release()
        return Y

    def release(self) -> None:
        """Forget what was kept for the backward pass."""
        self.__dict__.pop("Z", None)
        self.__dict__.pop("Y", None)


class Pointwise(Identity):
    """Y = f(Z),   DZ = DY ⊙ f′(Z)"""

    def __init__(self, f: Activation):
        self.f = f
        self.name = f.name

    def forward(self, Z: np.ndarray) -> np.ndarray:
        self.Z = Z
        return self.f(Z)

    def backward(self, DY: np.ndarray) -> np.ndarray:
        return self.f.backward(DY, self.Z)

    def evaluate(self, X: Batch, W: Weight, b: np.ndarray) -> np.ndarray:
        return activation_layer.activation_layer_evaluation(X, W, b, self.f)


class TrainedSReLU(Identity):
    """Y = SReLU(Z) with trained parameters a_l, t_l, a_r, t_r"""

    name = "SReLU"

    def __init__(self, al: float = 0.0, tl: float = 0.0, ar: float = 1.0, tr: float = 1.0):
        self.shape = Parameter("srelu", np.array([[al, tl, ar, tr]]), decays=False)
        self.parameters = (self.shape,)

    def _parameters(self) -> tuple[float, ...]:
        return tuple(self.shape.value[0].tolist())

    def forward(self, Z: np.ndarray) -> np.ndarray:
        self.Z = Z
        return activations.SReLU(*self._parameters())(Z)

    def backward(self, DY: np.ndarray) -> np.ndarray:
        parameters = self._parameters()
        gradients = activations.srelu_parameter_gradients(DY, self.Z, *parameters)
        self.shape.gradient = np.array([gradients], dtype=self.shape.value.dtype)
        return activations.SReLU(*parameters).backward(DY, self.Z)


class Softmax(Identity):
    """Y = softmax(Z) by rows"""

    name = "Softmax"

    def forward(self, Z: np.ndarray) -> np.ndarray:
        self.Y = softmax.softmax(Z)
        return self.Y

    def backward(self, DY: np.ndarray) -> np.ndarray:
        return softmax.softmax_backward(self.Y, DY)


class LogSoftmax(Identity):
    """Y = log-softmax(Z) by rows"""

    name = "LogSoftmax"

    def forward(self, Z: np.ndarray) -> np.ndarray:
        self.Y = softmax.log_softmax(Z)
        return self.Y

    def backward(self, DY: np.ndarray) -> np.ndarray:
        return softmax.log_softmax_backward(self.Y, DY)


def _pointwise(factory: Callable[..., Activation]) -> Callable[..., Identity]:
    """The layer output of an activation, with the activation's own arguments."""

    @functools.wraps(factory)
    def make(*arguments: Any, **named: Any) -> Identity:
        return Pointwise(factory(*arguments, **named))

    return make


OUTPUTS: dict[str, Callable[..., Identity]] = {
    "Linear": Identity,
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
