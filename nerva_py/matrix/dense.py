"""The primitives on `numpy.ndarray`.

Plain NumPy: the reference, and all there is without Numba; `engine.passes` registers compiled passes for some of them. Repeats
are views, and nothing changes the element type.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from . import primitives as table
from .scalars import exp, log1p, where

# ---------------------------------------------------------------------------------------------------- element by element


table.hadamard.register(np.ndarray)(np.multiply)


@table.apply.register(np.ndarray)
def apply(f: Callable[..., Any], X: np.ndarray, *parameters: float) -> np.ndarray:
    return np.fromiter((f(x, *parameters) for x in X.flat), X.dtype, X.size).reshape(X.shape)


table.exp.register(np.ndarray)(np.exp)
table.log.register(np.ndarray)(np.log)
table.sqrt.register(np.ndarray)(np.sqrt)
table.reciprocal.register(np.ndarray)(np.reciprocal)


@table.inv_sqrt.register(np.ndarray)
def inv_sqrt(X, epsilon=0):
    return np.reciprocal(np.sqrt(X + epsilon))


def stable_log_sigmoid(x):
    """log σ(x) = min(x, 0) − log(1 + e^(−|x|)), which never overflows."""
    return where(x <= 0, x, 0) - log1p(exp(where(x <= 0, x, -x)))


@table.log_sigmoid.register(np.ndarray)
def log_sigmoid(X):
    return table.apply(stable_log_sigmoid, X)


# --------------------------------------------------------------------------------------------------------------- repeats


@table.row_repeat.register(np.ndarray)
def row_repeat(x, m):
    return _repeated(x, (m, x.shape[1]), (0, x.strides[1]))


@table.column_repeat.register(np.ndarray)
def column_repeat(x, n):
    return _repeated(x, (x.shape[0], n), (x.strides[0], 0))


def _repeated(x: np.ndarray, shape: tuple[int, int], strides: tuple[int, int]) -> np.ndarray:
    """`np.broadcast_to(x, shape)`, which takes longer than what is done with it in the loss of a batch: 6 µs instead of 1."""
    if not x.flags.forc:
        return np.broadcast_to(x, shape)
    result: np.ndarray = np.ndarray(shape, x.dtype, x, 0, strides)
    result.setflags(write=False)
    return result


# ------------------------------------------------------------------------------------------------------------ reductions


columns_sum = table.columns_sum.register(np.ndarray)(partial(np.add.reduce, axis=0, keepdims=True))
table.rows_sum.register(np.ndarray)(partial(np.add.reduce, axis=1, keepdims=True))
table.columns_max.register(np.ndarray)(partial(np.maximum.reduce, axis=0, keepdims=True))
table.rows_max.register(np.ndarray)(partial(np.maximum.reduce, axis=1, keepdims=True))
table.elements_sum.register(np.ndarray)(partial(np.add.reduce, axis=None))


# -------------------------------------------------------------------------------------------- diagonals and constructors


@table.diag.register(np.ndarray)
def diag(X):
    return np.diagonal(X).reshape(-1, 1)


@table.Diag.register(np.ndarray)
def Diag(x):
    return np.diagflat(x)


@table.zeros.register(np.ndarray)
def zeros(like, m, n):
    return np.zeros((m, n), like.dtype)


@table.ones.register(np.ndarray)
def ones(like, m, n):
    return np.ones((m, n), like.dtype)


@table.identity.register(np.ndarray)
def identity(like, n):
    return np.eye(n, dtype=like.dtype)


# ------------------------------------------------------------------------------------------- gradients and updates of a weight


@table.updated.register(np.ndarray)
def updated(f, W, G, states, constants):
    theta, g = W.reshape(-1), G.reshape(-1)
    for p in range(theta.size):
        results = f(theta[p], g[p], *(s[p] for s in states), *constants)
        theta[p], *new = results if states else (results,)
        for s, value in zip(states, new, strict=True):
            s[p] = value
    return W, states


@table.draw_mask.register(np.ndarray)
def draw_mask(rng, like, rate):
    return dropout_mask(rng, like.shape[::-1], rate, like.dtype).T


def dropout_mask(rng: np.random.Generator, shape: tuple[int, ...], rate: float, dtype: Any) -> np.ndarray:
    """0 with probability `rate`, else 1 / (1 − rate)."""
    keep = rng.random(shape, np.float32) >= rate
    return keep.astype(dtype) * np.dtype(dtype).type(1 / (1 - rate))


@table.stack_rows.register(np.ndarray)
def stack_rows(X, *others):
    return np.concatenate([X, *others])
