"""GFLOP/s of the three products of a sparse layer, and of a dense product.

    Y = X Wᵀ,   DX = DY W,   DW = DYᵀ X on the support of W        X (N, D), W (K, D), DY (N, K)

Each takes 2·N·nnz operations, the dense product 2·N·K·D. Fastest call, as layers make it: Python's overhead is included.
"""

from __future__ import annotations

import numpy as np

from nerva_py.engine import batch_empty, one_blas_thread, workspace
from nerva_py.sparse import DenseWeight, SparseWeight

from .timing import seconds

SHAPE, DENSITY, BATCH = (1024, 3072), 0.1, 100
PRODUCTS = {"Y": "Y = X Wᵀ", "DX": "DX = DY W", "DW": "DW = DYᵀ X on the support"}


def product_rates(
    backend: str, shape: tuple[int, int] = SHAPE, density: float = DENSITY, N: int = BATCH, least: float = 0.15
) -> dict[str, float]:
    """GFLOP/s of each of PRODUCTS; float32, uniformly random support."""
    W = SparseWeight.random(shape, density, np.random.default_rng(0), backend=backend)
    X, DY = _batch(N, shape[1]), _batch(N, shape[0])
    b = np.zeros((1, shape[0]), np.float32)
    calls = {
        "Y": lambda: W.backend.affine(X, W, b),
        "DX": lambda: W.backend.product(DY, W),
        "DW": lambda: W.backend.weight_gradient(W, DY, X),
    }
    with workspace(), one_blas_thread:
        return {name: 2e-9 * N * W.nnz / seconds(call, least)["minimum"] for name, call in calls.items()}


def dense_rate(shape: tuple[int, int] = SHAPE, N: int = BATCH, least: float = 0.2) -> float:
    """GFLOP/s of X Wᵀ with a full W: BLAS's sgemm in Numba's threads, as dense layers call it."""
    W, X = DenseWeight(np.ones(shape, np.float32)), _batch(N, shape[1])
    with workspace(), one_blas_thread:
        return 2e-9 * N * shape[0] * shape[1] / seconds(lambda: X @ W.T, least)["minimum"]


def _batch(N: int, features: int) -> np.ndarray:
    """Standard normal numbers, batch-contiguous."""
    X = batch_empty(N, features)
    X[...] = np.random.default_rng(1).standard_normal(X.shape)
    return X
