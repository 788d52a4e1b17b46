r"""# Few samples and millions of weights

With two samples in a batch there is nothing to stream along: reading $W$ is the work. The three products are the same, but all of them go
through $W$ by rows, once from beginning to end. By rows, an element of $\mathrm{D}X = \mathrm{D}Y\, W$ gets its summands from many rows. So the
rows are cut into parts, each with a vector of its own, and the vectors are added in order. That this gives $\mathrm{D}Y\, W$ is what is shown
here, on symbols, for several numbers of samples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from derivations.book import KERNEL, NotProved, claim
from derivations.kernels import PATTERNS, garbage, loop, product, same, sparse, symbols, writes
from nerva_py.sparse.kernels import few_samples

SAMPLES = (1, 2, 5)
PARTS = (1, 3)
CASES = [(N, pattern) for N in SAMPLES for pattern in PATTERNS]


@claim("affine: Y = X Wᵀ + 1 b; {case}", KERNEL, cases=CASES)
def test_affine(case: tuple[int, str]) -> None:
    N, pattern = case
    _, support, data, W = sparse(pattern)
    X, b, Y = symbols("x", N, W.shape[1]), symbols("b", W.shape[0]), garbage(N, W.shape[0])
    for count in PARTS:
        few_samples.affine(N).py_func(support.parts(count), support.indptr, support.indices, data, X, b, Y)
        same(Y, product(X, W.T) + b)


@claim("product and sum_parts: DX = DY W; {case}", KERNEL, cases=CASES)
def test_product(case: tuple[int, str]) -> None:
    N, pattern = case
    _, support, data, W = sparse(pattern)
    DY = symbols("y", N, W.shape[0])
    for count in PARTS:
        sums = garbage(count * W.shape[1] * N)
        few_samples.product(N).py_func(support.parts(count), support.indptr, support.indices, data, DY, sums)
        same(added(count, sums, N, W.shape[1]), product(DY, W))


@claim("weight_gradient: DW = DYᵀ X on the support; {case}", KERNEL, cases=CASES)
def test_weight_gradient(case: tuple[int, str]) -> None:
    N, pattern = case
    _, support, _, W = sparse(pattern)
    X, DY, gradient = symbols("x", N, W.shape[1]), symbols("y", N, W.shape[0]), garbage(support.nnz)
    for count in PARTS:
        few_samples.weight_gradient(N).py_func(support.parts(count), support.indptr, support.indices, DY, X, gradient)
        same(gradient, on_support(support, DY, X))


def added(count: int, sums: np.ndarray, N: int, D: int) -> np.ndarray:
    """DX (N, D) from what the parts have added up, in blocks of 4 features."""
    DX = garbage(N, D)
    loop(few_samples.sum_parts(count, N), BLOCK=4)(sums, DX)
    return DX


def on_support(support: Any, DY: np.ndarray, X: np.ndarray) -> np.ndarray:
    """DYᵀ X at the positions of the support."""
    return product(DY.T, X)[support.rows(), support.indices]


def affine_arguments() -> tuple[Any, ...]:
    _, support, data, W = sparse(next(iter(PATTERNS)))
    K, D = W.shape
    return support.parts(3), support.indptr, support.indices, data, symbols("x", 3, D), symbols("b", K), garbage(3, K)


def product_arguments() -> tuple[Any, ...]:
    _, support, data, W = sparse(next(iter(PATTERNS)))
    K, D = W.shape
    return support.parts(3), support.indptr, support.indices, data, symbols("y", 2, K), garbage(3 * 2 * D)


def weight_gradient_arguments() -> tuple[Any, ...]:
    _, support, _, W = sparse(next(iter(PATTERNS)))
    K, D = W.shape
    return (
        support.parts(3),
        support.indptr,
        support.indices,
        symbols("y", 2, K),
        symbols("x", 2, D),
        garbage(support.nnz),
    )


# A loop, given what takes the place of `prange`; its arguments; and how many outputs, at their end, it has.
LOOPS: dict[str, tuple[Callable[[Any], Callable[..., None]], Callable[[], tuple[Any, ...]], int]] = {
    "affine": (lambda prange: loop(few_samples.affine(3), prange=prange), affine_arguments, 1),
    "product": (lambda prange: loop(few_samples.product(2), prange=prange), product_arguments, 1),
    "weight_gradient": (
        lambda prange: loop(few_samples.weight_gradient(2), prange=prange),
        weight_gradient_arguments,
        1,
    ),
    "sum_parts": (
        lambda prange: loop(few_samples.sum_parts(3, 2), BLOCK=2, prange=prange),
        lambda: (symbols("s", 3 * 2 * 5), garbage(2, 5)),
        1,
    ),
}


@claim("No two iterations of a parallel loop write one element, and together they write all: {case}", KERNEL,
       "3 blocks or parts", cases=LOOPS)  # fmt: skip
def test_parallel_writes(name: str) -> None:
    for writers in writes(*LOOPS[name]):
        if (writers != 1).any():
            raise NotProved(f"{name}: the elements are written by so many iterations: {writers.tolist()}")
