"""Growth by the gradient: the free positions where |G| = |DYᵀ X| is largest, exactly, without a dense G."""

from __future__ import annotations

import numba
import numpy as np

from nerva_py.engine import SparseBatch
from nerva_py.engine.blas import gemm_address, one_blas_thread
from nerva_py.engine.layout import batch_layout
from nerva_py.errors import DivergedError, ShapeError
from nerva_py.matrix import primitives as table

from . import plan
from .growth import check_count, free_at, free_count, merged
from .kernels import largest
from .kernels.numba_backend import gradient_on_support, stream_gradient
from .remap import Remap
from .selection import highest
from .support import Support

BLOCK_ELEMENTS = 2**18  # of G at a time and thread: what stays in its cache
BLOCK_ROWS = (8, 128)  # fewer rows would make the matrix product slow, more do not make it faster
SAMPLE = 8192  # elements of G from which the threshold is guessed
MARGIN = 1.001  # for rounding: |G_kd| ≤ ‖DY_k‖ ‖X_d‖ is true of exact numbers

DenseOrSparse = np.ndarray | SparseBatch
Candidates = tuple[np.ndarray, np.ndarray, np.ndarray]


@table.largest_products.register(Support)
def largest_products(
    outside: Support,
    DZ: np.ndarray,
    X: DenseOrSparse,
    count: int,
    rows: np.ndarray | None = None,
    columns: np.ndarray | None = None,
) -> Support:
    if rows is None and columns is None:
        return largest_free(outside, DZ, X, count)
    K, D = outside.shape
    rows = np.ones(K, bool) if rows is None else rows
    columns = np.ones(D, bool) if columns is None else columns
    within, _ = outside.submatrix(rows, columns)
    X = SparseBatch.from_csr(X.csr[:, columns]) if isinstance(X, SparseBatch) else X[:, columns]
    found = largest_free(within, DZ[:, rows], X, count)
    return Support.at((K, D), np.flatnonzero(rows)[found.rows()], np.flatnonzero(columns)[found.indices])


@table.column_maxima.register(np.ndarray)
def column_maxima(DZ: np.ndarray, X: DenseOrSparse) -> np.ndarray:
    largest_of = np.zeros(X.shape[1], DZ.dtype)
    block = max(1, BLOCK_ELEMENTS // X.shape[1])
    for first in range(0, DZ.shape[1], block):
        np.maximum(largest_of, np.abs(DZ[:, first : first + block].T @ X).max(axis=0), out=largest_of)
    return largest_of


def largest_free(support: Support, DY: np.ndarray, X: DenseOrSparse, count: int) -> Support:
    """The `count` positions outside the support with the largest |G_kd|, G = DYᵀ X      DY (N, K), X (N, D)

    Of equal ones those of smaller row, then of smaller column. Exact: a threshold is guessed from a sample; rows whose
    bound ‖DY_k‖ max ‖X_d‖ is below it are left out, the others are computed block by block and forgotten; if too few
    elements are above it, all are looked at. O(N·K·D) time at most, O(count + block) memory; with a sparse X
    O(K·nnz(X) + nnz + D) time. The result does not depend on the number of threads. Raises DivergedError for a gradient
    that is not a number.
    """
    check_count(support, count)
    N, D = X.shape
    if DY.shape != (N, support.shape[0]) or support.shape[1] != D or DY.dtype != X.dtype:
        raise ShapeError(f"largest_free: DY {DY.dtype} {DY.shape} and X {X.dtype} {X.shape} do not fit to {support!r}")
    if not count:
        return Support.empty(support.shape)
    if isinstance(X, SparseBatch):
        return _largest_free_sparse(support, batch_layout(DY), X, count)
    _, rows, columns = _largest(support, batch_layout(DY), batch_layout(X), count)
    return Support.at(support.shape, rows, columns)


def _largest_free_sparse(support: Support, DY: np.ndarray, X: SparseBatch, count: int) -> Support:
    """G is 0 outside the columns that occur: look among these, and take zeros, if need be, from everywhere."""
    K, D = support.shape
    occurs = np.zeros(D, bool)
    occurs[X.features] = True
    among, _ = support.submatrix(np.ones(K, bool), occurs)
    keys, rows, columns = _largest(among, DY, X.compressed(), min(count, free_count(among)))
    found = keys > 0
    grown = Support.at(support.shape, rows[found], X.features[columns[found]])
    if grown.nnz == count:
        return grown
    zeros = free_at(merged(support, grown), np.arange(count - grown.nnz, dtype=np.int64))
    return merged(grown, zeros)


def _largest(support: Support, DY: np.ndarray, X: DenseOrSparse, count: int) -> Candidates:
    """Bits of |G|, rows and columns of the `count` largest, batch-contiguous DY and X; a sparse X is compressed."""
    none = np.zeros(0, np.int64)
    bounds = _bounds(DY, X)
    if not count:
        return none, none, none
    D = X.shape[1]
    threshold = _guess(support, DY, X, count)
    keys, rows, columns = _candidates(support, DY, X, count, np.flatnonzero(bounds * MARGIN > threshold), threshold)
    if keys.size < count:
        keys, rows, columns = _candidates(support, DY, X, count, np.arange(support.shape[0]), None)
    if keys.size > count:
        order = np.argsort(rows * D + columns)  # candidates come in the order of the parts that found them
        best = order[highest(keys[order], count)]
        keys, rows, columns = keys[best], rows[best], columns[best]
    return keys, rows, columns


def largest_among(candidates: Support, DY: np.ndarray, X: DenseOrSparse, count: int) -> Support:
    """The `count` candidates with the largest |G_kd|, G = DYᵀ X; of equal ones the first. O(N·candidates)."""
    G = _products(candidates, batch_layout(DY), X if isinstance(X, SparseBatch) else batch_layout(X))
    if not np.isfinite(G).all():
        raise DivergedError("largest_among: the gradient is not finite; training has diverged")
    return Remap(candidates, highest(np.abs(G), count)).support


def _products(support: Support, DY: np.ndarray, X: DenseOrSparse) -> np.ndarray:
    """G on the support, (nnz,)"""
    G = np.empty(support.nnz, X.dtype)
    if isinstance(X, SparseBatch):
        gradient_on_support(support, DY, X, G)
    else:
        stream_gradient(support, DY, X, G, plan.by_rows(support, X))
    return G


def _squares(X: DenseOrSparse) -> np.ndarray:
    """‖X_d‖² of each column, in float64, because squares of small float32 numbers are 0"""
    return X.squares() if isinstance(X, SparseBatch) else np.einsum("nd,nd->d", X, X, dtype=np.float64)


def _bounds(DY: np.ndarray, X: DenseOrSparse) -> np.ndarray:
    """‖DY_k‖ max ‖X_d‖ for each row k: (K,)"""
    with np.errstate(over="ignore", invalid="ignore"):
        bounds = np.sqrt(_squares(DY)) * np.sqrt(_squares(X).max(initial=0))
    if not (bounds <= np.finfo(X.dtype).max).all():
        raise DivergedError("largest_free: the gradient is not finite; training has diverged")
    return bounds


def _guess(support: Support, DY: np.ndarray, X: DenseOrSparse, count: int) -> float:
    """A number that probably a few more than `count` elements of |G| are above, from elements at regular distances."""
    K, D = support.shape
    n = min(SAMPLE, K * D)
    wanted = 2 * count * n // (K * D) + 8
    if wanted >= n:
        return -1.0
    step = K * D // n
    while np.gcd(step, D) > 1 and step > 1:  # so that all columns have their turn
        step -= 1
    flat = np.arange(n, dtype=np.int64) * step
    sample = Support.at(support.shape, flat // D, flat % D)
    return float(np.partition(np.abs(_products(sample, DY, X)), n - wanted)[n - wanted])


def _candidates(
    support: Support, DY: np.ndarray, X: DenseOrSparse, count: int, rows: np.ndarray, threshold: float | None
) -> Candidates:
    """Bits of |G|, rows and columns of what each part of these rows offers."""
    N, D = X.shape
    block = 1 if isinstance(X, SparseBatch) else max(BLOCK_ROWS[0], min(BLOCK_ELEMENTS // D, BLOCK_ROWS[1]))
    parts = min(numba.get_num_threads(), max(1, -(-rows.size // block)))
    integer = np.dtype(f"i{X.dtype.itemsize}")
    at_least = -1 if threshold is None or threshold < 0 else int(np.array(threshold, X.dtype).view(integer))
    G = np.empty((parts, block * D), X.dtype)
    capacity = 2 * count + 2 * largest.STRETCH
    found = np.empty((parts, capacity), integer).T
    found_rows, found_columns = np.empty((2, parts, capacity), np.int64).transpose(0, 2, 1)
    counts, histograms = np.empty(parts, np.int64), np.empty((parts, 1 << largest.DIGIT), np.int64).T
    results = G.T, G.view(integer).T, found, found_rows, found_columns, counts, histograms
    if isinstance(X, SparseBatch):
        largest.largest_products_sparse_input(
            rows, support.indptr, support.indices, DY, X.starts, X.samples, X.values, count, at_least, *results
        )
    else:
        packed = np.empty((parts, N * block), X.dtype).T
        with one_blas_thread:
            largest.largest_products(
                gemm_address(X.dtype),
                rows,
                support.indptr,
                support.indices,
                DY,
                X,
                count,
                block,
                at_least,
                packed,
                *results,
            )
    sizes = counts.tolist()
    keys, where, which = (
        np.concatenate([matrix[:n, p] for p, n in enumerate(sizes)]) for matrix in (found, found_rows, found_columns)
    )
    return keys, where, which
