"""The three products of a sparse layer, compiled with Numba.

W (K, D) is given by `indices, data` (CSR) and, for products with W itself, by its CSC view `indices_T, perm`, where
`data[perm]` are the values column by column. X, Y, DX, DY are batch-contiguous. A row of the result stays in registers while
the nonzeros of a row of W go by (see `engine.rows`). The columns of W are cut into blocks, so that what a block takes of X
stays in a cache: row k has the nonzeros from `bounds[block, k]` to `bounds[block + 1, k]` there. With a single block these are
the row pointers. (For a single sample there are no blocks, and W has row pointers `indptr`.)

Every loop runs in parallel over the *outputs*: `parts` cuts the output rows into parts of about equal nnz, one thread a
part, and no two threads write the same element, so the results are the same bit for bit for every number of threads. A kernel
takes a tile of the batch, from sample `start` on, in registers of a number that is a constant of the compiled code.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from numba import prange
from numba.extending import register_jitable

from nerva_py.engine.compiling import Kernel, at, column, kernel, prefetch
from nerva_py.engine.rows import fill, four_inner, inner, lanes, load, multiply_add, store
from nerva_py.engine.scalars import compilable

AHEAD = 3  # rows of W whose nonzeros are asked for before they are needed


@cache
def affine(vectors: int, f: Callable[..., Any] | None = None, parameters: int = 0) -> Kernel:
    """Y = f(X Wᵀ + 1_N b), without f Y = X Wᵀ + 1_N b        X (N, D), b (K,), Y (N, K);   2 N nnz operations"""
    g = _identity if f is None else compilable(f)

    @kernel(f"P1r, I2r, I1r, F1r, F2r, F1r, t{parameters}, F2, i", parallel=True)
    def affine(parts, bounds, indices, data, X, b, parameters, Y, start):
        last, blocks = bounds.shape[1] - 1, bounds.shape[0] - 1
        stop = min(Y.shape[0], start + vectors * lanes(Y.dtype))
        for part in prange(parts.size - 1):
            for block in range(blocks):
                for k in range(parts[part], parts[part + 1]):
                    ahead = bounds[block, min(k + AHEAD, last)]
                    prefetch(indices, ahead)
                    prefetch(data, ahead)
                    row = fill(b[k], vectors) if block == 0 else load(Y, k, start, vectors)
                    for p in range(at(bounds[block, k]), at(bounds[block + 1, k])):
                        row = multiply_add(row, data[p], load(X, at(indices[p]), start, vectors))
                    store(row, Y, k, start, vectors)
                    if f is not None and block == blocks - 1:  # while it is in the first-level cache
                        y = column(Y, k)
                        for i in range(at(start), at(stop)):
                            y[i] = g(y[i], *parameters)

    return affine


@cache
def product(vectors: int) -> Kernel:
    """DX = DY W        DY (N, K), DX (N, D);   2 N nnz operations"""

    @kernel("P1r, I2r, I1r, I1r, F1r, F2r, F2, i", parallel=True)
    def product(parts, bounds_T, indices_T, perm, data, DY, DX, start):
        last = bounds_T.shape[1] - 1
        zero = DX.dtype.type(0)
        for part in prange(parts.size - 1):
            for block in range(bounds_T.shape[0] - 1):
                for d in range(parts[part], parts[part + 1]):
                    ahead = bounds_T[block, min(d + AHEAD, last)]
                    prefetch(indices_T, ahead)
                    prefetch(perm, ahead)
                    row = fill(zero, vectors) if block == 0 else load(DX, d, start, vectors)
                    for p in range(at(bounds_T[block, d]), at(bounds_T[block + 1, d])):
                        row = multiply_add(row, data[at(perm[p])], load(DY, at(indices_T[p]), start, vectors))
                    store(row, DX, d, start, vectors)

    return product


@cache
def weight_gradient(vectors: int, adds: bool = False) -> Kernel:
    """DW = DYᵀ X on the support of W: one inner product over the batch a nonzero; `adds`: to those of tiles before.

    2 N nnz operations
    """

    @kernel("P1r, I2r, I1r, F2r, F2r, F1, i", parallel=True)
    def weight_gradient(parts, bounds, indices, DY, X, gradient, start):
        last = bounds.shape[1] - 1
        for part in prange(parts.size - 1):
            for block in range(bounds.shape[0] - 1):
                for k in range(parts[part], parts[part + 1]):
                    prefetch(indices, bounds[block, min(k + AHEAD, last)])
                    dy = load(DY, k, start, vectors)
                    first, end = at(bounds[block, k]), at(bounds[block + 1, k])
                    fours = end - (end - first) % at(4)
                    for p in range(first, fours, at(4)):
                        g0, g1, g2, g3 = four_inner(dy, X, indices, p, start, vectors)
                        if adds:
                            g0, g1 = g0 + gradient[p], g1 + gradient[p + at(1)]
                            g2, g3 = g2 + gradient[p + at(2)], g3 + gradient[p + at(3)]
                        gradient[p], gradient[p + at(1)], gradient[p + at(2)], gradient[p + at(3)] = g0, g1, g2, g3
                    for p in range(fours, end):
                        g = inner(dy, load(X, at(indices[p]), start, vectors))
                        gradient[p] = g + gradient[p] if adds else g

    return weight_gradient


@register_jitable
def _identity(x):
    return x


@cache
def affine_single(f: Callable[..., Any] | None, parameters: int, parallel: bool) -> Kernel:
    """y = f(x Wᵀ + b) for a single sample        x (D,), b (K,), y (K,): no batch to stream along, one dot product a row"""
    g = _identity if f is None else compilable(f)

    @kernel(f"P1r, I1r, I1r, F1r, F1r, F1r, t{parameters}, F1", parallel=parallel)
    def affine_single(parts, indptr, indices, data, x, b, parameters, y):
        for part in prange(parts.size - 1):
            for k in range(parts[part], parts[part + 1]):
                total = b[k]
                for p in range(at(indptr[k]), at(indptr[k + 1])):
                    total += data[p] * x[at(indices[p])]
                y[k] = g(total, *parameters)

    return affine_single
