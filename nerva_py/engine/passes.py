"""Compiled passes for primitives on `numpy.ndarray`: results are batch-contiguous, and nothing changes the element type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nerva_py.errors import ShapeError
from nerva_py.matrix import dense
from nerva_py.matrix import primitives as table

from . import elementwise
from .elementwise import BLOCK, FEW, apply_kernel, hadamard_apply_kernel, update_kernel
from .layout import batch_layout
from .memory import batch_empty


@table.apply.register(np.ndarray)
def apply(f: Callable[..., Any], X: np.ndarray, *parameters: float) -> np.ndarray:
    X = batch_layout(X)
    Y = batch_empty(X.shape[0], X.shape[1], X.dtype)
    if X.shape[0] == 1 and X.flags.c_contiguous:  # a single sample: a line, too short to be worth a second thread
        apply_kernel(f, len(parameters), False)(X.T, parameters, Y.T)
    else:
        apply_kernel(f, len(parameters), X.size > FEW)(X, parameters, Y)
    return Y


@table.hadamard_apply.register(np.ndarray)
def hadamard_apply(A: np.ndarray, f: Callable[..., Any], X: np.ndarray, *parameters: float) -> np.ndarray:
    if A.shape != X.shape:  # the kernel looks at the shape of X alone
        raise ShapeError(f"hadamard_apply: A {A.shape} and X {X.shape} must have one shape")
    X = batch_layout(X)
    Y = batch_empty(X.shape[0], X.shape[1], X.dtype)
    hadamard_apply_kernel(f, len(parameters), X.size > FEW)(batch_layout(A), X, parameters, Y)
    return Y


@table.columns_sum.register(np.ndarray)
def columns_sum(X: np.ndarray) -> np.ndarray:
    total = np.empty((1, X.shape[1]), X.dtype)
    run = elementwise.columns_sum if X.size > FEW else elementwise.columns_sum_serial
    run(batch_layout(X), total[0])
    return total


@table.updated.register(np.ndarray)
def updated(
    f: Callable[..., Any], W: np.ndarray, G: np.ndarray, states: Sequence[np.ndarray], constants: tuple[float, ...]
) -> tuple[np.ndarray, Sequence[np.ndarray]]:
    run = update_kernel(f, len(states), len(constants), W.size > BLOCK)
    run(W.reshape(-1), G.reshape(-1), tuple(states), constants)
    return W, states


def update_numbers(
    f: Callable[..., Any], theta: np.ndarray, g: np.ndarray, states: Sequence[np.ndarray], constants: tuple[float, ...]
) -> None:
    """θ, s₁, ... = f(θ, g, s₁, ..., c₁, ...) in place, for each number of these vectors."""
    update_kernel(f, len(states), len(constants), theta.size > BLOCK)(theta, g, tuple(states), constants)


@table.draw_mask.register(np.ndarray)
def draw_mask(rng: np.random.Generator, like: np.ndarray, rate: float) -> np.ndarray:
    R = batch_empty(like.shape[0], like.shape[1], like.dtype)
    R[...] = dense.draw_mask(rng, like, rate)
    return R


@table.stack_rows.register(np.ndarray)
def stack_rows(*batches: np.ndarray) -> np.ndarray:
    return batch_layout(np.concatenate(batches))
