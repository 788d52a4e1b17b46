"""Who computes the products of a sparse layer: a backend, chosen by name.

`numba` (default) is compiled here; `scipy` is the plain reference; `mkl` calls Intel's library through sparse_dot_mkl.
All take and return batch-contiguous matrices and never form a dense K×D matrix.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nerva_py.engine import ByteBatch, SparseBatch
from nerva_py.errors import unknown

if TYPE_CHECKING:
    from .weight import SparseWeight


class Backend(Protocol):
    """The three products, X (N, D), W (K, D), b (1, K), DY (N, K); and the two of a first layer whose X is sparse, or bytes."""

    name: str

    def affine(self, X: np.ndarray, W: SparseWeight, b: np.ndarray) -> np.ndarray:
        """X Wᵀ + 1_N b        -> (N, K)"""

    def affine_apply_single(
        self, X: np.ndarray, W: SparseWeight, b: np.ndarray, f: Callable[..., Any], parameters: tuple[float, ...]
    ) -> np.ndarray:
        """f(x Wᵀ + b, *parameters) of a single sample        X (1, D) -> (1, K)"""

    def product(self, DY: np.ndarray, W: SparseWeight) -> np.ndarray:
        """DY W        -> (N, D)"""

    def weight_gradient(self, W: SparseWeight, DY: np.ndarray, X: np.ndarray) -> np.ndarray:
        """The values of DYᵀ X on the support of W        -> (nnz,)"""

    def affine_bytes(self, X: ByteBatch, W: SparseWeight, b: np.ndarray) -> np.ndarray:
        """X Wᵀ + 1_N b        -> (N, K)"""

    def weight_gradient_bytes(self, W: SparseWeight, DY: np.ndarray, X: ByteBatch) -> np.ndarray:
        """The values of DYᵀ X on the support of W        -> (nnz,)"""

    def affine_sparse_input(self, X: SparseBatch, W: SparseWeight, b: np.ndarray) -> np.ndarray:
        """X Wᵀ + 1_N b        -> (N, K)"""

    def weight_gradient_sparse_input(self, W: SparseWeight, DY: np.ndarray, X: SparseBatch) -> np.ndarray:
        """The values of DYᵀ X on the support of W        -> (nnz,)"""


BACKENDS = {
    "numba": "nerva_py.sparse.kernels.numba_backend",
    "scipy": "nerva_py.sparse.kernels.scipy_backend",
    "mkl": "nerva_py.sparse.kernels.mkl_backend",
}
_loaded: dict[str, Backend] = {}


def get_backend(name: str) -> Backend:
    """The backend of that name, imported on first use.

    Raises NervaError for an unknown name, MissingBackendError, which says what to install, where its package is missing.
    """
    if name not in _loaded:
        if name not in BACKENDS:
            raise unknown("backend", name, BACKENDS)
        _loaded[name] = importlib.import_module(BACKENDS[name]).BACKEND
    return _loaded[name]
