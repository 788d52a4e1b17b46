"""Where new weights can go: positions outside a support, at random or among given ones. Never a K×D array."""

from __future__ import annotations

import numba
import numpy as np

from nerva_py.errors import NervaError

from .kernels import positions
from .remap import Remap
from .selection import lowest
from .support import Support, flat_positions, index_dtype, scattered_positions


def free_count(support: Support) -> int:
    """Number of positions that are not stored."""
    return support.shape[0] * support.shape[1] - support.nnz


def random_free(support: Support, count: int, rng: np.random.Generator) -> Support:
    """Exactly `count` positions outside the support, every set of that size equally likely.

    `count` ranks among the free positions are drawn, and the support is walked along once to find them; nothing is drawn
    in vain. O(nnz + count log count) time, O(count) memory. Raises NervaError when there are not that many.
    """
    K, D = support.shape
    check_count(support, count)
    free = free_count(support)
    return free_at(support, scattered_positions(free, count, rng, index_dtype(free, K, D)))


def free_at(support: Support, ranks: np.ndarray) -> Support:
    """The positions outside the support of these ranks, which rise: rank r is the (r + 1)-th, row by row. O(nnz + count)"""
    K, D = support.shape
    first_rank = np.arange(K + 1, dtype=np.int64) * D - support.indptr
    dtype = index_dtype(ranks.size, K, D)
    indptr = np.searchsorted(ranks, first_rank).astype(dtype)
    indices = np.empty(ranks.size, dtype)
    parts = support.parts(numba.get_num_threads())
    positions.free_columns(parts, support.indptr, support.indices, D, indptr, ranks, indices)
    return Support._trusted(support.shape, indptr, indices)


def first_free(
    support: Support, rows: np.ndarray, columns: np.ndarray, count: int, rng: np.random.Generator
) -> Support:
    """The first `count` different positions (rows[i], columns[i]) that are free; if they are fewer, others at random.

    For growth rules that propose positions without looking which are taken. O(nnz + candidates log candidates).
    Raises NervaError for a position out of range, or when there are not `count` free ones.
    """
    check_count(support, count)
    D = support.shape[1]
    flat = flat_positions(support.shape, rows, columns)
    different, first = np.unique(flat, return_index=True)
    proposed = Support.at(support.shape, different // D, different % D)
    first[support.find(proposed) >= 0] = flat.size  # taken: after all others
    chosen = lowest(first, min(count, int(np.count_nonzero(first < flat.size))))
    grown = Remap(proposed, chosen).support
    return merged(grown, random_free(merged(support, grown), count - grown.nnz, rng))


def union(A: Support, B: Support) -> Support:
    """All positions that are in A or in B.        O(nnz of both)"""
    return merged(A, without(B, A))


def without(A: Support, B: Support) -> Support:
    """The positions of A that are not in B.        O(nnz of both)"""
    if A.shape != B.shape:
        raise NervaError(f"without: the shapes {A.shape} and {B.shape} differ")
    return Remap(A, B.find(A) < 0).support


def merged(A: Support, B: Support) -> Support:
    """The positions of A and of B, which have none in common."""
    return Remap(A, np.ones(A.nnz, bool)).inserting(B).support


def check_count(support: Support, count: int) -> None:
    """Refuse to grow more positions than are free."""
    free = free_count(support)
    if not 0 <= count <= free:
        raise NervaError(f"count must be from 0 to the number of free positions, {free} in {support!r}, not {count}")
