"""`TopologyLayer`: what drop and grow rules see of a linear layer, and the one place that changes its support."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nerva_py.engine import ByteBatch, SparseBatch, batch_layout
from nerva_py.errors import DataError, NervaError
from nerva_py.network import LinearLayer
from nerva_py.network.building import store_all, support_of
from nerva_py.network.initializers import Initializer
from nerva_py.sparse import DenseWeight, Remap, SparseWeight, Support
from nerva_py.training.optimizers import OptimizerState

from .coverage import Coverage

Samples = np.ndarray | SparseBatch


class TopologyLayer:
    """A linear layer with its optimizer states; the weights always look like CSR.

    A layer above the break-even density is stored as a masked dense array, which is still a sparse layer: its weights and
    states are read at the positions of the mask, and written back in whatever form suits the density that it then has.
    """

    def __init__(self, number: int, layer: LinearLayer, states: Sequence[OptimizerState], backend: str = "numba"):
        self.number = number  # 1, 2, ... as in W1, W2, ...
        self.layer = layer
        self.states = [state for state in states if state.parameter is layer.W]
        self.backend = backend
        self._support: tuple[np.ndarray | None, Support] | None = None  # of a layer that is stored dense, and its mask
        self._batches: list[tuple[np.ndarray, Samples]] = []
        self.coverage = Coverage(self.shape)
        if self.full:
            self.coverage.add_all()
        else:
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
        return self.nnz == self.size

    @property
    def support(self) -> Support:
        """The positions of the weights."""
        W = self.layer.W.value
        if isinstance(W, SparseWeight):
            return W.support
        if self._support is None or self._support[0] is not W.mask:
            self._support = W.mask, support_of(W)
        return self._support[1]

    @property
    def values(self) -> np.ndarray:
        """The weights, (nnz,), in the order of the support."""
        return self._at_positions(self.layer.W.value)

    @property
    def gradient(self) -> np.ndarray | None:
        """The gradient of the last step at the same positions, (nnz,); None before the first step."""
        gradient = self.layer.W.gradient
        return None if gradient is None else self._at_positions(gradient)

    def batch(self) -> tuple[np.ndarray, Samples]:
        """DZ (N, K) and X (N, D) of the last step, or of the steps that were kept: DZᵀ X is the gradient of every position.

        X is a `SparseBatch` in a first layer whose samples are sparse.
        """
        pairs = [*self._batches, self._last()]
        if len(pairs) == 1:
            return pairs[0]
        DZ = batch_layout(np.concatenate([DZ for DZ, _ in pairs]))
        sparse = [X for _, X in pairs if isinstance(X, SparseBatch)]
        if sparse:
            return DZ, SparseBatch.stacked(sparse)
        return DZ, batch_layout(np.concatenate([X for _, X in pairs if isinstance(X, np.ndarray)]))

    def keep_batch(self) -> None:
        """Keep a copy of this step's batch for the update that comes in a few steps."""
        DZ, X = self._last()
        kept = X.copy() if isinstance(X, SparseBatch) else X.copy(order="F")
        self._batches.append((DZ.copy(order="F"), kept))

    def change(self, remap: Remap, initializer: Initializer, rng: np.random.Generator) -> None:
        """Move to the new support: survivors keep weight and optimizer state bit for bit; new weights come from the
        initializer, and their states are zero."""
        fan_in = np.diff(remap.support.indptr)
        fresh = initializer.weights(self.shape, np.diff(remap.inserted.indptr), rng, fan_in) if remap.grown else None
        self.replace(remap, fresh)
        self.coverage.add(remap.inserted)

    def forget_batches(self) -> None:
        """Those that were kept; the last one stays while the layer holds it."""
        self._batches.clear()

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps beside the network: which positions had a weight, and batches that wait for an update."""
        return {"coverage": self.coverage.arrays(), "batches": [[DZ, X] for DZ, X in self._batches]}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Back to what `state_dict` returned. Raises DataError."""
        self.coverage.restore(saved["coverage"])
        self._batches = []
        for DZ, X in saved["batches"]:
            N, dtype = len(DZ), self.layer.W.value.dtype
            if DZ.shape != (N, self.shape[0]) or X.shape != (N, self.shape[1]) or {DZ.dtype, X.dtype} != {dtype}:
                raise DataError(f"malformed: a batch of W{self.number} of {DZ.shape} and {X.shape}")
            self._batches.append((batch_layout(DZ), batch_layout(X)))

    def replace(self, remap: Remap, fresh: np.ndarray | None = None) -> None:
        """Move weights and states to the new support; the gradient, too, unless there are positions that it lacks."""
        old, gradient = self.layer.W.value, None if remap.grown else self.gradient
        W = SparseWeight(remap.support, remap.move(self.values, fresh), getattr(old, "backend", self.backend))
        moved = [remap.move(self._at_positions(old.like(v))) for state in self.states for v in state.vectors]
        new, stored = store_all(W, moved if gradient is None else [*moved, remap.move(gradient)])
        vectors = iter(stored)
        for state in self.states:
            state.vectors = [next(vectors) for _ in state.vectors]
        self.layer.W.value = new
        self.layer.W.gradient = None if gradient is None else new.like(next(vectors))
        self._support = None if isinstance(new, SparseWeight) else (new.mask, remap.support)

    def shrunk(self, rows: np.ndarray, columns: np.ndarray) -> None:
        """Note that only these rows and columns are left of the layer."""
        self._support = None
        self.forget_batches()
        self.coverage = self.coverage.submatrix(rows, columns, self.support)

    def _at_positions(self, matrix: SparseWeight | DenseWeight) -> np.ndarray:
        if isinstance(matrix, SparseWeight):
            return matrix.data
        return matrix.array[self.support.rows(), self.support.indices]

    def _last(self) -> tuple[np.ndarray, Samples]:
        if self.layer.DZ is None or self.layer.X is None:
            raise NervaError(f"the batch of W{self.number} is wanted, but there was no training step that kept it")
        DZ, X, gather = self.layer.DZ, self.layer.X, self.layer.gather
        X = X.dense() if isinstance(X, ByteBatch) else X
        return (DZ, X) if gather is None else (gather(DZ), gather(X))

    def __repr__(self) -> str:
        return f"TopologyLayer(W{self.number}, {self.shape[0]}×{self.shape[1]}, nnz={self.nnz})"
