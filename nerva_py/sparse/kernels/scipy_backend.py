"""The reference backend: SciPy's products, one thread, nothing compiled here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from nerva_py.engine import ByteBatch, SparseBatch
from nerva_py.engine.memory import batch_empty
from nerva_py.matrix import apply

if TYPE_CHECKING:
    from nerva_py.sparse.weight import SparseWeight

# Nonzeros whose two batch vectors are gathered at a time: bounds the temporary of `weight_gradient`.
CHUNK = 4096


class SciPyBackend:
    """`csr_array @ dense` in the batch-contiguous layout: W @ Xᵀ with Xᵀ in C order."""

    name = "scipy"

    def affine(self, X: np.ndarray, W: SparseWeight, b: np.ndarray) -> np.ndarray:
        Y = batch_empty(X.shape[0], W.shape[0], W.dtype)
        Y[...] = (W.csr @ X.T).T + b
        return Y

    def affine_apply_single(
        self, X: np.ndarray, W: SparseWeight, b: np.ndarray, f: Callable[..., Any], parameters: tuple[float, ...]
    ) -> np.ndarray:
        return apply(f, self.affine(X, W, b), *parameters)

    def product(self, DY: np.ndarray, W: SparseWeight) -> np.ndarray:
        DX = batch_empty(DY.shape[0], W.shape[1], W.dtype)
        DX[...] = (W.csr.T @ DY.T).T
        return DX

    def weight_gradient(self, W: SparseWeight, DY: np.ndarray, X: np.ndarray) -> np.ndarray:
        rows = np.repeat(np.arange(W.shape[0]), np.diff(W.support.indptr))
        gradient = np.empty(W.nnz, W.dtype)
        for start in range(0, W.nnz, CHUNK):
            part = slice(start, start + CHUNK)
            gradient[part] = np.einsum("pi,pi->p", DY.T[rows[part]], X.T[W.support.indices[part]])
        return gradient

    def affine_bytes(self, X: ByteBatch, W: SparseWeight, b: np.ndarray) -> np.ndarray:
        return self.affine(X.dense(), W, b)

    def weight_gradient_bytes(self, W: SparseWeight, DY: np.ndarray, X: ByteBatch) -> np.ndarray:
        return self.weight_gradient(W, DY, X.dense())

    def affine_sparse_input(self, X: SparseBatch, W: SparseWeight, b: np.ndarray) -> np.ndarray:
        Y = batch_empty(X.shape[0], W.shape[0], W.dtype)
        Y[...] = (X.csr @ W.csr.T).toarray() + b
        return Y

    def weight_gradient_sparse_input(self, W: SparseWeight, DY: np.ndarray, X: SparseBatch) -> np.ndarray:
        gradient, columns = np.zeros(W.nnz, W.dtype), X.csr.tocsc()
        indptr_T, indices_T, perm = W.support.transposed
        for d in X.features:
            places, nonzeros = slice(indptr_T[d], indptr_T[d + 1]), slice(columns.indptr[d], columns.indptr[d + 1])
            samples, values = columns.indices[nonzeros], columns.data[nonzeros]
            gradient[perm[places]] = DY.T[indices_T[places]][:, samples] @ values
        return gradient


BACKEND = SciPyBackend()
