"""Compiled loops over elements: around functions of numbers, for every activation and every update, and sums."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from numba import prange
from numba.extending import overload

from .compiling import Kernel, at, column, kernel
from .scalars import compilable

# A vector is cut into blocks of this many elements: long enough to be worth a thread, short enough for a cache.
BLOCK = 4096
FEW = 2048  # numbers of a matrix: with fewer, one thread is done before a second one has started


@cache
def apply_kernel(f: Callable[..., Any], parameters: int, parallel: bool = True) -> Kernel:
    """Y = f(X) element by element, X and Y batch-contiguous."""
    f = compilable(f)

    @kernel(f"F2r, t{parameters}, F2", parallel=parallel)
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

    @kernel(f"F2r, F2r, t{parameters}, F2", parallel=parallel)
    def hadamard_apply(A, X, parameters, Y):
        for j in prange(X.shape[1]):
            a, x, y = column(A, j), column(X, j), column(Y, j)
            for i in range(x.size):
                y[i] = a[i] * f(x[i], *parameters)

    return hadamard_apply


@kernel("F2r, F1", parallel=True)
def columns_sum(X, total):
    """total = 1ᵀ X, X batch-contiguous: each sum runs along the batch."""
    for j in prange(X.shape[1]):
        x = column(X, j)
        s = total.dtype.type(0)
        for i in range(x.size):
            s += x[i]
        total[j] = s


columns_sum_serial = kernel("F2r, F1")(columns_sum.py_func)  # for few numbers


def update_number(f, theta, p, g, states, constants):
    """θ[p], s₁[p], ... = f(θ[p], g, s₁[p], ..., c₁, ...); the states are a tuple of vectors, which may be empty."""
    result = f(theta[p], g, *[s[p] for s in states], *constants)
    theta[p], *new = result if states else (result,)
    for s, value in zip(states, new, strict=True):
        s[p] = value


@overload(update_number, inline="always")
def _update_number(f, theta, p, g, states, constants):
    # Numba has no loop over a tuple that makes a tuple.
    def none(f, theta, p, g, states, constants):
        theta[p] = f(theta[p], g, *constants)

    def one(f, theta, p, g, states, constants):
        theta[p], states[0][p] = f(theta[p], g, states[0][p], *constants)

    def two(f, theta, p, g, states, constants):
        theta[p], states[0][p], states[1][p] = f(theta[p], g, states[0][p], states[1][p], *constants)

    def three(f, theta, p, g, states, constants):
        theta[p], states[0][p], states[1][p], states[2][p] = f(
            theta[p], g, states[0][p], states[1][p], states[2][p], *constants
        )

    return (none, one, two, three)[len(states)]


@cache
def update_kernel(f: Callable[..., Any], states: int, constants: int, parallel: bool = True) -> Kernel:
    """θ, s₁, ..., s_m = f(θ, g, s₁, ..., s_m, c₁, c₂, ...) in place, for each element of the vectors θ, g and s."""
    f = compilable(f)

    @kernel(f"F1, F1r, v{states}, t{constants}", parallel=parallel)
    def update(theta, g, states, constants):
        for block in prange((theta.size + BLOCK - 1) // BLOCK):
            for p in range(at(block * BLOCK), at(min(theta.size, (block + 1) * BLOCK))):
                update_number(f, theta, p, g[p], states, constants)

    return update
