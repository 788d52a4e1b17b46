"""Kernels that make a sparse batch: rows of a CSR matrix are gathered, and their nonzeros sorted by column.

Sorting is by counting, digit by digit from the lowest (radix sort): linear in the number of nonzeros, no memory that grows
with the number of columns, and stable, so that the samples of a column stay in order.
"""

from __future__ import annotations

from numba import prange

from .compiling import kernel

DIGIT = 11  # bits that are sorted by at a time: 2048 counters stay in the first-level cache


@kernel("J1r, I1r, F1r, R1r, S1r, T1r, I1, L1, G1", parallel=True)
def gather_rows(indptr, indices, data, rows, scale, starts, columns, samples, values):
    """Nonzero q, starts[n] ≤ q < starts[n + 1], of sample n: its column d and the value x · scale[d], x from row rows[n]

    An empty `scale` stands for ones.        O(nonzeros)
    """
    for n in prange(rows.size):
        q = starts[n]
        for p in range(indptr[rows[n]], indptr[rows[n] + 1]):
            d = indices[p]
            columns[q] = d
            samples[q] = n
            values[q] = data[p] * scale[d] if scale.size else data[p]
            q += 1


@kernel("i, I1r, L1r, G1r, C1, I1, L1, G1")
def sort_by_digit(shift, columns, samples, values, counts, to_columns, to_samples, to_values):
    """The nonzeros in the order of the digit ⌊column / 2^shift⌋ mod counts.size (a power of two), else as they were.

    O(nonzeros + counts.size)
    """
    mask = counts.size - 1
    for digit in range(counts.size):
        counts[digit] = 0
    for q in range(columns.size):
        counts[(columns[q] >> shift) & mask] += 1
    before = 0
    for digit in range(counts.size):
        count = counts[digit]
        counts[digit] = before
        before += count
    for q in range(columns.size):
        digit = (columns[q] >> shift) & mask
        place = counts[digit]
        counts[digit] = place + 1
        to_columns[place] = columns[q]
        to_samples[place] = samples[q]
        to_values[place] = values[q]


@kernel("I1r, I1, T1, C1")
def different_columns(columns, features, starts, count):
    """Of sorted columns the different ones, `features[:count]`; features[f] is at starts[f] ≤ q < starts[f + 1]."""
    F = 0
    for q in range(columns.size):
        if q == 0 or columns[q] != columns[q - 1]:
            features[F] = columns[q]
            starts[F] = q
            F += 1
    starts[F] = columns.size
    count[0] = F
