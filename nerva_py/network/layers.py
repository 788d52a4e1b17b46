"""Layers: parameters, and calls to the equations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from nerva_py.engine import SparseBatch, batch_empty
from nerva_py.equations import batch_norm, dropout, linear
from nerva_py.errors import NervaError
from nerva_py.sparse import SparseWeight
from nerva_py.sparse.product_update import combines, product_update

from .outputs import Identity
from .parameter import Batch, Parameter, Update, Weight

Updates = dict[int, Update]  # by the id of the parameter

CENTRES = (
    "layers: BatchNormalization comes before the first linear layer, where it would subtract a mean from each feature and so "
    "make a sparse batch dense; leave it out and scale the features with from_arrays(..., normalization='feature'), or give "
    "dense samples"
)


class Layer(Protocol):
    """One step of a network. `forward` keeps what `backward` needs when `training` is true."""

    @property
    def parameters(self) -> tuple[Parameter, ...]: ...

    def forward(self, X: Any, training: bool, rng: np.random.Generator) -> Any:
        """Y, (N, K); the X of a first layer may be a `SparseBatch`, of a linear one a `ByteBatch`"""

    def backward(self, DY: np.ndarray, input_gradient: bool = True) -> np.ndarray | None:
        """Set the gradients of the parameters; return DX, or None where nobody asks for it."""

    def release(self) -> None:
        """Forget what was kept for the backward pass."""

    def astype(self, dtype: Any) -> None:
        """Convert the parameters to another element type."""


class LinearLayer:
    """Y = output(X Wᵀ + 1_N b), W sparse or dense; `dropout` is the rate of the paper's dropout on the weights."""

    def __init__(self, W: Weight, b: np.ndarray, output: Identity | None = None, dropout: float = 0.0):
        self.W = Parameter("W", W)
        self.b = Parameter("b", b, decays=False)
        self.output = output or Identity()
        self.dropout = checked_rate(dropout)
        self.X: Batch | None = None
        self.R: Any = None
        self.keeps_DZ = False  # growth by the gradient sets it: DZᵀ X is the gradient of all positions
        self.DZ: np.ndarray | None = None
        self.gather: Callable[[Any], Any] | None = None  # the rows of all ranks, where several train together

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (self.W, self.b, *self.output.parameters)

    def forward(self, X: Batch, training: bool, rng: np.random.Generator) -> np.ndarray:
        W, b = self.W.value, self.b.value
        if not training:
            self.X = self.R = None
            return self.output.evaluate(X, W, b)
        if self.dropout:
            self.R = W.like(dropout_mask(W.data.shape, self.dropout, W.dtype, rng))
            Z = dropout.dropout_linear(X, W, b, self.R)
        else:
            self.R = None
            Z = linear.linear(X, W, b)
        self.X = X
        return self.output.forward(Z)

    def backward(
        self, DY: np.ndarray, input_gradient: bool = True, updates: Updates | None = None
    ) -> np.ndarray | None:
        """As `Layer.backward`. What the optimizer is to do to W may be done at once; it is then taken out of `updates`, and W
        has no gradient."""
        self.W.gradient = None  # its memory is that of the next one
        DZ = self.output.backward(DY)
        self.DZ = DZ if self.keeps_DZ else None
        W, X = self.W.value, cast(Any, self.X)
        if updates and self.R is None and combines(W, X) and len(updates[id(self.W)].vectors) == 1:
            function, (state,), constants = updates.pop(id(self.W))
            self.b.gradient = linear.linear_bias_gradient(DZ)
            return product_update(W, state, DZ, X, function, constants, input_gradient)
        if self.R is not None:
            self.W.gradient, self.b.gradient = dropout.dropout_linear_parameter_gradients(self.X, W, DZ, self.R)
            return dropout.dropout_linear_input_gradient(W, DZ, self.R) if input_gradient else None
        self.W.gradient, self.b.gradient = linear.linear_parameter_gradients(self.X, W, DZ)
        return linear.linear_input_gradient(W, DZ) if input_gradient else None

    def takes_bytes(self, N: int) -> bool:
        """Whether a batch of N samples of bytes is best given to `forward` as a `ByteBatch`."""
        W = self.W.value
        return isinstance(W, SparseWeight) and not self.keeps_DZ and W.backend.takes_bytes(W, N)

    def release(self) -> None:
        self.X = self.R = self.DZ = None
        for parameter in self.parameters:
            parameter.gradient = None
        self.output.release()

    def astype(self, dtype: Any) -> None:
        for parameter in self.parameters:
            value = parameter.value
            parameter.value = (
                value.astype(dtype) if isinstance(value, np.ndarray) else value.like(value.data.astype(dtype))
            )


class ActivationLayer:
    """Y = output(X), for an activation that does not directly follow a linear layer: linear, batch norm, ReLU.

    A trained SReLU belongs to a linear layer, under whose number its parameters are stored. Raises NervaError.
    """

    parameters: tuple[Parameter, ...] = ()

    def __init__(self, output: Identity):
        if output.parameters:
            raise NervaError(f"output must have no parameters; {output.name} has, and belongs to a LinearLayer")
        self.output = output

    def forward(self, X: np.ndarray, training: bool, rng: np.random.Generator) -> np.ndarray:
        Y = self.output.forward(X)
        if not training:
            self.output.release()
        return Y

    def backward(self, DY: np.ndarray, input_gradient: bool = True) -> np.ndarray | None:
        return self.output.backward(DY)

    def release(self) -> None:
        self.output.release()

    def astype(self, dtype: Any) -> None:
        """No parameters to convert."""


@dataclass(frozen=True)
class SharedRows:
    """A batch of which this process has the rows `own`, and `gather` those of all; `first` in one process of them."""

    gather: Callable[[np.ndarray], np.ndarray]
    own: slice
    first: bool


class BatchNormLayer:
    """Y = γ ⊙ (X − mean) / √(Σ + ε) + β, with the batch's mean and variance in training, running ones in evaluation.

    Raises NervaError unless ε > 0 and 0 < momentum ≤ 1, and for a sparse batch, which it would make dense.
    """

    def __init__(self, D: int, dtype: Any = np.float32, epsilon: float = 1e-5, momentum: float = 0.1):
        if not epsilon > 0 or not 0 < momentum <= 1:
            raise NervaError(f"batch norm needs epsilon > 0 and momentum in (0, 1], not {epsilon}, {momentum}")
        self.gamma = Parameter("gamma", np.ones((1, D), dtype), decays=False)
        self.beta = Parameter("beta", np.zeros((1, D), dtype), decays=False)
        self.mean = np.zeros((1, D), dtype)
        self.variance = np.ones((1, D), dtype)
        self.epsilon = epsilon
        self.momentum = momentum
        self.shared: SharedRows | None = None  # where several ranks train together: the batch is that of all of them
        self._kept: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (self.gamma, self.beta)

    def forward(self, X: np.ndarray | SparseBatch, training: bool, rng: np.random.Generator) -> np.ndarray:
        if isinstance(X, SparseBatch):
            raise NervaError(CENTRES)
        gamma, beta = self.gamma.value, self.beta.value
        if not training:
            return batch_norm.batch_norm_evaluation(X, gamma, beta, self.mean, self.variance, self.epsilon)
        if self.shared is not None:
            X = self.shared.gather(X)
        N = X.shape[0]
        Y, Z, mean, variance = batch_norm.batch_norm(X, gamma, beta, self.epsilon)
        self._kept = (Z, variance)
        # The variance of a population is estimated from a sample with N − 1; one sample says nothing about it.
        unbiased = variance * (N / (N - 1)) if N > 1 else self.variance
        self.mean = batch_norm.running_average(self.mean, mean, self.momentum)
        self.variance = batch_norm.running_average(self.variance, unbiased, self.momentum)
        return Y if self.shared is None else Y[self.shared.own]

    def backward(self, DY: np.ndarray, input_gradient: bool = True) -> np.ndarray | None:
        assert self._kept is not None, "backward before forward"
        Z, variance = self._kept
        if self.shared is not None:
            DY = self.shared.gather(DY)
        DX, self.gamma.gradient, self.beta.gradient = batch_norm.batch_norm_backward(
            Z, variance, self.gamma.value, DY, self.epsilon
        )
        if self.shared is not None:
            DX = DX[self.shared.own]
            if not self.shared.first:  # the gradients of all ranks are added up, and this one is of the whole batch
                self.gamma.gradient, self.beta.gradient = 0 * self.gamma.gradient, 0 * self.beta.gradient
        return DX

    def release(self) -> None:
        self._kept = self.gamma.gradient = self.beta.gradient = None

    def astype(self, dtype: Any) -> None:
        self.gamma.value, self.beta.value = self.gamma.value.astype(dtype), self.beta.value.astype(dtype)
        self.mean, self.variance = self.mean.astype(dtype), self.variance.astype(dtype)


class DropoutLayer:
    """Inverted dropout: in training Y = X ⊙ R, in evaluation Y = X. Of a sparse batch only the nonzeros need a mask."""

    parameters: tuple[Parameter, ...] = ()

    def __init__(self, rate: float = 0.5):
        self.rate = checked_rate(rate)
        self.R: Any = None

    def forward(
        self, X: np.ndarray | SparseBatch, training: bool, rng: np.random.Generator
    ) -> np.ndarray | SparseBatch:
        if not training or not self.rate:
            self.R = None
            return X
        if isinstance(X, SparseBatch):
            self.R = X.like(dropout_mask(X.values.shape, self.rate, X.dtype, rng))
            return dropout.dropout(X, self.R)
        self.R = batch_empty(X.shape[0], X.shape[1], X.dtype)
        self.R[...] = dropout_mask(X.shape[::-1], self.rate, X.dtype, rng).T
        return dropout.dropout(X, self.R)

    def backward(self, DY: np.ndarray, input_gradient: bool = True) -> np.ndarray | None:
        return DY if self.R is None else dropout.dropout_backward(DY, self.R)

    def release(self) -> None:
        self.R = None

    def astype(self, dtype: Any) -> None:
        """No parameters to convert."""


def check_sparse_input(layers: Iterable[Layer]) -> None:
    """Refuse layers before the first linear one that would make a sparse batch dense. Raises NervaError."""
    for layer in layers:
        if isinstance(layer, LinearLayer):
            return
        if isinstance(layer, BatchNormLayer):
            raise NervaError(CENTRES)


def dropout_mask(shape: tuple[int, ...], rate: float, dtype: Any, rng: np.random.Generator) -> np.ndarray:
    """0 with probability `rate`, else 1 / (1 − rate)."""
    keep = rng.random(shape, np.float32) >= rate
    return keep.astype(dtype) * np.dtype(dtype).type(1 / (1 - rate))


def checked_rate(rate: float) -> float:
    """A dropout rate p with 0 ≤ p < 1."""
    if not 0 <= rate < 1:
        raise NervaError(f"a dropout rate must be at least 0 and less than 1, not {rate!r}")
    return rate
