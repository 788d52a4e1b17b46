"""Compiled loops over elements: around functions of numbers, for every activation and every update, and sums."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from numba import prange

from .compiling import Kernel, column, kernel
from .scalars import compilable

# A vector is cut into blocks of this many elements: long enough to be worth a thread, short enough for a cache.
BLOCK = 4096
FEW = 2048  # numbers of a matrix: with fewer, one thread is done before a second one has started


@cache
def apply_kernel(f: Callable[..., Any], parameters: int, parallel: bool = True) -> Kernel:
    """Y = f(X) element by element, X and Y batch-contiguous."""
    f = compilable(f)

    @kernel(f"F2, t{parameters}, F2", parallel=parallel)
    def apply(X, parameters, Y):
        for j in prange(X.shape[1]):
            x, y = column(X, j), column(Y, j)
            for i in range(x.size):
                y[i] = f(x[i], *parameters)

    return apply


@cache
def hadamard_apply_kernel(f: Callable[..., Any], parameters: int, parallel: bool = True) -> Kernel:
    """Y = A ⊙ f(X), all batch-contiguous."""
    f = compilable(f)

    @kernel(f"F2, F2, t{parameters}, F2", parallel=parallel)
    def hadamard_apply(A, X, parameters, Y):
        for j in prange(X.shape[1]):
            a, x, y = column(A, j), column(X, j), column(Y, j)
            for i in range(x.size):
                y[i] = a[i] * f(x[i], *parameters)

    return hadamard_apply


@kernel("F2, F1", parallel=True)
def columns_sum(X, total):
    """total = 1ᵀ X, X batch-contiguous: each sum runs along the batch."""
    for j in prange(X.shape[1]):
        x = column(X, j)
        s = total.dtype.type(0)
        for i in range(x.size):
            s += x[i]
        total[j] = s


columns_sum_serial = kernel("F2, F1")(columns_sum.py_func)  # for few numbers


@cache
def update_kernel(f: Callable[..., Any], states: int, constants: int, parallel: bool = True) -> Kernel:
    """θ, s₁, ..., s_m = f(θ, g, s₁, ..., s_m, c₁, c₂, ...) in place, for each element of the vectors θ, g and s."""
    f = compilable(f)
    arguments = f"F1, F1, {'F1, ' * states}t{constants}"

    if states == 0:

        @kernel(arguments, parallel=parallel)
        def update(theta, g, constants):
            for block in prange((theta.size + BLOCK - 1) // BLOCK):
                part = slice(block * BLOCK, (block + 1) * BLOCK)
                x, d = theta[part], g[part]
                for p in range(x.size):
                    x[p] = f(x[p], d[p], *constants)

        return update

    if states == 1:

        @kernel(arguments, parallel=parallel)
        def update_1(theta, g, s, constants):
            for block in prange((theta.size + BLOCK - 1) // BLOCK):
                part = slice(block * BLOCK, (block + 1) * BLOCK)
                x, d, u = theta[part], g[part], s[part]
                for p in range(x.size):
                    x[p], u[p] = f(x[p], d[p], u[p], *constants)

        return update_1

    if states == 3:

        @kernel(arguments, parallel=parallel)
        def update_3(theta, g, s, t, r, constants):
            for block in prange((theta.size + BLOCK - 1) // BLOCK):
                part = slice(block * BLOCK, (block + 1) * BLOCK)
                x, d, u, v, w = theta[part], g[part], s[part], t[part], r[part]
                for p in range(x.size):
                    x[p], u[p], v[p], w[p] = f(x[p], d[p], u[p], v[p], w[p], *constants)

        return update_3

    @kernel(arguments, parallel=parallel)
    def update_2(theta, g, s, t, constants):
        for block in prange((theta.size + BLOCK - 1) // BLOCK):
            part = slice(block * BLOCK, (block + 1) * BLOCK)
            x, d, u, v = theta[part], g[part], s[part], t[part]
            for p in range(x.size):
                x[p], u[p], v[p] = f(x[p], d[p], u[p], v[p], *constants)

    return update_2
