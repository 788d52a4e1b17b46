"""The backward pass of a very large layer and its optimizer's step in one go, for a batch of few samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nerva_py.engine.layout import batch_empty, batch_layout, vector_empty

from .kernels import few_samples, numba_backend
from .kernels.few_samples import PARTS
from .weight import SparseWeight

# From so many weights on they do not stay in a cache between two passes; below, one pass less is worth nothing.
LARGE = 2**20


def pays(nnz: int, D: int, N: int) -> bool:
    """Whether `product_update` is taken for N samples and a layer of nnz weights and D inputs."""
    return nnz >= LARGE and few_samples.scatters(nnz, D, N)


def combines(W: Any, X: Any) -> bool:
    """Whether `product_update` is made for this weight matrix and this batch."""
    return (
        isinstance(W, SparseWeight)
        and W.backend is numba_backend.BACKEND
        and isinstance(X, np.ndarray)
        and pays(W.nnz, W.shape[1], X.shape[0])
    )


def product_update(
    W: SparseWeight,
    state: np.ndarray,
    DY: np.ndarray,
    X: np.ndarray,
    update: Callable[..., Any],
    constants: tuple[float, ...],
    input_gradient: bool = True,
) -> np.ndarray | None:
    """DX = DY W, and then in place W, s = update(W, DYᵀ X on the support of W, s, *constants).

    W (K, D), s (nnz,) the optimizer's state of each weight, DY (N, K), X (N, D) -> DX (N, D), or None without
    `input_gradient`. Each weight is read once and written once, and no gradient is stored.
    """
    S, N, D = W.support, X.shape[0], W.shape[1]
    DY, X = batch_layout(DY), batch_layout(X)
    parts = S.parts(PARTS)
    if not input_gradient:
        run = few_samples.update_only(update, len(constants), N)
        run(parts, S.indptr, S.indices, W.data, state, DY, X, constants)
        return None
    both, DX = vector_empty(PARTS * D * 2 * N, W.dtype), batch_empty(N, D, W.dtype)
    run = few_samples.product_update(update, len(constants), N)
    run(parts, S.indptr, S.indices, W.data, state, DY, X, both, constants)
    few_samples.sum_parts(PARTS, N, 2 * N, N)(both, DX)
    return DX
