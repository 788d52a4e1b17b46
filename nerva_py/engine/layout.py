"""Batch-contiguous storage: an N×K matrix keeps the N values of one feature adjacent.

It is a (K, stride) buffer seen through `.T`, so the equations do not notice, and every sparse product streams along the
batch. The stride is padded so that each feature starts on a cache line.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numba import prange
from numpy.typing import DTypeLike

from .compiling import column, kernel

CACHE_LINE = 64
PAGE = 4096
TILE = 16  # elements of a line: a square of them is copied at once


def batch_stride(N: int, itemsize: int) -> int:
    """Distance between features, in elements: N padded to a cache line where that costs at most an eighth.

    A multiple of the page size is avoided, because then all features would compete for the same few cache sets.
    """
    alignment = CACHE_LINE // itemsize
    while (padded := -(-N // alignment) * alignment) - N > N // 8:
        alignment //= 2
    return padded + CACHE_LINE // itemsize if padded * itemsize % PAGE == 0 and N > 0 else padded


def batch_empty(N: int, K: int, dtype: DTypeLike = np.float32) -> np.ndarray:
    """An uninitialised batch-contiguous matrix (N, K); inside `workspace()` its memory is used again."""
    if N == 1:  # a row is small: looking for it would take longer than allocating it
        return np.empty((1, K), dtype)
    return _workspace.take(N, K, np.dtype(dtype)) if _workspace.depth else _allocate(N, K, np.dtype(dtype))[1]


def vector_empty(size: int, dtype: DTypeLike = np.float32) -> np.ndarray:
    """An uninitialised contiguous vector; inside `workspace()` its memory is used again."""
    return batch_empty(size, 1, dtype)[:, 0]


def sparse_empty(size: int, dtype: DTypeLike = np.float32) -> np.ndarray:
    """As `vector_empty`, for vectors whose size is another one in every batch: memory is taken in an eighth more at most,
    so that few sizes turn up, and inside `workspace()` it is used again."""
    step = 1 << max(0, size.bit_length() - 4)
    return vector_empty(-(-size // step) * step, dtype)[:size]


def batch_layout(X: np.ndarray) -> np.ndarray:
    """X itself if its values are batch-contiguous (and writeable, as kernels are compiled for), else such a copy."""
    N, K = X.shape
    adjacent = N == 1 or X.strides[0] == X.itemsize
    ordered = K == 1 or X.strides[1] >= N * X.itemsize  # not reversed: BLAS walks through the features upwards
    if adjacent and ordered and X.flags.writeable:
        return X
    result = batch_empty(N, K, X.dtype)
    if X.dtype.char in "fd":
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


def _allocate(N: int, K: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """The owner of the memory, and the (N, K) view of it that starts on a cache line."""
    stride = batch_stride(N, dtype.itemsize)
    memory = np.empty(K * stride * dtype.itemsize + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    buffer = memory[start : start + K * stride * dtype.itemsize].view(dtype).reshape(K, stride)
    return memory, buffer[:, :N].T


class _Workspace(threading.local):
    """Matrices by shape, each used again as soon as nobody else holds it or a view of it.

    Pure functions return fresh matrices; touching the pages of fresh memory costs more than a sparse product does. Every
    step of training asks for the same shapes, so almost every request is met by a matrix of the step before.
    """

    def __init__(self) -> None:
        self.depth = 0
        self.matrices: dict[tuple[int, int, np.dtype], list[tuple[np.ndarray, np.ndarray]]] = {}

    def take(self, N: int, K: int, dtype: np.dtype) -> np.ndarray:
        matrices = self.matrices.setdefault((N, K, dtype), [])
        for memory, matrix in matrices:
            if sys.getrefcount(matrix) == _FREE[1] and sys.getrefcount(memory) == _FREE[0]:
                return matrix
        memory, matrix = _allocate(N, K, dtype)
        matrices.append((memory, matrix))
        return matrix


@contextmanager
def workspace() -> Iterator[None]:
    """Within this context, `batch_empty` uses memory again that nobody holds any more; at its end all is released."""
    _workspace.depth += 1
    try:
        yield
    finally:
        _workspace.depth -= 1
        if not _workspace.depth:
            _workspace.matrices.clear()


def _free_counts() -> tuple[int, int]:
    """Reference counts, as `take` sees them, of a matrix that only the workspace holds (they depend on the interpreter)."""
    for memory, matrix in [_allocate(1, 1, np.dtype(np.float32))]:
        return sys.getrefcount(memory), sys.getrefcount(matrix)
    raise AssertionError


_FREE = _free_counts()
_workspace = _Workspace()
