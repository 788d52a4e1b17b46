"""Which kernel computes what: every choice is made here, from shapes, density, type, batch and machine, and from nothing else.

Each threshold stands beside the measurement behind it. What follows from them for one support and one batch is a `Cut`, which
the support keeps; the number of threads chooses only among kernels of equal bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import DTypeLike

from nerva_py.engine.memory import batch_stride
from nerva_py.engine.processor import first_level_cache
from nerva_py.engine.rows import tiles

from .densities import checked_density, nonzeros
from .support import Support, index_dtype

# Blocks of features pay while their part of X stays in a first-level cache, and a row has enough nonzeros in each for what it
# costs to begin one. Measured with batch 100, 2 threads, Zen 4 with AVX-512, W 1024×3072: best at density 0.1 are 24 blocks for
# Y (111 GFLOP/s, one block 86) and DW (123), 8 for DX (100); at 0.05 16, 24 and 6; at 0.02 2, 6 and 1; at 0.01 1, 3 and 1.
NONZEROS = 12  # of a row, or of a column, in a block, on the average, at least

# The kernels for few samples. Measured with 2 threads: with 2 to 8 samples the three products together take 0.6 to 1.0 of the
# time that those of `compiled` take at 300,000 weights, 0.35 to 0.55 at a million, 0.2 to 0.4 at four million; from 12 samples
# on they gain little below four million. Smaller layers would gain microseconds, and compiling for each N takes a second.
SAMPLES, WEIGHTS = 8, 2**18
PARTS = 4  # into which the rows are cut where DX is summed up part by part, whatever the number of threads

SINGLE = 8192  # nonzeros: with fewer, a single sample is done before a second thread has started


class Cut(NamedTuple):
    """How a product goes through a matrix: by the kernels for few samples or not; rows cut into parts, one a thread; where rows
    enter each block of features (see `Support.blocks`); the batch cut into tiles (see `engine.rows.tiles`)."""

    few: bool
    parts: np.ndarray
    bounds: np.ndarray
    tiles: list[tuple[int, int]]


def by_rows(S: Support, X: np.ndarray) -> Cut:
    """For Y = X Wᵀ and DW = DYᵀ X on the support, X batch-contiguous; kept in `S.cuts`."""
    few = few_samples(S.nnz, X.shape[0])
    blocks = 1 if few else _blocks(S.nnz, S.shape[1] * X.strides[1], S.shape[0])
    cut = Cut(few, S.parts(numba.config.NUMBA_NUM_THREADS), S.blocks(blocks), tiles(X.shape[0], X.dtype))
    S.cuts[X.shape[0], X.strides, False] = cut
    return cut


def by_columns(S: Support, DY: np.ndarray) -> Cut:
    """For DX = DY W, DY batch-contiguous; kept in `S.cuts`."""
    if scatters(S.nnz, S.shape[1], DY.shape[0]):
        cut = Cut(True, S.parts(PARTS), S.blocks(1), [])
    else:
        blocks = _blocks(S.nnz, S.shape[0] * DY.strides[1], S.shape[1])
        parts = S.parts(numba.config.NUMBA_NUM_THREADS, True)
        cut = Cut(False, parts, S.blocks(blocks, True), tiles(DY.shape[0], DY.dtype))
    S.cuts[DY.shape[0], DY.strides, True] = cut
    return cut


def few_samples(nnz: int, N: int) -> bool:
    """Whether the kernels for few samples are taken for N samples and a layer of nnz weights."""
    return 1 <= N <= SAMPLES and nnz >= WEIGHTS


def scatters(nnz: int, D: int, N: int) -> bool:
    """Whether those that need a DX for each part are, too: there are so many weights that it can be afforded."""
    return few_samples(nnz, N) and nnz >= PARTS * D


def _blocks(nnz: int, size: int, rows: int) -> int:
    """Blocks of features: of such a width that their part of a batch of `size` bytes stays in a cache, and each has enough."""
    return max(1, min(size // first_level_cache() + 1, nnz // max(1, NONZEROS * rows)))


@dataclass(frozen=True)
class LayerPlan:
    """What is chosen for a layer, in words, and the bytes that its weights take, and in addition their training."""

    stored: str
    Y: str
    DX: str
    DW: str
    weights: int
    training: int


def of_layer(K: int, D: int, density: float, N: int, states: int = 1, dtype: DTypeLike = np.float32) -> LayerPlan:
    """The plan for W (K, D) of that density, batches of N samples, and so many numbers of the optimizer for each weight.

    Raises NervaError for a density that is not from 0 to 1.
    """
    item, nnz = np.dtype(dtype).itemsize, nonzeros(checked_density(density, "density"), (K, D))
    stride, index = batch_stride(N, item) * item, index_dtype(nnz, K, D).itemsize
    if nnz == K * D:
        return LayerPlan("in an array", "BLAS", "BLAS", "BLAS", nnz * item, nnz * item * (1 + states))
    rows = "few samples" if few_samples(nnz, N) else _streamed(_blocks(nnz, D * stride, K))
    if scatters(nnz, D, N):
        columns, view = f"few samples, scattered in {PARTS} parts", 0
    else:
        columns, view = _streamed(_blocks(nnz, K * stride, D)), (2 * nnz + D + 1) * index
    size = nnz * (item + index) + (K + 1) * index
    return LayerPlan("in CSR", rows, columns, rows, size, nnz * item * (1 + states) + view)


def _streamed(blocks: int) -> str:
    return "along the batch" if blocks == 1 else f"along the batch, {blocks} blocks of features"
