r"""# Batches

A mini-batch is gathered from the samples, normalised and transposed; its labels become one-hot rows, and the gradient of softmax
cross-entropy is one pass over outputs and targets. For a very sparse first layer the samples stay bytes $U$, and with
$X = U \odot \mathbf{1} s + \mathbf{1} t$ the products take scale $s$ and shift $t$ out of the sums over the batch and over the features:
$$X W^\top = U (W \odot \mathbf{1} s)^\top + \mathbf{1}\, t W^\top, \qquad
\mathrm{D}Y^\top X = (\mathrm{D}Y^\top U) \odot \mathbf{1} s + (\mathrm{D}Y^\top \mathbf{1})\, t .$$

The loops run on symbols, as in the chapter before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from derivations.book import KERNEL, NotProved, claim
from derivations.kernels import PATTERNS, garbage, loop, product, same, sparse, symbols, writes
from nerva_py.data import batches
from nerva_py.engine import rowwise
from nerva_py.equations import losses
from nerva_py.network import passes
from nerva_py.sparse.kernels import byte_input


@claim(
    "gather: X[rows] · scale + shift, of bytes and of numbers; and X[rows], of bytes",
    KERNEL,
    "11 of 13 rows, 5 features",
)
def test_gather() -> None:
    """The bytes are numbers, scale and shift symbols; 11 rows leave a remainder in the words of eight."""
    rows = np.random.default_rng(0).permutation(13)[:11]
    scale, shift = symbols("a", 5), symbols("b", 5)
    images = np.random.default_rng(1).integers(0, 256, (13, 5), np.uint8)
    out = garbage(11, 5)
    batches.gather_bytes.py_func(images.reshape(-1), rows, scale, shift, out)
    same(out, images[rows].astype(object) * scale + shift)
    words = np.zeros((5, 2), np.uint64)
    batches.transpose_bytes.py_func(images.reshape(-1), rows, words)
    same(words.view(np.uint8)[:, :11].T, images[rows])
    values, out = symbols("x", 13, 5), garbage(11, 5)
    batches.gather_values.py_func(values.reshape(-1), rows, scale, shift, out)
    same(out, values[rows] * scale + shift)


@claim("gather of augmented images: the pixel that the tables name", KERNEL, "3 images of 1×2×3")
def test_gather_images() -> None:
    images = np.random.default_rng(1).integers(0, 256, (4, 6), np.uint8)
    lines, columns = np.array([[0, 1], [1, 0]]), np.array([[0, 1, 2], [2, 1, 0]], np.uint16)
    rows, line_row, column_row = np.array([3, 0, 2]), np.array([0, 1, 1]), np.array([1, 0, 1])
    scale, shift, out = symbols("a", 6), symbols("b", 6), garbage(3, 6)
    batches.gather_images.py_func(images.reshape(-1), rows, lines, line_row, columns, column_row, scale, shift, out)
    pixels = images[rows].reshape(3, 2, 3)
    chosen = np.stack([p[lines[t]][:, columns[c]] for p, t, c in zip(pixels, line_row, column_row, strict=True)])
    same(out, chosen.reshape(3, 6).astype(object) * scale + shift)


@claim("affine_bytes: Y = X Wᵀ + 1 b with X = U · scale + shift; {case}", KERNEL, cases=PATTERNS)
def test_affine_bytes(pattern: str) -> None:
    N, support, data, W = sparse(pattern)
    U, scale, shift = symbols("u", N, W.shape[1]), symbols("a", W.shape[1]), symbols("t", W.shape[1])
    for count in (1, 2):
        b, Y = symbols("b", W.shape[0]), garbage(N, W.shape[0])
        parts = support.parts(count)
        byte_input.affine_bytes.py_func(parts, support.indptr, support.indices, data, U, scale, shift, b, Y)
        same(Y, product(U * scale + shift, W.T) + b)


@claim("weight_gradient_bytes: DW = DYᵀ X on the support with X = U · scale + shift; {case}", KERNEL, cases=PATTERNS)
def test_weight_gradient_bytes(pattern: str) -> None:
    N, support, _, W = sparse(pattern)
    U, scale, shift = symbols("u", N, W.shape[1]), symbols("a", W.shape[1]), symbols("t", W.shape[1])
    rows = np.repeat(np.arange(W.shape[0]), np.diff(support.indptr))
    for count in (1, 2):
        DY, gradient = symbols("y", N, W.shape[0]), garbage(support.nnz)
        parts = support.parts(count)
        byte_input.weight_gradient_bytes.py_func(parts, support.indptr, support.indices, DY, U, scale, shift, gradient)
        same(gradient, product(DY.T, U * scale + shift)[rows, support.indices])


@claim("residual: softmax(Y) ⊙ (T 1 1ᵀ) − T, the gradient of softmax cross-entropy", KERNEL, "5×3, blocks of 2 samples")
def test_residual() -> None:
    Y, T, DY = symbols("y", 5, 3), symbols("t", 5, 3), garbage(5, 3)
    loop(rowwise.residual_kernel(True), SAMPLES=2)(Y, T, DY)
    same(DY, np.array(losses.softmax_cross_entropy_gradient(sp.Matrix(Y), sp.Matrix(T))))


@claim("residual: the largest number of a row is subtracted, so that no exponential overflows, nor their sum is 0", KERNEL,
       "1×3, the largest anywhere")  # fmt: skip
def test_residual_of_large_numbers() -> None:
    for row in ((800, 0, 1), (0, 800, 1), (0, 1, 800), (-800, -801, -803)):
        Y, T = np.array([row], float), np.array([[0.5, 0, 0.25]])
        E = np.exp(Y - Y.max())
        for targets in (T, T.astype(np.float32)):  # of the other kind, they are for the definition
            for gradient in (losses.softmax_cross_entropy_gradient, passes.softmax_residual):
                DY = gradient(Y, targets)
                if DY.shape != Y.shape or not np.allclose(DY, E / E.sum() * T.sum() - T, atol=0):
                    raise NotProved(f"{Y}: {DY}")


@claim("mark_labels: one-hot rows", KERNEL, "all labels of two samples, K = 3")
def test_mark_labels() -> None:
    for labels in np.ndindex(3, 3):
        T = np.full((2, 3), 7)
        rowwise.mark_labels.py_func(np.array(labels), T)
        same(T, np.array([[int(k == label) for k in range(3)] for label in labels]))


def affine_bytes_arguments() -> tuple[Any, ...]:
    N, support, data, W = sparse(next(iter(PATTERNS)))
    K, D = W.shape
    X = symbols("u", N, D), symbols("a", D), symbols("t", D)
    return support.parts(3), support.indptr, support.indices, data, *X, symbols("b", K), garbage(N, K)


def weight_gradient_bytes_arguments() -> tuple[Any, ...]:
    parts, indptr, indices, data, *X, _, DY = affine_bytes_arguments()
    return parts, indptr, indices, DY, *X, garbage(data.size)


# A loop, given what takes the place of `prange`; and its arguments, the output last.
LOOPS: dict[str, tuple[Callable[[Any], Callable[..., None]], Callable[[], tuple[Any, ...]]]] = {
    "affine_bytes": (lambda prange: loop(byte_input.affine_bytes, prange=prange), affine_bytes_arguments),
    "weight_gradient_bytes": (
        lambda prange: loop(byte_input.weight_gradient_bytes, prange=prange),
        weight_gradient_bytes_arguments,
    ),
    "residual": (
        lambda prange: loop(rowwise.residual_kernel(True), SAMPLES=2, prange=prange),
        lambda: (symbols("y", 5, 2), symbols("t", 5, 2), garbage(5, 2)),
    ),
}


@claim("No two iterations of a parallel loop write one element, and together they write all: {case}", KERNEL,
       "3 blocks or parts", cases=LOOPS)  # fmt: skip
def test_parallel_writes(name: str) -> None:
    (writers,) = writes(*LOOPS[name])
    if (writers != 1).any():
        raise NotProved(f"{name}: the elements are written by so many iterations: {writers.tolist()}")
