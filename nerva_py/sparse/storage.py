"""How a weight matrix is stored, in CSR or as a dense array, and what moves with it: the one place that asks which it is.

Both kinds have `shape`, `dtype`, `nnz`, `density`, `nbytes`, `backend`; `support`, the positions that are trained; `data`, the
stored numbers, with which optimizer states are aligned; `values` and `compact(vector)`, those at the positions, in their order;
`like(data)`, `astype`, `toarray`; and the products `X @ W.T`, `DY @ W` and `product_on(W, DY.T, X)`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .backends import Backend
from .break_even import break_even_density
from .dense_weight import DenseWeight
from .remap import Remap
from .support import Support
from .weight import SparseWeight

Weight = SparseWeight | DenseWeight
Stored = tuple[Weight, list[np.ndarray]]


def stored(
    support: Support, values: np.ndarray, vectors: Sequence[np.ndarray] = (), backend: str | Backend = "numba"
) -> Stored:
    """The weight with these values (nnz,) as it is best stored, and vectors (nnz,) of its numbers aligned with its data."""
    sparse = SparseWeight(support, values, backend)
    if sparse.density <= break_even_density(sparse.shape[0]):
        return sparse, list(vectors)
    mask = None if sparse.density == 1 else support.mask()
    dense = DenseWeight(sparse.toarray(), mask, sparse.backend.name)
    return dense, [sparse.like(vector).toarray().reshape(-1) for vector in vectors]


def backend_name(W: Weight) -> str:
    """Who computes the products of W, or will once it is sparse enough for CSR."""
    return W.backend if isinstance(W, DenseWeight) else W.backend.name


def as_csr(W: Weight) -> SparseWeight:
    """The same weights in CSR. O(K·D) for a dense array."""
    return W if isinstance(W, SparseWeight) else SparseWeight(W.support, W.values, W.backend)


def remapped(W: Weight, remap: Remap, fresh: np.ndarray | None, vectors: Sequence[np.ndarray]) -> Stored:
    """W on another support: survivors keep their values and what belongs to them bit for bit; new positions get the values
    `fresh`, by default 0, and zeros in the vectors."""
    moved = [remap.move(W.compact(vector)) for vector in vectors]
    return stored(remap.support, remap.move(W.values, fresh), moved, W.backend)


def cut(W: Weight, rows: np.ndarray, columns: np.ndarray, vectors: Sequence[np.ndarray]) -> Stored:
    """What is left of W, and of what belongs to it, in the rows and columns that booleans (K,) and (D,) mark."""
    if W.full:
        block = np.ix_(rows, columns)
        left = DenseWeight(np.ascontiguousarray(W.toarray()[block]), None, backend_name(W))
        return left, [vector.reshape(W.shape)[block].reshape(-1) for vector in vectors]
    support, kept = W.support.submatrix(rows, columns)
    return stored(support, W.values[kept], [W.compact(vector)[kept] for vector in vectors], W.backend)
