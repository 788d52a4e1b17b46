r"""# Few samples and millions of weights

With two samples in a batch there is nothing to stream along: reading $W$ is the work. The three products are the same, but all of them go
through $W$ by rows, and the backward pass may do at once what otherwise takes three passes,

$$\mathrm{D}X = \mathrm{D}Y\, W, \qquad w_{kd} \leftarrow f\Big(w_{kd}, \sum_n (\mathrm{D}Y)_{nk} x_{nd}, s_{kd}\Big),$$

where $f$ is the update equation of the optimizer and $s$ its state. By rows, an element of $\mathrm{D}X$ gets its summands from many rows. So the
rows are cut into parts, each with a vector of its own, and the vectors are added in order. That this gives $\mathrm{D}Y\, W$ with the weights
*before* the update is what is shown here, on symbols, for several numbers of samples and with the update of Nesterov.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from derivations.book import KERNEL, NotProved, claim
from derivations.kernels import PATTERNS, garbage, loop, product, same, sparse, symbols, writes
from nerva_py.equations import updates
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


@claim("product_on: DW = DYᵀ X on the support; {case}", KERNEL, cases=CASES)
def test_product_on(case: tuple[int, str]) -> None:
    N, pattern = case
    _, support, _, W = sparse(pattern)
    X, DY, gradient = symbols("x", N, W.shape[1]), symbols("y", N, W.shape[0]), garbage(support.nnz)
    for count in PARTS:
        few_samples.product_on(N).py_func(support.parts(count), support.indptr, support.indices, DY, X, gradient)
        same(gradient, on_support(support, DY, X))


@claim("product_update: DX = DY W, then W, Δ = nesterov(W, DYᵀ X, Δ); {case}", KERNEL, cases=CASES)
def test_product_update(case: tuple[int, str]) -> None:
    N, pattern = case
    for count in PARTS:
        _, support, data, W = sparse(pattern)
        X, DY, delta = symbols("x", N, W.shape[1]), symbols("y", N, W.shape[0]), symbols("delta", support.nnz)
        constants = sp.symbols("eta decay mu")
        both, expected = garbage(count * W.shape[1] * 2 * N), updated(support, data, DY, X, delta, constants)
        run = few_samples.product_update(updates.nesterov, 3, N).py_func
        run(support.parts(count), support.indptr, support.indices, data, delta, DY, X, both, constants)
        same(data, expected[0])
        same(delta, expected[1])
        same(added(count, both, N, W.shape[1], 2 * N, N), product(DY, W))


@claim("update_only: W, Δ = nesterov(W, DYᵀ X, Δ); {case}", KERNEL, cases=CASES)
def test_update_only(case: tuple[int, str]) -> None:
    N, pattern = case
    for count in PARTS:
        _, support, data, W = sparse(pattern)
        X, DY, delta = symbols("x", N, W.shape[1]), symbols("y", N, W.shape[0]), symbols("delta", support.nnz)
        constants = sp.symbols("eta decay mu")
        expected = updated(support, data, DY, X, delta, constants)
        run = few_samples.update_only(updates.nesterov, 3, N).py_func
        run(support.parts(count), support.indptr, support.indices, data, delta, DY, X, constants)
        same(data, expected[0])
        same(delta, expected[1])


def updated(
    support: Any, data: np.ndarray, DY: np.ndarray, X: np.ndarray, delta: np.ndarray, constants: tuple[sp.Symbol, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """What Nesterov's update makes of the weights and their velocities."""
    gradient = on_support(support, DY, X)
    after = [updates.nesterov(*numbers, *constants) for numbers in zip(data, gradient, delta, strict=True)]
    return np.array([theta for theta, _ in after], object), np.array([state for _, state in after], object)


def added(count: int, sums: np.ndarray, N: int, D: int, stride: int = 0, first: int = 0) -> np.ndarray:
    """DX (N, D) from what the parts have added up, in blocks of 4 features."""
    DX = garbage(N, D)
    loop(few_samples.sum_parts(count, N, stride or N, first), BLOCK=4)(sums, DX)
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


def product_on_arguments() -> tuple[Any, ...]:
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


def product_update_arguments() -> tuple[Any, ...]:
    _, support, data, W = sparse(next(iter(PATTERNS)))
    K, D = W.shape
    DY, X, both = symbols("y", 2, K), symbols("x", 2, D), garbage(3 * 4 * D)
    rest = DY, X, sp.symbols("eta decay mu"), both, data, symbols("delta", support.nnz)
    return support.parts(3), support.indptr, support.indices, *rest


def product_update_loop(prange: Any) -> Callable[..., None]:
    """The loop with its three outputs at the end."""
    run = loop(few_samples.product_update(updates.nesterov, 3, 2), prange=prange)

    def reordered(parts, indptr, indices, DY, X, constants, both, data, delta):  # type: ignore[no-untyped-def]
        run(parts, indptr, indices, data, delta, DY, X, both, constants)

    return reordered


def update_only_arguments() -> tuple[Any, ...]:
    *start, _, data, delta = product_update_arguments()
    return *start, data, delta


def update_only_loop(prange: Any) -> Callable[..., None]:
    """The loop with its two outputs at the end."""
    run = loop(few_samples.update_only(updates.nesterov, 3, 2), prange=prange)

    def reordered(parts, indptr, indices, DY, X, constants, data, delta):  # type: ignore[no-untyped-def]
        run(parts, indptr, indices, data, delta, DY, X, constants)

    return reordered


# A loop, given what takes the place of `prange`; its arguments; and how many outputs, at their end, it has.
LOOPS: dict[str, tuple[Callable[[Any], Callable[..., None]], Callable[[], tuple[Any, ...]], int]] = {
    "affine": (lambda prange: loop(few_samples.affine(3), prange=prange), affine_arguments, 1),
    "product": (lambda prange: loop(few_samples.product(2), prange=prange), product_arguments, 1),
    "product_on": (lambda prange: loop(few_samples.product_on(2), prange=prange), product_on_arguments, 1),
    "product_update": (product_update_loop, product_update_arguments, 3),
    "update_only": (update_only_loop, update_only_arguments, 2),
    "sum_parts": (
        lambda prange: loop(few_samples.sum_parts(3, 2, 2, 0), BLOCK=2, prange=prange),
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
