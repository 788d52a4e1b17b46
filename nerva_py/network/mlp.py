"""`MLP`: a multilayer perceptron as a list of layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import csr_array, issparse

from nerva_py.engine import SparseBatch, batch_layout, one_blas_thread, workspace
from nerva_py.engine.sparse_batch import canonical_csr
from nerva_py.errors import NervaError, ShapeError
from nerva_py.sparse import DenseWeight

from .layers import Layer, LinearLayer, Updates
from .parameter import Parameter

ACTIVATIONS = 2**24  # numbers: 64 MB in float32


class MLP:
    """A multilayer perceptron: `forward` and `backward` run through its layers; `rng` draws the dropout masks.

    Raises ShapeError where layers do not fit together.
    """

    def __init__(self, layers: Sequence[Layer], rng: np.random.Generator | None = None):
        self.layers = list(layers)
        self.rng = rng or np.random.default_rng()
        sizes = [layer.W.value.shape for layer in self.linear_layers]
        if not sizes:
            raise ShapeError("layers must contain at least one linear layer")
        for (K, _), (_, D) in pairwise(sizes):
            if K != D:
                raise ShapeError(f"layers: one has {K} outputs, the next {D} inputs; shapes (K, D): {sizes}")

    @property
    def linear_layers(self) -> list[LinearLayer]:
        """The layers that have a weight matrix."""
        return [layer for layer in self.layers if isinstance(layer, LinearLayer)]

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

    def forward(self, X: np.ndarray | SparseBatch, training: bool = False) -> np.ndarray:
        """Y (N, K) of a batch X (N, D); with `training`, what `backward` needs is kept and batch statistics are used."""
        Y: Any = X
        for layer in self.layers:
            Y = layer.forward(Y, training, self.rng)
        return Y

    def backward(self, DY: np.ndarray, updates: Updates | None = None) -> None:
        """Set the gradient of every parameter, from the gradient DY of the loss with respect to the outputs.

        The gradient with respect to the network's input is not computed. `updates` says what the optimizer is going to do
        to each parameter; a layer that does it at once takes it out and has no gradient then.
        """
        for position in range(len(self.layers) - 1, -1, -1):
            needed = any(layer.parameters for layer in self.layers[:position])
            layer = self.layers[position]
            if updates and isinstance(layer, LinearLayer):
                DX = layer.backward(DY, needed, updates)
            else:
                DX = layer.backward(DY, input_gradient=needed)
            if DX is None:
                return
            DY = DX

    def predict(self, X: np.ndarray | csr_array, batch_size: int | None = None) -> np.ndarray:
        """Y (N, K) in evaluation mode, in batches: all rows of X, in order. Class labels are `predict(X).argmax(axis=1)`.

        X may be a SciPy sparse matrix; then the batches are sparse, too. A batch has 256 samples, in a very wide network
        fewer, unless `batch_size` is given. Raises ShapeError for a matrix of another width, NervaError for a batch size
        below 1.
        """
        X = canonical_csr("X", X) if issparse(X) else np.asarray(X)
        weights = [layer.W.value for layer in self.linear_layers]
        D, K, dtype = weights[0].shape[1], weights[-1].shape[0], weights[0].dtype
        if X.ndim != 2 or X.shape[1] != D:
            raise ShapeError(f"X must be a matrix with {D} columns, not of shape {X.shape}")
        if batch_size is None:
            batch_size = fitting_batch(self.sizes, 256)
        elif batch_size < 1:
            raise NervaError(f"batch_size must be at least 1, not {batch_size!r}")
        N = X.shape[0]
        if N == 1:  # neither memory to use again nor products of BLAS, so nothing to set up
            return self.forward(_batch(X, slice(0, 1), dtype))
        Y = np.empty((N, K), dtype)
        dense = any(isinstance(W, DenseWeight) for W in weights)
        with workspace(), one_blas_thread if dense else nullcontext():
            for start in range(0, N, batch_size):
                rows = slice(start, min(start + batch_size, N))
                Y[rows] = self.forward(_batch(X, rows, dtype))
        return Y

    def release(self) -> None:
        """Forget gradients and what was kept for the backward pass."""
        for layer in self.layers:
            layer.release()

    def astype(self, dtype: DTypeLike) -> MLP:
        """Convert all parameters in place; float64 is for checking gradients. Returns the network."""
        for layer in self.layers:
            layer.astype(np.dtype(dtype))
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
        names = ", ".join(_name(layer) for layer in self.layers)
        return (
            f"MLP({'-'.join(map(str, self.sizes))}; {names}; nnz={self.nnz}, density={self.density:.4g}, {self.dtype})"
        )


def fitting_batch(sizes: Sequence[int], most: int) -> int:
    """How many samples are evaluated at a time: `most`, or as many as keep the activations of a layer to `ACTIVATIONS`."""
    return max(1, min(most, ACTIVATIONS // max(sizes)))


def _name(layer: Any) -> str:
    return layer.output.name if hasattr(layer, "output") else type(layer).__name__.removesuffix("Layer")


def _batch(X: np.ndarray | csr_array, rows: slice, dtype: np.dtype) -> np.ndarray | SparseBatch:
    """These rows, as the layers take them."""
    if issparse(X):
        return SparseBatch.from_rows(X, np.arange(rows.start, rows.stop), dtype)
    return batch_layout(X[rows].astype(dtype, copy=False))
