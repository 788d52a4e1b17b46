"""Above which density is a layer faster in a dense array than in CSR? Milliseconds of a training step of one layer.

    OMP_PROC_BIND=true python bench/break_even.py

A step is forward, backward and a Nesterov update, batch 100. `nerva_py.network.building.BREAK_EVEN_DENSITY` is chosen by it.
"""

from __future__ import annotations

import time

import numpy as np

from nerva_py.equations.linear import linear, linear_backward
from nerva_py.matrix import DenseWeight, batch_empty, one_blas_thread, workspace
from nerva_py.network import Parameter
from nerva_py.sparse import SparseWeight
from nerva_py.training.optimizers import Nesterov, OptimizerState

DENSITIES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
SHAPES = ((1024, 3072), (512, 1024), (4096, 4096), (10, 512))
BATCH, ROUNDS, STEPS = 100, 5, 5


def milliseconds(W: SparseWeight | DenseWeight, rng: np.random.Generator) -> float:
    """The shortest of a few rounds."""
    K, D = W.shape
    X, DY, b = batch_empty(BATCH, D), batch_empty(BATCH, K), np.zeros((1, K), np.float32)
    X[...], DY[...] = rng.standard_normal(X.shape), rng.standard_normal(DY.shape)
    parameter = Parameter("W", W)
    state = OptimizerState(parameter, Nesterov(0.9))

    def step() -> None:
        linear(X, W, b)
        _, parameter.gradient, _ = linear_backward(X, W, DY)
        state.step(1e-6, 1)

    shortest = float("inf")
    with workspace(), one_blas_thread:
        step()
        for _ in range(ROUNDS):
            start = time.perf_counter()
            for _ in range(STEPS):
                step()
            shortest = min(shortest, (time.perf_counter() - start) / STEPS)
    return 1000 * shortest


def main() -> None:
    """Print a row for each shape."""
    rng = np.random.default_rng(0)
    print(f"{'K×D':>10}", *(f"CSR {density:<4}" for density in DENSITIES), "dense", sep="  ")
    for shape in SHAPES:
        sparse = [milliseconds(SparseWeight.random(shape, density, rng), rng) for density in DENSITIES]
        dense = milliseconds(DenseWeight(rng.standard_normal(shape).astype(np.float32)), rng)
        print(f"{shape[0]:>5}×{shape[1]:<4}", *(f"{ms:8.3f}" for ms in sparse), f"{dense:8.3f}", sep="  ", flush=True)


if __name__ == "__main__":
    main()
