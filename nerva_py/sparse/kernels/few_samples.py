"""The products of a sparse layer for a batch of very few samples.

There is no batch to stream along: time goes into reading the weights, once from beginning to end, and into finding what belongs
to their column. So every pass here goes through W by rows. The CSC view, through which the values are read in random order,
is neither used nor made.

DX = DY W is then a sum over rows that are in different parts. Each part adds to a vector of its own, and these are summed in
order; the number of parts does not depend on the number of threads, and so neither does a single bit of the result.

What belongs to a column may be anywhere in a cache, or in none. As it is known long before which columns come, it is asked
for early (`prefetch`), which makes a pass three times as fast.

N is a constant of the compiled code, whose loops over it then vanish.
"""

from __future__ import annotations

from functools import cache

from numba import prange
from numpy import uint64 as unsigned

from nerva_py.engine.compiling import Kernel, column, kernel, prefetch

AHEAD = 32  # nonzeros
BLOCK = 1024  # features whose sums are added up at a time


@cache
def affine(N: int) -> Kernel:
    """Y = X Wᵀ + 1_N b        X (N, D), b (K,), Y (N, K)"""

    @kernel("P1r, I1r, I1r, F1r, F2r, F1r, F2", parallel=True)
    def affine(parts, indptr, indices, data, X, b, Y):
        beyond = unsigned(max(indices.size - 1, 0))
        for part in prange(parts.size - 1):
            for k in range(parts[part], parts[part + 1]):
                y = column(Y, k)
                for i in range(N):
                    y[i] = b[k]
                for p in range(unsigned(indptr[k]), unsigned(indptr[k + 1])):
                    prefetch(X, unsigned(indices[min(p + unsigned(AHEAD), beyond)]))
                    w, x = data[p], column(X, unsigned(indices[p]))
                    for i in range(N):
                        y[i] += w * x[i]

    return affine


@cache
def product(N: int) -> Kernel:
    """DX = DY W in parts: sums[part, d, i] is what the rows of the part add to DX[i, d]; see `sum_parts`."""

    @kernel("P1r, I1r, I1r, F1r, F2r, F1", parallel=True)
    def product(parts, indptr, indices, data, DY, sums):
        size = sums.size // (parts.size - 1)
        beyond = unsigned(max(indices.size - 1, 0))
        for part in prange(parts.size - 1):
            total = sums[part * size : (part + 1) * size]
            total[:] = 0
            for k in range(parts[part], parts[part + 1]):
                y = column(DY, k)
                for p in range(unsigned(indptr[k]), unsigned(indptr[k + 1])):
                    prefetch(total, unsigned(indices[min(p + unsigned(AHEAD), beyond)]) * unsigned(N))
                    w, first = data[p], unsigned(indices[p]) * unsigned(N)
                    for i in range(N):
                        total[first + unsigned(i)] += w * y[i]

    return product


@cache
def sum_parts(count: int, N: int) -> Kernel:
    """DX[i, d] = Σ_part sums[part, d, i], the parts always added in the same order."""

    @kernel("F1r, F2", parallel=True)
    def sum_parts(sums, DX):
        D = DX.shape[1]
        for block in prange((D + BLOCK - 1) // BLOCK):
            for d in range(block * BLOCK, min(D, (block + 1) * BLOCK)):
                x, place = column(DX, d), d * N
                for i in range(N):
                    s = sums[place + i]
                    for part in range(1, count):
                        s += sums[part * D * N + place + i]
                    x[i] = s

    return sum_parts


@cache
def weight_gradient(N: int) -> Kernel:
    """DW = DYᵀ X on the support of W"""

    @kernel("P1r, I1r, I1r, F2r, F2r, F1", parallel=True)
    def weight_gradient(parts, indptr, indices, DY, X, gradient):
        beyond = unsigned(max(indices.size - 1, 0))
        for part in prange(parts.size - 1):
            for k in range(parts[part], parts[part + 1]):
                y = column(DY, k)
                for p in range(unsigned(indptr[k]), unsigned(indptr[k + 1])):
                    prefetch(X, unsigned(indices[min(p + unsigned(AHEAD), beyond)]))
                    x = column(X, unsigned(indices[p]))
                    g = y[0] * x[0]
                    for i in range(1, N):
                        g += y[i] * x[i]
                    gradient[p] = g

    return weight_gradient
