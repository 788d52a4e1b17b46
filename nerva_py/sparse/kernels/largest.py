"""The largest |DYᵀ X| outside a support, exactly, without the dense matrix.

Blocks of rows of G = DYᵀ X are computed by BLAS into a buffer that stays in the cache, looked through, and forgotten; only
candidates are kept. Magnitudes are compared as integers: without its sign bit, a floating-point number orders like the
integer of its bits. A comparison of integers can be vectorized without assumptions about NaN, which counts as larger than
everything.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from nerva_py.engine.blas import multiply_into
from nerva_py.engine.compiling import column, kernel
from nerva_py.matrix.scalars import scalar_function

CHUNK = 32  # elements that are compared at once
DIGIT = 11  # bits of a key that one pass of the selection looks at
STRETCH = 2048  # elements between two looks at how many candidates there are


@scalar_function
def kth_largest(keys, n, k, bits, histogram):
    """The k-th largest (1 ≤ k ≤ n) of the keys[:n] ≥ 0 of so many bits, digit by digit from the highest.        O(n)"""
    found, known = np.int64(0), np.int64(0)  # the digits that are known, and which bits they are
    left = k
    shift = (bits - 1) // DIGIT * DIGIT
    while shift >= 0:
        histogram[:] = 0
        for i in range(n):
            key = np.int64(keys[i])
            if key & known == found:
                histogram[(key >> shift) & ((1 << DIGIT) - 1)] += 1
        digit = (1 << DIGIT) - 1
        while histogram[digit] < left:
            left -= histogram[digit]
            digit -= 1
        found |= np.int64(digit) << shift
        known |= np.int64((1 << DIGIT) - 1) << shift
        shift -= DIGIT
    return found


@scalar_function
def keep_largest(keys, rows, columns, n, k, bits, histogram):
    """Move the k largest of n candidates to the front, of equal ones the first, in their order. Returns the k-th key."""
    threshold = kth_largest(keys, n, k, bits, histogram)
    above = 0
    for i in range(n):
        above += keys[i] > threshold
    equal, out = k - above, 0
    for i in range(n):
        take = keys[i] > threshold
        if keys[i] == threshold and equal > 0:
            take = True
            equal -= 1
        if take:
            keys[out], rows[out], columns[out] = keys[i], rows[i], columns[i]
            out += 1
    return keys.dtype.type(threshold)


@scalar_function
def scan(keys, first, size, row, threshold, marked, n, found, found_rows, found_columns):
    """Append the elements of keys[:size], the columns from `first` on of a row, that are above the threshold to the n
    candidates; returns their number. `marked` are positions that do not count."""
    for start in range(0, size, CHUNK):
        stop = min(size, start + CHUNK)
        any_above = False
        for d in range(start, stop):
            key = keys[d] & marked
            any_above |= (key > threshold) & (key < marked)
        if any_above:
            for d in range(start, stop):
                key = keys[d] & marked
                if threshold < key < marked:
                    found[n], found_rows[n], found_columns[n] = key, row, first + d
                    n += 1
    return n


@scalar_function
def scan_line(line, row, threshold, marked, n, count, bits, found, found_rows, found_columns, histogram):
    """`scan` of a whole row of G, stretch by stretch; when there is no place for more candidates, the `count` largest are
    kept. Returns the number of candidates and the threshold, which then rises."""
    for start in range(0, line.size, STRETCH):
        stretch = line[start : min(line.size, start + STRETCH)]
        if n + stretch.size > found.size:
            threshold = keep_largest(found, found_rows, found_columns, n, count, bits, histogram)
            n = count
        n = scan(stretch, start, stretch.size, row, threshold, marked, n, found, found_rows, found_columns)
    return n, threshold


@scalar_function
def search(
    gemm, rows, indptr, indices, DY, X, count, block, threshold, p, parts,
    packed, g, keys, found, found_rows, found_columns, histogram,
):  # fmt: skip
    """The candidates of part p; returns their number. See `largest_products`."""
    N, D = X.shape
    bits = 8 * g.itemsize - 1
    half = np.int64(1) << (bits - 1)
    marked = keys.dtype.type(half - 1 + half)  # all bits but the sign: no number that is computed
    n, threshold = 0, keys.dtype.type(threshold)
    for first in range(p * block, rows.size, parts * block):
        size = min(block, rows.size - first)
        A = packed[: N * size].reshape(size, N).T
        for r in range(size):
            a, dy = column(A, r), column(DY, rows[first + r])
            for i in range(N):
                a[i] = dy[i]
        multiply_into(gemm, X.T, A, g[: size * D].reshape(size, D).T)
        for r in range(size):
            row = rows[first + r]
            line = keys[r * D : (r + 1) * D]
            for q in range(indptr[row], indptr[row + 1]):
                line[indices[q]] = marked
            n, threshold = scan_line(
                line, row, threshold, marked, n, count, bits, found, found_rows, found_columns, histogram
            )
    return n


@scalar_function
def search_sparse(
    rows, indptr, indices, DY, starts, samples, values, count, threshold, p, parts,
    g, keys, found, found_rows, found_columns, histogram,
):  # fmt: skip
    """The candidates of part p; returns their number. See `largest_products_sparse_input`."""
    bits = 8 * g.itemsize - 1
    half = np.int64(1) << (bits - 1)
    marked = keys.dtype.type(half - 1 + half)
    zero = g.dtype.type(0)
    n, threshold = 0, keys.dtype.type(threshold)
    for i in range(p, rows.size, parts):
        row = rows[i]
        dy = column(DY, row)
        for f in range(starts.size - 1):
            total = zero
            for q in range(starts[f], starts[f + 1]):
                total += dy[samples[q]] * values[q]
            g[f] = total
        for q in range(indptr[row], indptr[row + 1]):
            keys[indices[q]] = marked
        n, threshold = scan_line(
            keys, row, threshold, marked, n, count, bits, found, found_rows, found_columns, histogram
        )
    return n


@kernel("i, I1r, J1r, J1r, F2r, F2r, i, i, i, F2, F2, K2, K2, I2, I2, I1, I2", parallel=True)
def largest_products(
    gemm, rows, indptr, indices, DY, X, count, block, threshold,
    packed, G, keys, found, found_rows, found_columns, counts, histograms,
):  # fmt: skip
    """Candidates for the `count` largest |G_kd| outside the support: of each part of `rows` all above the threshold (as
    an integer), or its `count` largest in order of appearance.        2 N K D operations

    Part p takes the blocks p, p + parts, ... of `block` rows. Column p of the matrices from `packed` on is its workspace:
    of `keys`, the bits of G; of `found`, `found_rows` and `found_columns` its `counts[p]` candidates.
    """
    parts = found.shape[1]
    for p in prange(parts):
        counts[p] = search(
            gemm, rows, indptr, indices, DY, X, count, block, threshold, p, parts,
            column(packed, p), column(G, p), column(keys, p), column(found, p), column(found_rows, p),
            column(found_columns, p), column(histograms, p),
        )  # fmt: skip


@kernel("I1r, J1r, J1r, F2r, T1r, L1r, F1r, i, i, F2, K2, K2, I2, I2, I1, I2", parallel=True)
def largest_products_sparse_input(
    rows, indptr, indices, DY, starts, samples, values, count, threshold,
    G, keys, found, found_rows, found_columns, counts, histograms,
):  # fmt: skip
    """As `largest_products` for a sparse X (N, F) all of whose features occur (`SparseBatch.compressed`), row by row of G:
    2 K nnz(X) operations. Part p takes the rows p, p + parts, ..."""
    parts = found.shape[1]
    for p in prange(parts):
        counts[p] = search_sparse(
            rows, indptr, indices, DY, starts, samples, values, count, threshold, p, parts,
            column(G, p), column(keys, p), column(found, p), column(found_rows, p), column(found_columns, p),
            column(histograms, p),
        )  # fmt: skip
