"""Memory that is used again: pure functions return fresh matrices, and touching the pages of fresh memory costs more than a
sparse product does.

Every step of training asks for the same shapes, so almost every request is met by a block of the step before. A block belongs
to the pool; what is handed out is an array over it, and the block is free again when that array is dead. Whatever looks at the
memory (views, sparse matrices, memoryviews) keeps the array alive, and so keeps the memory.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike

CACHE_LINE = 64
PAGE = 4096


def batch_empty(N: int, K: int, dtype: DTypeLike = np.float32) -> np.ndarray:
    """An uninitialised batch-contiguous matrix (N, K); inside `workspace()` its memory is used again."""
    if N == 1:  # a row is small: looking for it would take longer than allocating it
        return np.empty((1, K), dtype)
    blocks = pool.blocks.get((N, K, dtype))
    if blocks is not None:
        for block in blocks:
            if block.holder() is None:
                array: np.ndarray = np.ndarray(*block.arguments)
                block.holder = weakref.ref(array)
                return array
    return new_batch(N, K, dtype)


def new_batch(N: int, K: int, dtype: DTypeLike) -> np.ndarray:
    """Such a matrix in memory that nobody has used before, which a workspace keeps."""
    block = Block(N, K, np.dtype(dtype))
    if pool.depth:
        pool.blocks.setdefault((N, K, dtype), []).append(block)
    array: np.ndarray = np.ndarray(*block.arguments)
    block.holder = weakref.ref(array)
    return array


class Block:
    """Memory for a batch-contiguous (N, K) matrix that starts on a cache line, and the array over it, if that is alive."""

    __slots__ = ("arguments", "holder")

    def __init__(self, N: int, K: int, dtype: np.dtype):
        stride = batch_stride(N, dtype.itemsize)
        memory = bytearray(K * stride * dtype.itemsize + CACHE_LINE)
        start = -np.frombuffer(memory, np.uint8).ctypes.data % CACHE_LINE
        self.arguments = (N, K), dtype, memory, start, (dtype.itemsize, stride * dtype.itemsize)
        self.holder: Callable[[], np.ndarray | None]


def batch_stride(N: int, itemsize: int) -> int:
    """Distance between features, in elements: N padded to a cache line where that costs at most an eighth.

    A multiple of the page size is avoided, because then all features would compete for the same few cache sets.
    """
    alignment = CACHE_LINE // itemsize
    while (padded := -(-N // alignment) * alignment) - N > N // 8:
        alignment //= 2
    return padded + CACHE_LINE // itemsize if padded * itemsize % PAGE == 0 and N > 0 else padded


class Pool(threading.local):
    """Blocks by shape and type, each thread's own; kept while a `workspace` is open."""

    def __init__(self) -> None:
        self.depth = 0
        self.blocks: dict[tuple[int, int, DTypeLike], list[Block]] = {}


pool = Pool()


class workspace:
    """A context within which `batch_empty` uses memory again that nobody holds any more; at its end all is released. It may be
    nested."""

    def __enter__(self) -> None:
        pool.depth += 1

    def __exit__(self, *error: object) -> None:
        pool.depth -= 1
        if not pool.depth:
            pool.blocks.clear()
