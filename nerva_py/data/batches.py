"""A mini-batch: chosen rows of a data set, normalised and transposed to the batch-contiguous layout in one pass.

The samples of a data set lie in rows, the batch wants them in columns. Writing a transposed batch value by value misses
the cache at every write, so each block of features is first transposed in a tile that stays in the first-level cache,
as bytes where the data are bytes, and then converted column by column. Threads work on different blocks; no two write
the same element, and the result does not depend on how many there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import DTypeLike
from scipy.sparse import csr_array

from nerva_py.data.augmentation import Crops, check_crops, column_table, line_table
from nerva_py.engine.compiling import column, kernel
from nerva_py.engine.memory import batch_empty
from nerva_py.engine.rowwise import mark_labels
from nerva_py.engine.sparse_batch import SparseBatch
from nerva_py.errors import DataError
from nerva_py.matrix.scalars import scalar_function

FEATURES = 384  # features in a tile, at most
WORDS = 15  # words (of 8 samples) in a row of a tile; rows a power of two apart would compete for few cache sets
VALUES = 32  # samples in a tile of floating-point values

U64 = np.uint64
U8, U16, U24, U32, U40, U48, U56 = (np.uint64(8 * k) for k in range(1, 8))


def gather(
    X: np.ndarray | csr_array,
    rows: np.ndarray,
    scale: np.ndarray,
    shift: np.ndarray,
    dtype: DTypeLike = np.float32,
    augmentation: Crops | None = None,
    image_shape: tuple[int, int, int] | None = None,
) -> np.ndarray | SparseBatch:
    """Y[i, j] = X[rows[i], j] · scale[j] + shift[j]     X (M, D), rows (N,), scale and shift (D,) -> Y (N, D)

    X is C-contiguous, of uint8, float32 or float64; Y is batch-contiguous, of `dtype` (float32 or float64). With an
    augmentation, which `CropFlip.draw` draws, the rows are images of `image_shape` (channels, height, width) of bytes,
    and Y holds their crops. Bytes are computed with in `dtype`, floating-point values in the wider of the two types.
    Cost: O(N·D), one pass over the chosen rows.

    Of a `csr_array` X the batch is a `SparseBatch`, computed in float64 in O(nonzeros of these rows): nothing of size N·D
    or D is made. Its shift must be 0, which `Dataset` looks after. Raises DataError.
    """
    dtype = np.dtype(dtype)
    if isinstance(X, csr_array):
        if augmentation is not None:
            raise DataError("augmentation: X is sparse; only images of uint8 can be augmented")
        return SparseBatch.from_rows(X, _checked_indices(X, rows, scale, shift, dtype), dtype, scale)
    rows = _checked_rows(X, rows, scale, shift, dtype)
    Y = batch_empty(len(rows), X.shape[1], dtype)
    values = X.reshape(-1)
    if X.dtype != np.uint8:
        if augmentation is not None:
            raise DataError(f"augmentation: X has dtype {X.dtype}; only images of uint8 can be augmented")
        wide = np.result_type(X.dtype, dtype)
        gather_values(values, rows, _vector(scale, wide), _vector(shift, wide), Y)
    elif augmentation is None:
        gather_bytes(values, rows, _vector(scale, dtype), _vector(shift, dtype), Y)
    else:
        _gather_crops(values, rows, augmentation, image_shape, _vector(scale, dtype), _vector(shift, dtype), Y)
    return Y


def _gather_crops(
    values: np.ndarray,
    rows: np.ndarray,
    crops: Crops,
    image_shape: Any,
    scale: np.ndarray,
    shift: np.ndarray,
    Y: np.ndarray,
) -> None:
    """Y: the crops of these images of bytes, normalised."""
    channels, height, width = check_crops(crops, len(rows), Y.shape[1], image_shape)
    lines, columns = line_table(channels, height, crops.pad), column_table(width, crops.pad)
    column_row = crops.left + crops.mirrored * (2 * crops.pad + 1)
    tables = lines, _vector(crops.top, np.intp), columns, _vector(column_row, np.intp)
    gather_images(values, rows, *tables, scale, shift, Y)


def one_hot(labels: np.ndarray, K: int, dtype: DTypeLike = np.float32) -> np.ndarray:
    """T[i, k] = 1 if k = labels[i] else 0     labels (N,) in 0..K-1 -> T (N, K), batch-contiguous. Raises DataError."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(f"labels: shape {labels.shape}, dtype {labels.dtype}; a vector of integers is allowed")
    if _largest(labels) >= K:
        raise DataError(f"labels: {labels.min()} to {labels.max()}; 0 to {K - 1} are allowed")
    T = batch_empty(len(labels), K, dtype)
    mark_labels(_vector(labels, np.intp), T)
    return T


def targets(T: np.ndarray, rows: np.ndarray, num_classes: int | None, dtype: np.dtype) -> np.ndarray:
    """The target matrix (N, K) of these samples: one-hot rows of class labels, or the targets of a regression."""
    if num_classes is None:
        return T[rows].astype(dtype, copy=False)
    return one_hot(T[rows], num_classes, dtype)


# ------------------------------------------------------------------------------------------------------------- kernels


@scalar_function
def pack(X, rows, D, first, i, words, w):  # type: ignore[no-untyped-def]
    """words[j, w] = feature first + j of the samples i to i + 7, the first one's in the lowest byte

    Packing words from eight rows is all shifts and ors over consecutive features, which the compiler vectorises; copying byte
    by byte takes three times as long.
    """
    last = rows.size - 1  # stands in for the samples that the last word lacks
    x0 = X[rows[i] * D + first :]
    x1 = X[rows[min(i + 1, last)] * D + first :]
    x2 = X[rows[min(i + 2, last)] * D + first :]
    x3 = X[rows[min(i + 3, last)] * D + first :]
    x4 = X[rows[min(i + 4, last)] * D + first :]
    x5 = X[rows[min(i + 5, last)] * D + first :]
    x6 = X[rows[min(i + 6, last)] * D + first :]
    x7 = X[rows[min(i + 7, last)] * D + first :]
    for j in range(words.shape[0]):
        words[j, w] = (
            U64(x0[j]) | U64(x1[j]) << U8 | U64(x2[j]) << U16 | U64(x3[j]) << U24
            | U64(x4[j]) << U32 | U64(x5[j]) << U40 | U64(x6[j]) << U48 | U64(x7[j]) << U56
        )  # fmt: skip


@kernel("U1r, I1r, F1r, F1r, F2", parallel=True)
def gather_bytes(X, rows, scale, shift, out):  # type: ignore[no-untyped-def]
    """out[i, j] = X[rows[i]·D + j] · scale[j] + shift[j], X the bytes of all rows one after another."""
    N, D = out.shape
    blocks = 2 * ((D + 2 * FEATURES - 1) // (2 * FEATURES))  # an even number of equal blocks suits two threads
    for block in prange(blocks):
        first = block * D // blocks
        features = (block + 1) * D // blocks - first
        words = np.empty((features, min(WORDS, (N + 7) // 8)), np.uint64)
        samples = words.view(np.uint8)
        for start in range(0, N, 8 * WORDS):
            count = min(8 * WORDS, N - start)
            for w in range((count + 7) // 8):
                pack(X, rows, D, first, start + 8 * w, words, w)
            for j in range(features):
                u, y = samples[j], column(out, first + j)[start:]
                a, b = scale[first + j], shift[first + j]
                for i in range(count):
                    y[i] = u[i] * a + b


@kernel("U1r, I1r, I2r, I1r, C2r, I1r, F1r, F1r, F2", parallel=True)
def gather_images(X, rows, lines, line_row, columns, column_row, scale, shift, out):  # type: ignore[no-untyped-def]
    """out[i, l·W + c] = X[rows[i]·D + lines[line_row[i], l]·W + columns[column_row[i], c]] · scale[..] + shift[..]

    `gather_bytes` with an index table: line l of the image of sample i comes from line lines[line_row[i], l] of the
    original, column c from column columns[column_row[i], c]. Columns are unsigned: no index from the end is looked for.
    """
    N, D = out.shape
    width = columns.shape[1]
    height = D // width
    blocks = 2 * ((D + 2 * FEATURES - 1) // (2 * FEATURES))
    for block in prange(blocks):
        first = block * height // blocks
        past = (block + 1) * height // blocks
        words = np.empty(((past - first) * width, min(WORDS, (N + 7) // 8)), np.uint64)
        samples = words.view(np.uint8)
        for start in range(0, N, 8 * WORDS):
            count = min(8 * WORDS, N - start)
            for w in range((count + 7) // 8):
                i0 = start + 8 * w
                last = N - 1
                i1, i2, i3, i4 = min(i0 + 1, last), min(i0 + 2, last), min(i0 + 3, last), min(i0 + 4, last)
                i5, i6, i7 = min(i0 + 5, last), min(i0 + 6, last), min(i0 + 7, last)
                l0, c0 = column(lines.T, line_row[i0]), column(columns.T, column_row[i0])
                l1, c1 = column(lines.T, line_row[i1]), column(columns.T, column_row[i1])
                l2, c2 = column(lines.T, line_row[i2]), column(columns.T, column_row[i2])
                l3, c3 = column(lines.T, line_row[i3]), column(columns.T, column_row[i3])
                l4, c4 = column(lines.T, line_row[i4]), column(columns.T, column_row[i4])
                l5, c5 = column(lines.T, line_row[i5]), column(columns.T, column_row[i5])
                l6, c6 = column(lines.T, line_row[i6]), column(columns.T, column_row[i6])
                l7, c7 = column(lines.T, line_row[i7]), column(columns.T, column_row[i7])
                for line in range(first, past):
                    x0 = X[rows[i0] * D + l0[line] * width :]
                    x1 = X[rows[i1] * D + l1[line] * width :]
                    x2 = X[rows[i2] * D + l2[line] * width :]
                    x3 = X[rows[i3] * D + l3[line] * width :]
                    x4 = X[rows[i4] * D + l4[line] * width :]
                    x5 = X[rows[i5] * D + l5[line] * width :]
                    x6 = X[rows[i6] * D + l6[line] * width :]
                    x7 = X[rows[i7] * D + l7[line] * width :]
                    packed = words[(line - first) * width :]
                    for c in range(width):
                        packed[c, w] = (
                            U64(x0[c0[c]]) | U64(x1[c1[c]]) << U8 | U64(x2[c2[c]]) << U16 | U64(x3[c3[c]]) << U24
                            | U64(x4[c4[c]]) << U32 | U64(x5[c5[c]]) << U40 | U64(x6[c6[c]]) << U48
                            | U64(x7[c7[c]]) << U56
                        )  # fmt: skip
            for j in range((past - first) * width):
                u, y = samples[j], column(out, first * width + j)[start:]
                a, b = scale[first * width + j], shift[first * width + j]
                for i in range(count):
                    y[i] = u[i] * a + b


@kernel("G1r, I1r, S1r, S1r, F2", parallel=True)
def gather_values(X, rows, scale, shift, out):  # type: ignore[no-untyped-def]
    """out[i, j] = X[rows[i]·D + j] · scale[j] + shift[j], X the floating-point values of all rows one after another."""
    N, D = out.shape
    blocks = 2 * ((D + 2 * FEATURES - 1) // (2 * FEATURES))
    for block in prange(blocks):
        first = block * D // blocks
        features = (block + 1) * D // blocks - first
        tile = np.empty((features, VALUES), X.dtype)
        for start in range(0, N, VALUES):
            count = min(VALUES, N - start)
            for i in range(count):
                x = X[rows[start + i] * D + first :]
                for j in range(features):
                    tile[j, i] = x[j]
            for j in range(features):
                x, y = tile[j], column(out, first + j)[start:]
                a, b = scale[first + j], shift[first + j]
                for i in range(count):
                    y[i] = x[i] * a + b


# -------------------------------------------------------------------------------------------------------------- checks


def _checked_rows(X: np.ndarray, rows: np.ndarray, scale: np.ndarray, shift: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The rows as contiguous intp; the kernels check nothing, so here everything is that they rely on."""
    if X.ndim != 2 or X.dtype not in (np.uint8, np.float32, np.float64):
        raise DataError(f"X: shape {X.shape}, dtype {X.dtype}; (M, D) of uint8, float32 or float64 is allowed")
    if not (X.flags.c_contiguous and X.flags.aligned):
        raise DataError(f"X: strides {X.strides}, aligned {X.flags.aligned}; C-contiguous, aligned is allowed")
    return _checked_indices(X, rows, scale, shift, dtype)


def _checked_indices(
    X: np.ndarray | csr_array, rows: np.ndarray, scale: np.ndarray, shift: np.ndarray, dtype: np.dtype
) -> np.ndarray:
    if dtype not in (np.float32, np.float64):
        raise DataError(f"dtype: {dtype}; float32 and float64 are allowed")
    for name, vector in (("scale", scale), ("shift", shift)):
        if vector.shape != (X.shape[1],):
            raise DataError(f"{name}: shape {vector.shape}; X has {X.shape[1]} features, so ({X.shape[1]},) is allowed")
    rows = np.asarray(rows)
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise DataError(f"rows: shape {rows.shape}, dtype {rows.dtype}; a vector of integers is allowed")
    if _largest(rows) >= X.shape[0]:
        raise DataError(f"rows: {rows.min()} to {rows.max()}; 0 to {X.shape[0] - 1}, the rows of X, are allowed")
    return _vector(rows, np.intp)


def _largest(indices: np.ndarray) -> int:
    """The largest index, -1 if there is none. A negative one counts as huge, so that one pass finds both errors."""
    indices = np.ascontiguousarray(indices)
    return int(indices.view(f"u{indices.itemsize}").max()) if indices.size else -1


def _vector(values: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    return np.require(values, dtype, ("C", "A"))
