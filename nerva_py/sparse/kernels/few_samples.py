"""The products of a sparse layer for a batch of very few samples.

There is no batch to stream along: time goes into reading the weights, once from beginning to end, and into finding what belongs
to their column. So every pass here goes through W by rows. The CSC view, through which the values are read in random order,
is neither used nor made, and what follows from a weight while it is in a register is done at once: `product_update` reads and
writes each weight once where product, gradient and update would read it three times.

DX = DY W is then a sum over rows that are in different parts. Each part adds to a vector of its own, and these are summed in
order; the number of parts does not depend on the number of threads, and so neither does a single bit of the result.

N is a constant of the compiled code (`product`, `product_on`, `product_update`), whose loops over it then vanish.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from numba import prange
from numpy import uint64 as unsigned

from nerva_py.matrix.compiling import Kernel, column, kernel
from nerva_py.matrix.scalars import scalar_function

BLOCK = 1024  # features whose sums are added up at a time


@kernel("P1, I1, I1, F1, F2, F1, F2", parallel=True)
def affine_few(parts, indptr, indices, data, X, b, Y):
    """Y = X Wᵀ + 1_N b        X (N, D), b (K,), Y (N, K): four, two or one samples at a time, their sums in registers"""
    N = X.shape[0]
    pair, last = N // 4 * 4, N // 2 * 2
    for part in prange(parts.size - 1):
        for k in range(parts[part], parts[part + 1]):
            y, begin, end = column(Y, k), unsigned(indptr[k]), unsigned(indptr[k + 1])
            for i in range(0, pair, 4):
                s0 = s1 = s2 = s3 = b[k]
                for p in range(begin, end):
                    w, x = data[p], column(X, unsigned(indices[p]))
                    s0 += w * x[i]
                    s1 += w * x[i + 1]
                    s2 += w * x[i + 2]
                    s3 += w * x[i + 3]
                y[i], y[i + 1], y[i + 2], y[i + 3] = s0, s1, s2, s3
            # Under a condition Numba takes what is written to a column for written in vain; hence Y.
            if pair < last:
                t0 = t1 = b[k]
                for p in range(begin, end):
                    w, x = data[p], column(X, unsigned(indices[p]))
                    t0 += w * x[pair]
                    t1 += w * x[pair + 1]
                Y[pair, k], Y[pair + 1, k] = t0, t1
            if last < N:
                t = b[k]
                for p in range(begin, end):
                    t += data[p] * column(X, unsigned(indices[p]))[last]
                Y[last, k] = t


@cache
def product(N: int) -> Kernel:
    """DX = DY W in parts: sums[part·D·N + d·N + i] is what the rows of the part add to DX[i, d]; see `sum_parts`."""

    @kernel("P1, I1, I1, F1, F2, F1", parallel=True)
    def product(parts, indptr, indices, data, DY, sums):
        size = sums.size // (parts.size - 1)
        for part in prange(parts.size - 1):
            total = sums[part * size : (part + 1) * size]
            total[:] = 0
            for k in range(parts[part], parts[part + 1]):
                y = column(DY, k)
                for p in range(unsigned(indptr[k]), unsigned(indptr[k + 1])):
                    w, first = data[p], unsigned(indices[p]) * unsigned(N)
                    for i in range(N):
                        total[first + unsigned(i)] += w * y[i]

    return product


@kernel("i, F1, F2", parallel=True)
def sum_parts(count, sums, DX):
    """DX (N, D) from the sums of `count` parts, always added in the same order."""
    N, D = DX.shape
    for block in prange((D + BLOCK - 1) // BLOCK):
        for d in range(block * BLOCK, min(D, (block + 1) * BLOCK)):
            x = column(DX, d)
            for i in range(N):
                s = sums[d * N + i]
                for part in range(1, count):
                    s += sums[(part * D + d) * N + i]
                x[i] = s


@cache
def product_on(N: int) -> Kernel:
    """DW = DYᵀ X on the support of W"""

    @kernel("P1, I1, I1, F2, F2, F1", parallel=True)
    def product_on(parts, indptr, indices, DY, X, gradient):
        for part in prange(parts.size - 1):
            for k in range(parts[part], parts[part + 1]):
                y = column(DY, k)
                for p in range(unsigned(indptr[k]), unsigned(indptr[k + 1])):
                    x = column(X, unsigned(indices[p]))
                    g = y[0] * x[0]
                    for i in range(1, N):
                        g += y[i] * x[i]
                    gradient[p] = g

    return product_on


@cache
def product_update(f: Callable[..., Any], constants: int, N: int, input_gradient: bool) -> Kernel:
    """DX = DY W in parts (as `product`, and only with `input_gradient`), then on the support of W, in the same pass,
    W, s = f(W, DYᵀ X, s, c₁, c₂, ...)"""
    f = scalar_function(f)

    @kernel(f"P1, I1, I1, F1, F1, F2, F2, F1, t{constants}", parallel=True)
    def product_update(parts, indptr, indices, data, state, DY, X, sums, constants):
        size = sums.size // (parts.size - 1)
        for part in prange(parts.size - 1):
            total = sums[part * size : (part + 1) * size]
            total[:] = 0
            for k in range(parts[part], parts[part + 1]):
                y = column(DY, k)
                for p in range(unsigned(indptr[k]), unsigned(indptr[k + 1])):
                    w, j = data[p], unsigned(indices[p])
                    x = column(X, j)
                    if input_gradient:
                        for i in range(N):
                            total[j * unsigned(N) + unsigned(i)] += w * y[i]
                    g = y[0] * x[0]
                    for i in range(1, N):
                        g += y[i] * x[i]
                    data[p], state[p] = f(w, g, state[p], *constants)

    return product_update
