"""What a linear layer does with Z = X Wᵀ + 1_N b: nothing, an activation, a trained SReLU, softmax or log-softmax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nerva_py.equations import activations, softmax
from nerva_py.equations.activation_layer import activation_layer
from nerva_py.equations.activations import Activation
from nerva_py.errors import NervaError
from nerva_py.parts import registry_of
from nerva_py.quantities import real

from .parameter import Parameter, arguments_of
from .specs import build

Gradients = tuple[Any, ...]


class Output:
    """Y = Z

    An output of your own overrides `__call__` and `backward`, and sets `parameters` if it has any. `keeps` says which of Z
    and Y the backward equation needs; the other one is None there.
    """

    name = "Linear"
    keeps = ""
    parameters: tuple[Parameter, ...] = ()

    def __call__(self, Z: Any) -> Any:
        return Z

    def backward(self, DY: Any, Z: Any, Y: Any) -> tuple[Any, Gradients]:
        """DZ, and the gradients of the parameters."""
        return DY, ()

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments, by which a checkpoint makes the output again."""
        return arguments_of(self)

    def keep(self, outputs: np.ndarray) -> None:
        """Keep the neurons that booleans (K,) mark. Raises NervaError for a parameter that is not one number a neuron."""
        for parameter in self.parameters:
            if parameter.value.shape != (1, outputs.size):
                raise NervaError(
                    f"{self.name}: neurons cannot be removed: {parameter.name} has shape {parameter.value.shape}, "
                    f"not (1, {outputs.size})"
                )
            parameter.keep(np.ones(1, bool), outputs)


class Pointwise(Output):
    """Y = f(Z),   DZ = DY ⊙ f′(Z), or DY ⊙ f′(Y) where that is the same"""

    def __init__(self, f: Activation):
        self.f = f
        self.name = f.name
        self.keeps = "Y" if f.of_output else "Z"

    def arguments(self) -> dict[str, Any]:
        """Those of the function that makes the activation, in their order."""
        return {str(place): float(number) for place, number in enumerate(self.f.parameters)}

    def __call__(self, Z: Any) -> Any:
        return self.f(Z)

    def backward(self, DY: Any, Z: Any, Y: Any) -> tuple[Any, Gradients]:
        return self.f.backward(DY, Z if Y is None else Y), ()


class TrainedSReLU(Output):
    """Y = SReLU(Z) with trained parameters a_l, t_l, a_r, t_r"""

    name = "SReLU"
    keeps = "Z"

    def __init__(self, al: float = 0.0, tl: float = 0.0, ar: float = 1.0, tr: float = 1.0):
        self.shape = Parameter(
            "srelu", np.array([[real("al", al), real("tl", tl), real("ar", ar), real("tr", tr)]]), decays=False
        )
        self.parameters = (self.shape,)

    def arguments(self) -> dict[str, Any]:
        """None: its numbers are a trained parameter."""
        return {}

    def keep(self, outputs: np.ndarray) -> None:
        """All neurons share the parameters."""

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


def from_inputs(output: Output, X: Any, W: Any, b: Any) -> Any:
    """Y = output(X Wᵀ + 1_N b), where nobody asks for the argument of the output later on."""
    return activation_layer(X, W, b, output.f if isinstance(output, Pointwise) else output)


def like_row(row: Any, numbers: tuple[Any, ...]) -> Any:
    """A row of these numbers, of the kind and type of another one."""
    if isinstance(row, np.ndarray):
        return np.array([numbers], row.dtype)
    return type(row)([list(numbers)])


def make_output(spec: str, what: str = "layer", **place: Any) -> Output:
    """The output that a spec names: "ReLU", "LeakyReLU(0.1)"; `what` and `place` as in `build`. Raises NervaError."""
    return as_output(build(what, spec, OUTPUTS, **place))


def as_output(made: Output | Activation) -> Output:
    """An activation as the output of a layer."""
    return Pointwise(made) if isinstance(made, Activation) else made


OUTPUTS: dict[str, Callable[..., Output | Activation]] = {
    "Linear": Output,
    **registry_of(
        activations.ReLU,
        activations.LeakyReLU,
        activations.AllReLU,
        activations.TReLU,
        activations.Sigmoid,
        activations.HyperbolicTangent,
        Softmax,
        LogSoftmax,
    ),
    "SReLU": TrainedSReLU,
}
