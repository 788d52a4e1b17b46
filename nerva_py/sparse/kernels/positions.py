"""Kernels on the positions of sparse matrices: which are free, where one is found, how two sets are merged.

A set of positions is a pair `indptr, indices` (CSR, columns of a row sorted). Rows are independent of one another, so all
loops run in parallel over rows, and the results do not depend on the number of threads.
"""

from __future__ import annotations

from numba import prange

from nerva_py.engine.compiling import kernel
from nerva_py.matrix.scalars import scalar_function


@scalar_function
def first_from(indices, start, end, k):
    """The first place p in start..end−1 with indices[p] ≥ k, indices rising there; `end` if there is none."""
    while start < end:
        middle = (start + end) // 2
        if indices[middle] < k:
            start = middle + 1
        else:
            end = middle
    return start


@kernel("I1r, I1r, i, I2", parallel=True)
def block_bounds(indptr, indices, width, bounds):
    """bounds[b, k]: the first place in row k whose column is at least b · width; in the last line its end.    O(K b log D)"""
    blocks = bounds.shape[0] - 1
    for k in prange(bounds.shape[1]):
        p, end = indptr[k], indptr[k + 1]
        bounds[0, k] = p
        for b in range(1, blocks):
            p = first_from(indices, p, end, b * width)
            bounds[b, k] = p
        bounds[blocks, k] = end


@kernel("P1r, I1r, I1r, i, Q1r, R1r, J1", parallel=True)
def free_columns(parts, indptr, indices, D, chosen, ranks, columns):
    """The free positions of these ranks: rank r is the (r + 1)-th position, row by row, that is not in the set.

    `ranks` rise; those of row k are `ranks[chosen[k]:chosen[k+1]]`; their columns are written in the same order.
    O(nnz + number of ranks).
    """
    for part in prange(parts.size - 1):
        for k in range(parts[part], parts[part + 1]):
            p, end = indptr[k], indptr[k + 1]
            before = k * D - p  # free positions in the rows above
            passed = 0
            for q in range(chosen[k], chosen[k + 1]):
                free = ranks[q] - before
                while p < end and indices[p] - passed <= free:
                    p += 1
                    passed += 1
                columns[q] = free + passed


@kernel("P1r, I1r, I1r, J1r, J1r, S1", parallel=True)
def find(parts, indptr, indices, wanted_indptr, wanted, places):
    """places[q] = p with indices[p] = wanted[q] in the same row, −1 where there is none.        O(nnz of both)"""
    for part in prange(parts.size - 1):
        for k in range(parts[part], parts[part + 1]):
            p, end = indptr[k], indptr[k + 1]
            for q in range(wanted_indptr[k], wanted_indptr[k + 1]):
                while p < end and indices[p] < wanted[q]:
                    p += 1
                places[q] = p if p < end and indices[p] == wanted[q] else -1


@kernel("P1r, I1r, I1r, I1r, J1r, J1r, I1r, I1, I1, P1", parallel=True)
def merge(parts, kept_indptr, kept, kept_indices, inserted_indptr, inserted, indptr, indices, source, conflicts):
    """The kept positions and those inserted, in one sorted set whose `indptr` is known.

    source[p] becomes `kept[i]`, the place that the i-th kept position had, or −1 − q for the q-th inserted one.
    `conflicts` (one a part) gets a kept place whose position is inserted, too, and is −1 where there is none.
    """
    for part in prange(parts.size - 1):
        conflict = -1
        for k in range(parts[part], parts[part + 1]):
            out = indptr[k]
            i, end = kept_indptr[k], kept_indptr[k + 1]
            for q in range(inserted_indptr[k], inserted_indptr[k + 1]):
                column = inserted[q]
                while i < end and kept_indices[i] < column:
                    indices[out], source[out] = kept_indices[i], kept[i]
                    out += 1
                    i += 1
                if i < end and kept_indices[i] == column:
                    conflict = kept[i]
                indices[out], source[out] = column, -1 - q
                out += 1
            while i < end:
                indices[out], source[out] = kept_indices[i], kept[i]
                out += 1
                i += 1
        conflicts[part] = conflict


@kernel("I1r, F1r, F1r, F1", parallel=True)
def move(source, old, fresh, new):
    """new[p] = old[source[p]], or fresh[q] where source[p] = −1 − q"""
    for p in prange(source.size):
        s = source[p]
        new[p] = old[s] if s >= 0 else fresh[-1 - s]


@kernel("I1r, I1r, I1, I1, I1")
def transpose(indptr, indices, free, indices_T, perm):
    """The CSC view of positions in CSR: rows of each column in rising order, and the place of each in the CSR order.

    `free[d]` is where column d begins; afterwards, where it ends. Places are given out one after another, so this loop is
    not parallel.        O(nnz)
    """
    for k in range(indptr.size - 1):
        for p in range(indptr[k], indptr[k + 1]):
            q = free[indices[p]]
            indices_T[q], perm[q] = k, p
            free[indices[p]] = q + 1
