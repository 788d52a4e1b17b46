"""`MLP`: a multilayer perceptron as a list of layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import csr_array, issparse

from nerva_py.engine import SparseBatch, batch_layout, one_blas_thread, workspace
from nerva_py.engine.sparse_batch import canonical_csr
from nerva_py.errors import DataError, NervaError, ShapeError
from nerva_py.matrix import Outer
from nerva_py.quantities import element_type, optional_integer, real_array

from .layers import Layer, LinearLayer
from .outputs import Gradients
from .parameter import Parameter

ACTIVATION_NUMBERS = 2**24  # numbers: 64 MB in float32


class MLP:
    """A multilayer perceptron: `forward` and `backward` run through its layers.

    Raises ShapeError where layers do not fit together, NervaError for what is no layer.
    """

    def __init__(self, layers: Sequence[Layer]):
        self.layers = list(layers)
        for place, layer in enumerate(self.layers):
            if not isinstance(layer, Layer):
                raise NervaError(f"layers[{place}] must be a Layer, not {layer!r}")
        self.linear_layers = [
            layer for layer in self.layers if isinstance(layer, LinearLayer)
        ]  # those with a weight matrix
        sizes = [layer.W.value.shape for layer in self.linear_layers]
        if not sizes:
            raise ShapeError("layers must contain at least one linear layer")
        for (K, _), (_, D) in pairwise(sizes):
            if K != D:
                raise ShapeError(f"layers: one has {K} outputs, the next {D} inputs; shapes (K, D): {sizes}")

    @property
    def sizes(self) -> list[int]:
        """Number of inputs, of neurons in each hidden layer, and of outputs."""
        weights = [layer.W.value for layer in self.linear_layers]
        return [weights[0].shape[1], *(W.shape[0] for W in weights)]

    @property
    def dtype(self) -> np.dtype:
        """Element type of the parameters: float32 or float64."""
        return self.linear_layers[0].W.value.dtype

    def parameters(self) -> Iterator[Parameter]:
        """All trained parameters, layer by layer."""
        for layer in self.layers:
            yield from layer.parameters

    def forward(self, X: Any, rng: Any = None) -> tuple[Any, list[Any]]:
        """Y (N, K) of a batch X (N, D) in training, and the tapes of the layers for `backward`; `rng` draws dropout masks."""
        tapes = []
        for layer in self.layers:
            X, tape = layer.forward(X, rng)
            tapes.append(tape)
        return X, tapes

    def backward(self, tapes: list[Any], DY: Any) -> Iterator[tuple[Layer, Any, Gradients]]:
        """(layer, tape, gradients) from the last layer to the first, from the gradient DY of the loss with respect to Y.

        The tapes are used up from the end. When a layer comes, the one below has its DY already, so nobody needs the old
        weights any more. The gradient with respect to the network's input is not computed.
        """
        first = self.first_trained
        for position in range(len(self.layers) - 1, first - 1, -1):
            layer, tape = self.layers[position], tapes.pop()
            DY, gradients = layer.backward(tape, DY, position > first)
            yield layer, tape, gradients

    def gradients(self, tapes: list[Any], DY: Any) -> list[Any]:
        """The gradient of each of `parameters()`, that of a weight on its support, all of them at once."""
        passes = list(self.backward(tapes, DY))
        return [
            gradient.on(parameter.value) if isinstance(gradient, Outer) else gradient
            for layer, _, gradients in reversed(passes)
            for parameter, gradient in zip(layer.parameters, gradients, strict=True)
        ]

    def evaluate(self, X: Any) -> Any:
        """Y (N, K) of one batch X (N, D), batch-contiguous and of the network's type, in evaluation."""
        for layer in self.layers:
            X = layer.predict(X)
        return X

    def store(self, tapes: list[Any]) -> None:
        """Take over the running statistics that a forward pass has computed."""
        for layer, tape in zip(self.layers, tapes, strict=True):
            if layer.buffers:
                layer.store(tape)

    @property
    def first_trained(self) -> int:
        """The position of the first layer with parameters."""
        return next(position for position, layer in enumerate(self.layers) if layer.parameters)

    def predict(self, X: np.ndarray | csr_array, batch_size: int | None = None) -> np.ndarray:
        """Y (N, K) in evaluation mode, in batches: all rows of X, in order. Class labels are `predict(X).argmax(axis=1)`.

        X may be a SciPy sparse matrix; then the batches are sparse, too. A batch has 256 samples, in a very wide network
        fewer, unless `batch_size` is given. Raises ShapeError for a matrix of another width, DataError for other than real
        numbers, NervaError for a batch size below 1.
        """
        X = canonical_csr("X", X) if issparse(X) else real_array("X", np.asarray(X), DataError)
        if X.ndim != 2 or X.shape[1] != self.sizes[0]:
            raise ShapeError(f"X must be a matrix with {self.sizes[0]} columns, not of shape {X.shape}")
        batch_size = optional_integer("batch_size", batch_size, 1)
        if X.shape[0] == 1:  # neither memory to use again nor products of BLAS, so nothing to set up
            return self.evaluate(_batch(X, slice(0, 1), self.dtype))
        size = batch_size or fitting_batch(self.sizes, 256)
        return self.predict_rows(X.shape[0], size, lambda rows: _batch(X, rows, self.dtype))

    def predict_rows(self, N: int, size: int, batch: Callable[[slice], Any]) -> np.ndarray:
        """Y (N, K) of N samples, `size` at a time; `batch(rows)` gives those of a slice."""
        Y = np.empty((N, self.sizes[-1]), self.dtype)
        with workspace(), one_blas_thread:
            for rows in slices(N, size):
                Y[rows] = self.evaluate(batch(rows))
        return Y

    def astype(self, dtype: DTypeLike) -> MLP:
        """Convert all parameters in place; float64 is for checking gradients. Returns the network."""
        for layer in self.layers:
            layer.astype(element_type(dtype))
        return self

    @property
    def nnz(self) -> int:
        """Number of stored weights, biases apart."""
        return sum(layer.W.value.nnz for layer in self.linear_layers)

    @property
    def density(self) -> float:
        """Stored weights as a share of those of the dense network."""
        return self.nnz / self.dense_size

    @property
    def dense_size(self) -> int:
        """Number of weights of the dense network of the same sizes."""
        return sum(K * D for K, D in (layer.W.value.shape for layer in self.linear_layers))

    def __repr__(self) -> str:
        names = ", ".join(layer.name for layer in self.layers)
        return (
            f"MLP({'-'.join(map(str, self.sizes))}; {names}; nnz={self.nnz}, density={self.density:.4g}, {self.dtype})"
        )


def parameter_names(network: MLP) -> list[str]:
    """The key of each parameter, in the order of `network.parameters()`: W1, b1, gamma1, beta1, W2, ..."""
    numbers: Counter[type] = Counter()
    names = []
    for layer in network.layers:
        numbers[type(layer)] += 1
        names += [f"{parameter.name}{numbers[type(layer)]}" for parameter in layer.parameters]
    return names


def first_not_finite(network: MLP) -> str | None:
    """The name of the first parameter with a NaN or an infinity; None if there is none."""
    pairs = zip(parameter_names(network), network.parameters(), strict=True)
    return next((name for name, parameter in pairs if not np.isfinite(parameter.vector).all()), None)


def fitting_batch(sizes: Sequence[int], most: int) -> int:
    """How many samples are evaluated at a time: `most`, or as many as keep a layer to `ACTIVATION_NUMBERS`."""
    return max(1, min(most, ACTIVATION_NUMBERS // max(sizes)))


def slices(N: int, size: int) -> Iterator[slice]:
    """Slices of `size` that cover N rows in order; the last one may be shorter."""
    for start in range(0, N, size):
        yield slice(start, min(start + size, N))


def _batch(X: np.ndarray | csr_array, rows: slice, dtype: np.dtype) -> np.ndarray | SparseBatch:
    """These rows, as the layers take them."""
    if issparse(X):
        return SparseBatch.from_rows(X, np.arange(rows.start, rows.stop), dtype)
    return batch_layout(X[rows].astype(dtype, copy=False))
