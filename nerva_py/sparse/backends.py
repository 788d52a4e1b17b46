"""Who computes the products of a sparse layer: a backend, chosen by name.

`numba` (default) is compiled here; `scipy` is the plain reference; `mkl` calls Intel's library through sparse_dot_mkl.
All take and return batch-contiguous matrices and never form a dense K×D matrix.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from nerva_py.engine import SparseBatch
from nerva_py.engine.memory import batch_empty
from nerva_py.matrix import apply
from nerva_py.parts import find

if TYPE_CHECKING:
    from .weight import SparseWeight


Function = Callable[..., Any]
Numbers = tuple[float, ...]


class Backend:
    """The three products, X (N, D), W (K, D), b (1, K), DY (N, K). A backend of your own needs no others and a `name`.

    The three raise NotImplementedError here; what follows them are the same products together with a function or an update,
    and for a first layer whose X is stored sparse, which fall back on the three or on SciPy.
    """

    name: str

    def affine(self, X: np.ndarray, W: SparseWeight, b: np.ndarray) -> np.ndarray:
        """X Wᵀ + 1_N b        -> (N, K)"""
        raise NotImplementedError

    def product(self, DY: np.ndarray, W: SparseWeight) -> np.ndarray:
        """DY W        -> (N, D)"""
        raise NotImplementedError

    def weight_gradient(self, W: SparseWeight, DY: np.ndarray, X: np.ndarray) -> np.ndarray:
        """The values of DYᵀ X on the support of W        -> (nnz,)"""
        raise NotImplementedError

    def affine_apply(
        self, X: np.ndarray, W: SparseWeight, b: np.ndarray, f: Function, parameters: Numbers
    ) -> np.ndarray:
        """f(X Wᵀ + 1_N b, *parameters)        -> (N, K)"""
        result: np.ndarray = apply(f, self.affine(X, W, b), *parameters)
        return result

    def affine_sparse_input(self, X: SparseBatch, W: SparseWeight, b: np.ndarray) -> np.ndarray:
        """X Wᵀ + 1_N b        -> (N, K)"""
        Y = batch_empty(X.shape[0], W.shape[0], W.dtype)
        Y[...] = (X.csr @ W.csr.T).toarray() + b
        return Y

    def weight_gradient_sparse_input(self, W: SparseWeight, DY: np.ndarray, X: SparseBatch) -> np.ndarray:
        """The values of DYᵀ X on the support of W        -> (nnz,)"""
        gradient, columns = np.zeros(W.nnz, W.dtype), X.csr.tocsc()
        indptr_T, indices_T, perm = W.support.transposed
        for d in X.features:
            places, nonzeros = slice(indptr_T[d], indptr_T[d + 1]), slice(columns.indptr[d], columns.indptr[d + 1])
            samples, values = columns.indices[nonzeros], columns.data[nonzeros]
            gradient[perm[places]] = DY.T[indices_T[places]][:, samples] @ values
        return gradient


BACKENDS: dict[str, str | Backend] = {  # a backend, or the module that has it, imported on first use
    "numba": "nerva_py.sparse.kernels.numba_backend",
    "scipy": "nerva_py.sparse.kernels.scipy_backend",
    "mkl": "nerva_py.sparse.kernels.mkl_backend",
}


def get_backend(name: str) -> Backend:
    """The backend of that name, imported on first use.

    Raises NervaError for an unknown name, MissingBackendError, which says what to install, where its package is missing.
    """
    found = BACKENDS[find("backend", name, BACKENDS)]
    return found if isinstance(found, Backend) else importlib.import_module(found).BACKEND
