"""The reference backend: SciPy's products, one thread, nothing compiled here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nerva_py.engine.memory import batch_empty
from nerva_py.sparse.backends import Backend

if TYPE_CHECKING:
    from nerva_py.sparse.weight import SparseWeight

# Nonzeros whose two batch vectors are gathered at a time: bounds the temporary of `weight_gradient`.
CHUNK = 4096


class SciPyBackend(Backend):
    """`csr_array @ dense` in the batch-contiguous layout: W @ Xᵀ with Xᵀ in C order."""

    name = "scipy"

    def affine(self, X: np.ndarray, W: SparseWeight, b: np.ndarray) -> np.ndarray:
        Y = batch_empty(X.shape[0], W.shape[0], W.dtype)
        Y[...] = (W.csr @ X.T).T + b
        return Y

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


BACKEND = SciPyBackend()
