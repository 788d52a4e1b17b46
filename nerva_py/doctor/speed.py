"""GFLOP/s of the three products of a sparse layer and of a dense one, and the density from which on dense is faster.

    Y = X Wᵀ,   DX = DY W,   DW = DYᵀ X on the support of W        X (N, D), W (K, D), DY (N, K)

Each takes 2·N·nnz operations, the dense product 2·N·K·D. Fastest call, as layers make it: Python's overhead is included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nerva_py.engine import batch_empty, one_blas_thread, workspace
from nerva_py.network import LinearLayer
from nerva_py.sparse import DenseWeight, SparseWeight
from nerva_py.training.optimizers import Nesterov

from .timing import seconds

SHAPE, DENSITY, BATCH = (1024, 3072), 0.1, 100
PRODUCTS = {"Y": "Y = X Wᵀ", "DX": "DX = DY W", "DW": "DW = DYᵀ X on the support"}
DENSITIES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)  # where the two forms of a layer are compared
ROUNDS = 3


def product_rates(
    backend: str, shape: tuple[int, int] = SHAPE, density: float = DENSITY, N: int = BATCH, least: float = 0.15
) -> dict[str, float]:
    """GFLOP/s of each of PRODUCTS; float32, uniformly random support."""
    W = SparseWeight.random(shape, density, np.random.default_rng(0), backend=backend)
    X, DY = _batch(N, shape[1]), _batch(N, shape[0])
    b = np.zeros((1, shape[0]), np.float32)
    calls = {
        "Y": lambda: W.backend.affine(X, W, b),
        "DX": lambda: W.backend.product(DY, W),
        "DW": lambda: W.backend.weight_gradient(W, DY, X),
    }
    with workspace(), one_blas_thread:
        return {name: 2e-9 * N * W.nnz / seconds(call, least)["minimum"] for name, call in calls.items()}


def dense_rate(shape: tuple[int, int] = SHAPE, N: int = BATCH, least: float = 0.2) -> float:
    """GFLOP/s of X Wᵀ with a full W: BLAS's sgemm in Numba's threads, as dense layers call it."""
    W, X = DenseWeight(np.ones(shape, np.float32)), _batch(N, shape[1])
    with workspace(), one_blas_thread:
        return 2e-9 * N * shape[0] * shape[1] / seconds(lambda: X @ W.T, least)["minimum"]


def break_even(
    shape: tuple[int, int] = SHAPE,
    densities: Sequence[float] = DENSITIES,
    N: int = BATCH,
) -> tuple[float | None, list[float]]:
    """Density from which on a layer's whole step is faster in a dense array, None if there is none among `densities`; and
    the ratios CSR : dense of the times, as far as they were needed."""
    ratios: list[float] = []
    for density in densities:
        steps = layer_steps(shape, density, N)
        times: list[list[float]] = [[], []]
        with workspace(), one_blas_thread:
            for _ in range(ROUNDS):
                for step, found in zip(steps, times, strict=True):
                    found.append(seconds(step)["minimum"])
        ratios.append(min(times[0]) / min(times[1]))
        if ratios[-1] > 1:
            break
    return crossing(densities, ratios), ratios


def layer_steps(
    shape: tuple[int, int], density: float, N: int = BATCH
) -> tuple[Callable[[], None], Callable[[], None]]:
    """Forward, backward and Nesterov update of the same layer, in CSR and in a dense array with its mask."""
    sparse = SparseWeight.random(shape, density, np.random.default_rng(0))
    dense = DenseWeight(sparse.toarray(), None if density == 1 else sparse.support.mask())
    return _step(sparse, N), _step(dense, N)


def _step(W: Any, N: int) -> Callable[[], None]:
    X, DY, b = _batch(N, W.shape[1]), _batch(N, W.shape[0]), np.zeros((1, W.shape[0]), np.float32)
    layer, optimizer = LinearLayer(W, b), Nesterov(0.9)
    for parameter in layer.parameters:
        parameter.begin(optimizer.states)

    def step() -> None:
        _, tape = layer.forward(X)
        _, gradients = layer.backward(tape, DY)
        optimizer.step(layer, gradients, 1e-6, 1)

    return step


def crossing(densities: Sequence[float], ratios: Sequence[float]) -> float | None:
    """Where the ratio CSR : dense of the times passes 1, interpolated between densities; None if it does not, or if dense is
    faster from the first density on."""
    above = next((i for i, ratio in enumerate(ratios) if ratio > 1), 0)
    if above == 0:
        return None
    low, high = ratios[above - 1], ratios[above]
    return densities[above - 1] + (1 - low) / (high - low) * (densities[above] - densities[above - 1])


def _batch(N: int, features: int) -> np.ndarray:
    """Standard normal numbers, batch-contiguous."""
    X = batch_empty(N, features)
    X[...] = np.random.default_rng(1).standard_normal(X.shape)
    return X
