"""A trainer in SciPy and NumPy alone: `csr_array @ dense`, and the weight gradient gathered nonzero by nonzero.

Activations are feature-major, (features, batch), because SciPy's product then streams along the batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from . import Contender
from .problem import Problem

CHUNK = 4096  # nonzeros whose two batch vectors are gathered at a time, so that the temporaries stay in the cache


class Layer:
    """W and its transpose on one set of values, their velocities, and the row of each nonzero."""

    def __init__(self, W: csr_array, b: np.ndarray):
        self.W, self.b = W.copy(), b.reshape(-1, 1).copy()
        self.WT = csr_array(csr_array((np.arange(1, W.nnz + 1), W.indices, W.indptr), shape=W.shape).T)
        self.perm = self.WT.data - 1
        self.WT = csr_array((W.data[self.perm], self.WT.indices, self.WT.indptr), shape=self.WT.shape)
        self.rows = np.repeat(np.arange(W.shape[0], dtype=W.indices.dtype), np.diff(W.indptr))
        self.velocities = [np.zeros_like(self.W.data), np.zeros_like(self.b)]

    def input_gradient(self, DY: np.ndarray) -> np.ndarray:
        np.take(self.W.data, self.perm, out=self.WT.data)
        return self.WT @ DY

    def weight_gradient(self, DY: np.ndarray, X: np.ndarray) -> np.ndarray:
        gradient = np.empty_like(self.W.data)
        for start in range(0, gradient.size, CHUNK):
            part = slice(start, start + CHUNK)
            np.einsum("pi,pi->p", DY[self.rows[part]], X[self.W.indices[part]], out=gradient[part])
        return gradient


class SciPyCSR(Contender):
    """The manual backward pass of ReLU layers with softmax cross-entropy."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.X, self.T = problem.normalized(), problem.T
        self.layers = [Layer(W, b) for W, b in zip(problem.weights, problem.biases, strict=True)]

    def _forward(self, X: np.ndarray) -> list[np.ndarray]:
        """All activations, from the input to the logits."""
        activations = [X]
        for layer in self.layers:
            Y = layer.W @ activations[-1]
            Y += layer.b
            if layer is not self.layers[-1]:
                np.maximum(Y, 0, out=Y)
            activations.append(Y)
        return activations

    def step(self, rows: np.ndarray) -> Any:
        activations = self._forward(np.ascontiguousarray(self.X[rows].T))
        Y, T, N = activations.pop(), self.T[rows], len(rows)
        P = np.exp(Y - Y.max(axis=0))
        P /= P.sum(axis=0)
        likelihood = P[T, np.arange(N)]
        P[T, np.arange(N)] -= 1
        DY = P / np.float32(N)
        for layer in reversed(self.layers):
            X = activations.pop()
            gradients = layer.weight_gradient(DY, X), DY.sum(axis=1, keepdims=True)
            if activations:
                DY = layer.input_gradient(DY)
                DY *= X > 0
            for theta, gradient, velocity in zip((layer.W.data, layer.b), gradients, layer.velocities, strict=True):
                gradient *= -self.problem.learning_rate
                velocity *= self.problem.momentum
                velocity += gradient
                gradient += self.problem.momentum * velocity
                theta += gradient
        return likelihood

    def loss(self, result: Any) -> float:
        return float(-np.log(result).mean())

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self._forward(np.ascontiguousarray(self.problem.normalized(X).T))[-1].T

    def nbytes(self) -> dict[str, int]:
        weights = sum(layer.W.data.nbytes for layer in self.layers)
        biases = sum(layer.b.nbytes for layer in self.layers)
        index_arrays = [
            array
            for layer in self.layers
            for array in (layer.W.indices, layer.W.indptr, layer.WT.indices, layer.WT.indptr, layer.perm, layer.rows)
        ]
        return {
            "weights": 2 * weights,  # W and its transpose
            "indices": sum(array.nbytes for array in index_arrays),
            "biases": biases,
            "gradients": weights + biases,
            "velocities": weights + biases,
        }
