"""How a weight matrix is stored, in CSR or as a dense array, and what moves with it: the one place that asks which it is.

What is zero is not stored: nnz < K·D is CSR, nnz = K·D a dense array, without indices. Both kinds have `shape`, `dtype`, `nnz`,
`density`, `full`, `nbytes`, `backend`; `support`, the positions of the weights; `data`, the weights (nnz,) row by row, with
which optimizer states are aligned; `like(data)`, `astype`, `toarray`; and the products `X @ W.T`, `DY @ W` and
`product_on(W, DY.T, X)`. A layer that fills up is reshaped, and its vectors stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .backends import Backend
from .dense_weight import DenseWeight
from .remap import Remap
from .support import Support
from .weight import SparseWeight

Weight = SparseWeight | DenseWeight


def stored(support: Support, data: np.ndarray, backend: str | Backend = "numba") -> Weight:
    """The weight with these values (nnz,) at the positions of the support."""
    if support.full:
        return DenseWeight(data.reshape(support.shape), backend if isinstance(backend, str) else backend.name)
    return SparseWeight(support, data, backend)


def backend_name(W: Weight) -> str:
    """Who computes the products of W, or will once it has lost a weight."""
    return W.backend if isinstance(W, DenseWeight) else W.backend.name


def as_csr(W: Weight) -> SparseWeight:
    """The same weights in CSR. Of a dense array this makes K·D indices."""
    return W if isinstance(W, SparseWeight) else SparseWeight(W.support, W.data, W.backend)


def remapped(
    W: Weight, remap: Remap, fresh: np.ndarray | None, vectors: Sequence[np.ndarray]
) -> tuple[Weight, list[np.ndarray]]:
    """W on another support: survivors keep their values and what belongs to them bit for bit; new positions get the values
    `fresh`, by default 0, and zeros in the vectors."""
    return stored(remap.support, remap.move(W.data, fresh), W.backend), [remap.move(vector) for vector in vectors]


def cut(
    W: Weight, rows: np.ndarray, columns: np.ndarray, vectors: Sequence[np.ndarray]
) -> tuple[Weight, list[np.ndarray]]:
    """What is left of W, and of what belongs to it, in the rows and columns that booleans (K,) and (D,) mark."""
    support, kept = W.support.submatrix(rows, columns)
    return stored(support, W.data[kept], W.backend), [vector[kept] for vector in vectors]
