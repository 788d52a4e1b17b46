r"""# Batches

A mini-batch is gathered from the samples, normalised and transposed; its labels become one-hot rows, and the gradient of softmax
cross-entropy is one pass over outputs and targets.

The loops run on symbols, as in the chapter before.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

from derivations.book import KERNEL, NotProved, claim
from derivations.kernels import garbage, loop, same, symbols, writes
from nerva_py.data import batches
from nerva_py.engine import rowwise
from nerva_py.equations import losses
from nerva_py.network import passes


@claim("gather: X[rows] · scale + shift, of bytes and of numbers", KERNEL, "11 of 13 rows, 5 features")
def test_gather() -> None:
    """The bytes are numbers, scale and shift symbols; 11 rows leave a remainder in the words of eight."""
    rows = np.random.default_rng(0).permutation(13)[:11]
    scale, shift = symbols("a", 5), symbols("b", 5)
    images = np.random.default_rng(1).integers(0, 256, (13, 5), np.uint8)
    out = garbage(11, 5)
    batches.gather_bytes.py_func(images.reshape(-1), rows, scale, shift, out)
    same(out, images[rows].astype(object) * scale + shift)
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


@claim(
    "residual: no two iterations of its parallel loop write one element, and together they write all",
    KERNEL,
    "3 blocks",
)
def test_parallel_writes() -> None:
    (writers,) = writes(
        lambda prange: loop(rowwise.residual_kernel(True), SAMPLES=2, prange=prange),
        lambda: (symbols("y", 5, 2), symbols("t", 5, 2), garbage(5, 2)),
    )
    if (writers != 1).any():
        raise NotProved(f"the elements are written by so many iterations: {writers.tolist()}")
