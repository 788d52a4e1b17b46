"""`TopologyLayer`: what drop and grow rules see of a linear layer, and the one place that changes its support."""

from __future__ import annotations

from typing import Any

import numpy as np

from nerva_py.engine import SparseBatch, batch_layout
from nerva_py.errors import DataError, NervaError
from nerva_py.matrix import Outer
from nerva_py.network import LinearLayer
from nerva_py.network.initializers import Initializer
from nerva_py.sparse import Remap, Support

from .coverage import Coverage


class TopologyLayer:
    """A linear layer whose weights look like CSR, however they are stored; and the gradients of the steps that it was shown."""

    def __init__(self, number: int, layer: LinearLayer):
        self.number = number  # 1, 2, ... as in W1, W2, ...
        self.layer = layer
        self._gradients: list[Outer] = []  # of the steps since the last update that were shown, the last one last
        self._moved: np.ndarray | None = None  # the gradient that `change` has moved
        self.coverage = Coverage(self.shape)
        self.coverage.add(self.support)

    @property
    def shape(self) -> tuple[int, int]:
        """(K, D) = (outputs, inputs)"""
        return self.layer.W.value.shape

    @property
    def nnz(self) -> int:
        """Number of weights."""
        return self.layer.W.value.nnz

    @property
    def size(self) -> int:
        """Number of positions, K·D."""
        return self.shape[0] * self.shape[1]

    @property
    def full(self) -> bool:
        """Whether every position has a weight: then there is nowhere to grow."""
        return self.layer.W.value.full

    @property
    def support(self) -> Support:
        """The positions of the weights."""
        return self.layer.W.value.support

    @property
    def values(self) -> np.ndarray:
        """The weights, (nnz,), in the order of the support."""
        return self.layer.W.value.data

    @property
    def gradient(self) -> np.ndarray | None:
        """The gradient of the last step at the same positions, (nnz,); None before the first step."""
        if self._moved is not None:
            return self._moved
        return self._gradients[-1].on(self.layer.W.value).data if self._gradients else None

    @property
    def outer(self) -> Outer:
        """DZᵀ X, the gradient of every position, as a question: of the last step or, if more were shown, summed over them.

        Raises NervaError before a step has shown one.
        """
        if not self._gradients:
            raise NervaError(f"the gradient of W{self.number} is wanted, but there was no training step that showed it")
        first, *others = self._gradients
        return sum(others, first)

    def show(self, gradient: Outer) -> None:
        """Keep the gradient of this step, and with it DZ and X, until the update that looks at it."""
        self._gradients.append(gradient)
        self._moved = None

    def forget(self) -> None:
        """The gradients that were shown."""
        self._gradients.clear()
        self._moved = None

    def change(self, remap: Remap, initializer: Initializer, rng: np.random.Generator) -> None:
        """Move to the new support: survivors keep weight and optimizer state bit for bit; new weights come from the
        initializer, and their states are zero."""
        gradient = self.gradient if self.layer.dropout else None
        if gradient is not None:  # the mask of the pass does not fit to other positions
            self._moved = remap.move(gradient)
        fan_in = np.diff(remap.support.indptr)
        fresh = initializer.weights(self.shape, np.diff(remap.inserted.indptr), rng, fan_in) if remap.grown else None
        self.layer.W.remap(remap, fresh)
        self.coverage.add(remap.inserted)

    def shrunk(self, rows: np.ndarray, columns: np.ndarray) -> None:
        """Note that only these rows and columns are left of the layer."""
        self.forget()
        self.coverage = self.coverage.submatrix(rows, columns, self.support)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps beside the network: which positions had a weight, and gradients that wait for an update."""
        terms = [term for outer in self._gradients for term in outer.terms]
        return {"coverage": self.coverage.arrays(), "batches": [[DZ, _matrix_tree(X)] for DZ, X, _ in terms]}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Back to what `state_dict` returned. Raises DataError."""
        self.coverage.restore(saved["coverage"])
        self._gradients = []
        for DZ, tree in saved["batches"]:
            X = _build_matrix(tree)
            N, dtype = len(DZ), self.layer.W.value.dtype
            if DZ.shape != (N, self.shape[0]) or X.shape != (N, self.shape[1]) or {DZ.dtype, X.dtype} != {dtype}:
                raise DataError(f"malformed: a batch of W{self.number} of {DZ.shape} and {X.shape}")
            self._gradients.append(Outer(batch_layout(DZ), X))

    def __repr__(self) -> str:
        return f"TopologyLayer(W{self.number}, {self.shape[0]}×{self.shape[1]}, nnz={self.nnz})"


def _matrix_tree(X: Any) -> Any:
    """A batch as a checkpoint holds it."""
    if isinstance(X, SparseBatch):
        return {"shape": list(X.shape), "columns": X.columns(), "samples": X.samples, "values": X.values}
    return X


def _build_matrix(tree: Any) -> Any:
    """The batch again. Raises DataError."""
    if not isinstance(tree, dict):
        return batch_layout(tree)
    (N, D), columns, samples = tree["shape"], tree["columns"], tree["samples"]
    inside = columns.size == 0 or (0 <= columns.min() <= columns.max() < D and 0 <= samples.min() <= samples.max() < N)
    if not inside or not columns.shape == samples.shape == tree["values"].shape:
        raise DataError(f"malformed: a sparse batch of {N}×{D}")
    return SparseBatch.from_nonzeros((N, D), columns.copy(), samples.astype(np.int32), tree["values"].copy())
