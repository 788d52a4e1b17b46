"""Batch-contiguous storage: an N×K matrix keeps the N values of one feature adjacent.

It is a (K, stride) buffer seen through `.T`, so the equations do not notice, and every sparse product streams along the
batch. The stride is padded so that each feature starts on a cache line; see `memory`.
"""

from __future__ import annotations

import numpy as np
from numba import prange
from numpy.typing import DTypeLike

from .compiling import column, kernel
from .memory import batch_empty

TILE = 16  # elements of a line: a square of them is copied at once


def vector_empty(size: int, dtype: DTypeLike = np.float32) -> np.ndarray:
    """An uninitialised contiguous vector; inside `workspace()` its memory is used again."""
    return batch_empty(size, 1, dtype)[:, 0]


def sparse_empty(size: int, dtype: DTypeLike = np.float32) -> np.ndarray:
    """As `vector_empty`, for vectors whose size is another one in every batch: memory is taken in an eighth more at most,
    so that few sizes turn up, and inside `workspace()` it is used again."""
    step = 1 << max(0, size.bit_length() - 4)
    return vector_empty(-(-size // step) * step, dtype)[:size]


def batch_layout(X: np.ndarray) -> np.ndarray:
    """X itself if its values are batch-contiguous (and aligned, as kernels are compiled for), else such a copy."""
    N, K = X.shape
    adjacent = N == 1 or X.strides[0] == X.itemsize
    ordered = K == 1 or X.strides[1] >= N * X.itemsize  # not reversed: BLAS walks through the features upwards
    if adjacent and ordered and X.flags.aligned:
        return X
    result = batch_empty(N, K, X.dtype)
    if X.dtype.char in "fd" and X.flags.aligned:
        copy_transposed(X, result)
    else:
        result[...] = X
    return result


@kernel("F2r, F2", parallel=True)
def copy_transposed(X, Y):
    """Y = X        Y (N, K) batch-contiguous, X of any layout

    NumPy goes through the result in order and so jumps from row to row of X. Here a square of X whose lines fit into the
    first-level cache is read by rows and written by columns.
    """
    N, K = X.shape
    for block in prange((K + TILE - 1) // TILE):
        features = range(block * TILE, min(K, (block + 1) * TILE))
        for start in range(0, N, TILE):
            stop = min(N, start + TILE)
            for j in features:
                y = column(Y, j)
                for i in range(start, stop):
                    y[i] = X[i, j]
