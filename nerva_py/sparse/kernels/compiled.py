"""The three products of a sparse layer, compiled with Numba.

W (K, D) is given by `indices, data` (CSR) and, for products with W itself, by its CSC view `indices_T, perm`, where
`data[perm]` are the values column by column. X, Y, DX, DY are batch-contiguous. The columns of W are cut into blocks, so that
what a block takes of X stays in a cache: row k has the nonzeros from `bounds[block, k]` to `bounds[block + 1, k]` there. With a
single block these are the row pointers. (For a single sample there are no blocks, and W has row pointers `indptr`.)

Every loop runs in parallel over the *outputs*: `parts` cuts the output rows into parts of about equal nnz, one thread a
part, and no two threads write the same element, so the results are the same bit for bit for every number of threads. The
inner loops run along the batch; eight nonzeros at a time keep the number of loads and stores of the accumulator low. What comes
before each inner loop counts too, for a batch is short; so elements are taken `at` numbers without a sign.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from numba import prange

from nerva_py.engine.compiling import Kernel, at, column, kernel
from nerva_py.engine.scalars import compilable


@kernel("P1, I2, I1, F1, F2, F1, F2", parallel=True)
def affine(parts, bounds, indices, data, X, b, Y):
    """Y = X Wᵀ + 1_N b        X (N, D), b (K,), Y (N, K);   2 N nnz operations"""
    N = X.shape[0]
    for part in prange(parts.size - 1):
        for block in range(bounds.shape[0] - 1):
            for k in range(parts[part], parts[part + 1]):
                y = column(Y, k)
                if block == 0:
                    bias = b[k]
                    for i in range(N):
                        y[i] = bias
                p, end = bounds[block, k], bounds[block + 1, k]
                while p + 8 <= end:
                    w0, x0 = data[at(p)], column(X, indices[at(p)])
                    w1, x1 = data[at(p + 1)], column(X, indices[at(p + 1)])
                    w2, x2 = data[at(p + 2)], column(X, indices[at(p + 2)])
                    w3, x3 = data[at(p + 3)], column(X, indices[at(p + 3)])
                    w4, x4 = data[at(p + 4)], column(X, indices[at(p + 4)])
                    w5, x5 = data[at(p + 5)], column(X, indices[at(p + 5)])
                    w6, x6 = data[at(p + 6)], column(X, indices[at(p + 6)])
                    w7, x7 = data[at(p + 7)], column(X, indices[at(p + 7)])
                    for i in range(N):
                        y[i] += (
                            w0 * x0[i] + w1 * x1[i] + w2 * x2[i] + w3 * x3[i]
                            + w4 * x4[i] + w5 * x5[i] + w6 * x6[i] + w7 * x7[i]
                        )  # fmt: skip
                    p += 8
                while p < end:
                    w0, x0 = data[at(p)], column(X, indices[at(p)])
                    for i in range(N):
                        y[i] += w0 * x0[i]
                    p += 1


@kernel("P1, I2, I1, I1, F1, F2, F2", parallel=True)
def product(parts, bounds_T, indices_T, perm, data, DY, DX):
    """DX = DY W        DY (N, K), DX (N, D);   2 N nnz operations"""
    N = DY.shape[0]
    zero = DX.dtype.type(0)
    for part in prange(parts.size - 1):
        for block in range(bounds_T.shape[0] - 1):
            for d in range(parts[part], parts[part + 1]):
                y = column(DX, d)
                if block == 0:
                    for i in range(N):
                        y[i] = zero
                p, end = bounds_T[block, d], bounds_T[block + 1, d]
                while p + 8 <= end:
                    w0, x0 = data[at(perm[at(p)])], column(DY, indices_T[at(p)])
                    w1, x1 = data[at(perm[at(p + 1)])], column(DY, indices_T[at(p + 1)])
                    w2, x2 = data[at(perm[at(p + 2)])], column(DY, indices_T[at(p + 2)])
                    w3, x3 = data[at(perm[at(p + 3)])], column(DY, indices_T[at(p + 3)])
                    w4, x4 = data[at(perm[at(p + 4)])], column(DY, indices_T[at(p + 4)])
                    w5, x5 = data[at(perm[at(p + 5)])], column(DY, indices_T[at(p + 5)])
                    w6, x6 = data[at(perm[at(p + 6)])], column(DY, indices_T[at(p + 6)])
                    w7, x7 = data[at(perm[at(p + 7)])], column(DY, indices_T[at(p + 7)])
                    for i in range(N):
                        y[i] += (
                            w0 * x0[i] + w1 * x1[i] + w2 * x2[i] + w3 * x3[i]
                            + w4 * x4[i] + w5 * x5[i] + w6 * x6[i] + w7 * x7[i]
                        )  # fmt: skip
                    p += 8
                while p < end:
                    w0, x0 = data[at(perm[at(p)])], column(DY, indices_T[at(p)])
                    for i in range(N):
                        y[i] += w0 * x0[i]
                    p += 1


@kernel("P1, I2, I1, F2, F2, F1", parallel=True)
def weight_gradient(parts, bounds, indices, DY, X, gradient):
    """DW = DYᵀ X on the support of W: one inner product over the batch a nonzero.        2 N nnz operations"""
    N = X.shape[0]
    zero = gradient.dtype.type(0)
    for part in prange(parts.size - 1):
        for block in range(bounds.shape[0] - 1):
            for k in range(parts[part], parts[part + 1]):
                y = column(DY, k)
                p, end = bounds[block, k], bounds[block + 1, k]
                while p + 8 <= end:
                    x0, x1 = column(X, indices[at(p)]), column(X, indices[at(p + 1)])
                    x2, x3 = column(X, indices[at(p + 2)]), column(X, indices[at(p + 3)])
                    x4, x5 = column(X, indices[at(p + 4)]), column(X, indices[at(p + 5)])
                    x6, x7 = column(X, indices[at(p + 6)]), column(X, indices[at(p + 7)])
                    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = zero
                    for i in range(N):
                        s0 += y[i] * x0[i]
                        s1 += y[i] * x1[i]
                        s2 += y[i] * x2[i]
                        s3 += y[i] * x3[i]
                        s4 += y[i] * x4[i]
                        s5 += y[i] * x5[i]
                        s6 += y[i] * x6[i]
                        s7 += y[i] * x7[i]
                    gradient[at(p)], gradient[at(p + 1)], gradient[at(p + 2)], gradient[at(p + 3)] = s0, s1, s2, s3
                    gradient[at(p + 4)], gradient[at(p + 5)], gradient[at(p + 6)], gradient[at(p + 7)] = s4, s5, s6, s7
                    p += 8
                while p < end:
                    x0 = column(X, indices[at(p)])
                    s0 = zero
                    for i in range(N):
                        s0 += y[i] * x0[i]
                    gradient[at(p)] = s0
                    p += 1


@kernel("P1, I1, I1, F1, F1, F1, F1", parallel=True)
def affine_single(parts, indptr, indices, data, x, b, y):
    """y = x Wᵀ + b for a single sample        x (D,), b (K,), y (K,): no batch to stream along, one dot product a row"""
    for part in prange(parts.size - 1):
        for k in range(parts[part], parts[part + 1]):
            total = b[k]
            for p in range(at(indptr[k]), at(indptr[k + 1])):
                total += data[p] * x[at(indices[p])]
            y[k] = total


affine_single_serial = kernel("P1, I1, I1, F1, F1, F1, F1")(affine_single.py_func)  # for few nonzeros


@cache
def affine_apply_single(f: Callable[..., Any], parameters: int, parallel: bool) -> Kernel:
    """y = f(x Wᵀ + b) for a single sample; see `affine_single`."""
    f = compilable(f)

    @kernel(f"P1, I1, I1, F1, F1, F1, t{parameters}, F1", parallel=parallel)
    def affine_apply(parts, indptr, indices, data, x, b, parameters, y):
        for part in prange(parts.size - 1):
            for k in range(parts[part], parts[part + 1]):
                total = b[k]
                for p in range(at(indptr[k]), at(indptr[k + 1])):
                    total += data[p] * x[at(indices[p])]
                y[k] = f(total, *parameters)

    return affine_apply
