"""Layers: parameters and buffers, and calls to the equations. Nothing of a pass is kept in a layer.

`Y, tape = layer.forward(X, rng)` and `DX, gradients = layer.backward(tape, DY)`: what the backward equation needs is in the
tape, so two passes through one network at once do not disturb each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

import numpy as np

from nerva_py.engine import SparseBatch
from nerva_py.equations import batch_norm, dropout, linear
from nerva_py.errors import NervaError, ShapeError
from nerva_py.matrix import draw_mask
from nerva_py.quantities import as_real, element_type, integer, native, real
from nerva_py.sparse import Weight

from .outputs import Gradients, Output, from_inputs
from .parameter import Batch, Parameter, arguments_of

CENTRES = (
    "layers: BatchNormalization comes before the first linear layer, where it would subtract a mean from each feature and so "
    "make a sparse batch dense; leave it out and scale the features with from_arrays(..., normalization='feature'), or give "
    "dense samples"
)


class Layer:
    """One step of a network. A layer of your own overrides `forward` and `backward`, and sets `parameters` if it has any.

    The two raise NotImplementedError here. `buffers` names attributes that are state but not trained: the tape of a forward
    pass may bring new ones, as a dict `tape.buffers`, which `store` puts in place. `accepts`: which kinds of batches X may be.
    What can be derived from these is here: conversion, removal of neurons, `arguments`, by which a checkpoint makes the layer
    again. After `nerva_py.register("layer", ...)` specifications name it; constructor arguments D, dtype and position are then
    its number of inputs, the element type, and the number 0, 1, 2, ... of the linear layer that follows.
    """

    parameters: tuple[Parameter, ...] = ()
    buffers: ClassVar[tuple[str, ...]] = ()
    accepts: ClassVar[tuple[type, ...]] = (np.ndarray,)

    def forward(self, X: Any, rng: Any = None) -> tuple[Any, Any]:
        """Y (N, K) of a batch X (N, D) in training, and the tape for `backward`; `rng` draws what is random."""
        raise NotImplementedError

    def backward(self, tape: Any, DY: Any, needs_DX: bool = True) -> tuple[Any, Gradients]:
        """DX (N, D), or None where nobody needs it, and the gradient of each of `parameters`; of a weight it is an `Outer`."""
        raise NotImplementedError

    def predict(self, X: Any) -> Any:
        """Y (N, K) in evaluation; by default what `forward` computes."""
        return self.forward(X)[0]

    def store(self, tape: Any) -> None:
        """Take over the buffers that a forward pass has computed."""
        for name in self.buffers:
            setattr(self, name, tape.buffers[name])

    def astype(self, dtype: Any) -> None:
        """Convert parameters and buffers to another element type."""
        for parameter in self.parameters:
            parameter.astype(dtype)
        for name in self.buffers:
            setattr(self, name, getattr(self, name).astype(dtype))

    def keep(self, outputs: np.ndarray, inputs: np.ndarray) -> None:
        """Keep the output neurons and the inputs that booleans (K,) and (D,) mark, and what belongs to them.

        Rows (1, K) and matrices (K, D) are cut. Raises NervaError for a parameter or buffer of another shape.
        """
        for parameter in self.parameters:
            parameter.keep(*self._cut(parameter.name, parameter.value.shape, outputs, inputs))
        for name in self.buffers:
            buffer = getattr(self, name)
            setattr(self, name, np.ascontiguousarray(buffer[np.ix_(*self._cut(name, buffer.shape, outputs, inputs))]))

    def _cut(self, name: str, shape: tuple[int, ...], outputs: np.ndarray, inputs: np.ndarray) -> tuple[Any, Any]:
        K, D = outputs.size, inputs.size
        if shape == (1, K):
            return np.ones(1, bool), outputs
        if shape == (K, D):
            return outputs, inputs
        raise NervaError(
            f"{type(self).__name__}: neurons cannot be removed: {name} has shape {shape}, not (1, {K}) or {(K, D)}"
        )

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments, by which a checkpoint makes the layer again: attributes of the same names."""
        return arguments_of(self)

    @property
    def name(self) -> str:
        """What tables and messages call it."""
        return type(self).__name__.removesuffix("Layer")


class LinearTape(NamedTuple):
    """X; the mask R of the dropout on weights; of Z = X Wᵀ + 1_N b and Y what the output's backward equation needs."""

    X: Batch
    R: Any
    Z: Any
    Y: Any


class LinearLayer(Layer):
    """Y = output(X Wᵀ + 1_N b), W sparse or dense; `dropout` is the rate of the paper's dropout on the weights.

    Raises ShapeError unless b is (1, K) for W (K, D).
    """

    accepts = (np.ndarray, SparseBatch)

    def __init__(self, W: Weight, b: np.ndarray, output: Output | None = None, dropout: float = 0.0):
        if b.shape != (1, W.shape[0]):
            raise ShapeError(f"b must have shape (1, K) = (1, {W.shape[0]}), not {b.shape}")
        b = native(b) if isinstance(b, np.ndarray) else b
        self.W = Parameter("W", W)
        self.b = Parameter("b", b, decays=False)
        self.output = output or Output()
        self.dropout = checked_rate(dropout)

    @property
    def name(self) -> str:
        return self.output.name

    @property
    def output(self) -> Output:
        """What is done with Z; its parameters are the layer's, too."""
        return self._output

    @output.setter
    def output(self, output: Output) -> None:
        self._output = output
        self.parameters = (self.W, self.b, *output.parameters)

    def forward(self, X: Batch, rng: Any = None) -> tuple[Any, LinearTape]:
        W, b, R = self.W.value, self.b.value, None
        output, keeps = self._output, self._output.keeps
        if self.dropout:
            R = draw_mask(rng, W, self.dropout)
            Z = dropout.dropout_linear(X, W, b, R)
            Y = output(Z)
        elif keeps == "Y":
            Y, Z = from_inputs(output, X, W, b), None
        else:
            Z = linear.linear(X, W, b)
            Y = output(Z)
        return Y, LinearTape(X, R, Z if keeps == "Z" else None, Y if keeps == "Y" else None)

    def backward(self, tape: LinearTape, DY: Any, needs_DX: bool = True) -> tuple[Any, Gradients]:
        X, R, Z, Y = tape
        DZ, own = self._output.backward(DY, Z, Y)
        if R is None:
            DX, DW, Db = linear.linear_backward(X, self.W.value, DZ, needs_DX)
        else:
            DX, DW, Db = dropout.dropout_linear_backward(X, self.W.value, DZ, R, needs_DX)
        return DX, (DW, Db, *own)

    def predict(self, X: Batch) -> Any:
        return from_inputs(self._output, X, self.W.value, self.b.value)

    def keep(self, outputs: np.ndarray, inputs: np.ndarray) -> None:
        self.W.keep(outputs, inputs)
        self.b.keep(np.ones(1, bool), outputs)
        self.output.keep(outputs)


class ActivationTape(NamedTuple):
    """Of the input Z and the output Y of an activation what its backward equation needs."""

    Z: Any
    Y: Any


class ActivationLayer(Layer):
    """Y = output(X), for an activation that does not directly follow a linear layer: linear, batch norm, ReLU.

    A trained SReLU belongs to a linear layer, under whose number its parameters are stored. Raises NervaError.
    """

    def __init__(self, output: Output):
        if output.parameters:
            raise NervaError(f"output must have no parameters; {output.name} has, and belongs to a LinearLayer")
        self.output = output

    @property
    def name(self) -> str:
        return self.output.name

    def forward(self, X: Any, rng: Any = None) -> tuple[Any, ActivationTape]:
        Y, keeps = self.output(X), self.output.keeps
        return Y, ActivationTape(X if keeps == "Z" else None, Y if keeps == "Y" else None)

    def backward(self, tape: ActivationTape, DY: Any, needs_DX: bool = True) -> tuple[Any, Gradients]:
        DX, own = self.output.backward(DY, *tape)
        return DX, own


class BatchNormTape(NamedTuple):
    """Z and Σ of the batch, and the running statistics after it."""

    Z: Any
    variance: Any
    buffers: dict[str, Any]


class BatchNormLayer(Layer):
    """Y = γ ⊙ (X − mean) / √(Σ + ε) + β, with the batch's mean and variance in training, running ones in evaluation.

    Raises NervaError unless ε > 0 and 0 < momentum ≤ 1, and for a sparse batch, which it would make dense.
    """

    buffers = ("mean", "variance")

    def __init__(self, D: int, dtype: Any = np.float32, epsilon: float = 1e-5, momentum: float = 0.1):
        D, dtype = integer("D", D, 1), element_type(dtype)
        self.gamma = Parameter("gamma", np.ones((1, D), dtype), decays=False)
        self.beta = Parameter("beta", np.zeros((1, D), dtype), decays=False)
        self.parameters = (self.gamma, self.beta)
        self.mean = np.zeros((1, D), dtype)
        self.variance = np.ones((1, D), dtype)
        self.epsilon, self.momentum = as_real(epsilon) or 0.0, as_real(momentum) or 0.0
        if not 0 < self.epsilon < np.inf or not 0 < self.momentum <= 1:
            raise NervaError(f"batch norm needs epsilon > 0 and momentum in (0, 1], not {epsilon!r}, {momentum!r}")

    def forward(self, X: Any, rng: Any = None) -> tuple[Any, BatchNormTape]:
        Y, Z, mean, variance = batch_norm.batch_norm(self._dense(X), self.gamma.value, self.beta.value, self.epsilon)
        return Y, BatchNormTape(Z, variance, self._running(mean, variance, X.shape[0]))

    def backward(self, tape: BatchNormTape, DY: Any, needs_DX: bool = True) -> tuple[Any, Gradients]:
        DX, Dgamma, Dbeta = batch_norm.batch_norm_backward(
            tape.Z, tape.variance, self.gamma.value, DY, self.epsilon, needs_DX
        )
        return DX, (Dgamma, Dbeta)

    def predict(self, X: Any) -> Any:
        return batch_norm.batch_norm_evaluation(
            self._dense(X), self.gamma.value, self.beta.value, self.mean, self.variance, self.epsilon
        )

    def _running(self, mean: Any, variance: Any, N: Any) -> dict[str, Any]:
        """The running statistics after a batch of N samples; one sample says nothing about the variance."""
        unbiased = self.variance if N == 1 else batch_norm.unbiased_variance(variance, N)
        return {
            "mean": batch_norm.running_average(self.mean, mean, self.momentum),
            "variance": batch_norm.running_average(self.variance, unbiased, self.momentum),
        }

    @staticmethod
    def _dense(X: Any) -> Any:
        if isinstance(X, SparseBatch):
            raise NervaError(CENTRES)
        return X


class DropoutLayer(Layer):
    """Inverted dropout: in training Y = X ⊙ R, in evaluation Y = X. Of a sparse batch only the nonzeros need a mask."""

    accepts = (np.ndarray, SparseBatch)

    def __init__(self, rate: float = 0.5):
        self.rate = checked_rate(rate)

    def forward(self, X: Any, rng: Any = None) -> tuple[Any, Any]:
        if not self.rate:
            return X, None
        R = draw_mask(rng, X, self.rate)
        return dropout.dropout(X, R), R

    def backward(self, tape: Any, DY: Any, needs_DX: bool = True) -> tuple[Any, Gradients]:
        return DY if tape is None else dropout.dropout_backward(DY, tape), ()

    def predict(self, X: Any) -> Any:
        return X


def check_sparse_input(layers: Iterable[Layer]) -> None:
    """Refuse layers before the first linear one that would make a sparse batch dense. Raises NervaError."""
    for layer in layers:
        if SparseBatch not in layer.accepts:
            raise NervaError(CENTRES)
        if isinstance(layer, LinearLayer):
            return


def checked_rate(rate: float) -> float:
    """A dropout rate p with 0 ≤ p < 1."""
    return real("a dropout rate", rate, 0, below=1, allowed="at least 0 and less than 1")
