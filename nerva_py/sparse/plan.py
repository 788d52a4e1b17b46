"""Which kernel computes what: every choice is made here, from shapes, density, type, batch and machine, and from nothing else.

Each threshold stands beside the measurement behind it. What follows from them for one support and one batch is a `Cut`, which
the support keeps; the number of threads chooses only among kernels of equal bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import DTypeLike

from nerva_py.engine.memory import batch_stride

from .densities import checked_density, nonzeros
from .support import Support, index_dtype

# Blocks of features pay while a block of X stays in a second-level cache, here of 1 MB a core, and a row has enough nonzeros in
# each. Measured with batch 100 and 2 threads: 1024×3072 at densities of 0.04 to 0.17, 3 blocks, Y takes 0.95 and DW 0.89 of the
# time; 4096×4096 at 0.2, 4 blocks, Y 0.8, DX 0.5 and DW 0.75; at 0.05, where a column has 50 nonzeros in each, DX takes 1.2.
CACHE = 2**19  # bytes of X in a block of features, at most
ROW, COLUMN = 32, 128  # nonzeros in a block, on the average, at least

# The kernels for few samples. Measured with 2 threads: with 2 to 8 samples the three products together take 0.6 to 1.0 of the
# time that those of `compiled` take at 300,000 weights, 0.35 to 0.55 at a million, 0.2 to 0.4 at four million; from 12 samples
# on they gain little below four million. Smaller layers would gain microseconds, and compiling for each N takes a second.
SAMPLES, WEIGHTS = 8, 2**18
PARTS = 4  # into which the rows are cut where DX is summed up part by part, whatever the number of threads

# Gathered as bytes, a batch of 100 images of 3072 is there 70 to 100 µs earlier; but bytes must be widened and scaled, so that
# with 1024 neurons the products take 20 µs more at a density of 0.01, 60 at 0.02, 160 at 0.05. A whole step takes 0.99 of the
# time with 8 nonzeros for each feature, 0.88 with 4, 0.92 with 1.
BYTES = 12  # nonzeros for each feature, on the average, at most

SINGLE = 8192  # nonzeros: with fewer, a single sample is done before a second thread has started


class Cut(NamedTuple):
    """How a product goes through a matrix: by the kernels for few samples or not; rows cut into parts, one a thread; where rows
    enter each block of features (see `Support.blocks`), one block for few samples."""

    few: bool
    parts: np.ndarray
    bounds: np.ndarray


def by_rows(S: Support, N: int, stride: int) -> Cut:
    """For Y = X Wᵀ and DW = DYᵀ X on the support; features of X are `stride` bytes apart."""
    few = few_samples(S.nnz, N)
    blocks = 1 if few else _blocks(S.nnz, S.shape[1] * stride, ROW * S.shape[0])
    cut = S.cuts[N, stride, False] = Cut(few, S.parts(numba.config.NUMBA_NUM_THREADS), S.blocks(blocks))
    return cut


def by_columns(S: Support, N: int, stride: int) -> Cut:
    """For DX = DY W; features of DY are `stride` bytes apart."""
    if scatters(S.nnz, S.shape[1], N):
        cut = Cut(True, S.parts(PARTS), S.blocks(1))
    else:
        blocks = _blocks(S.nnz, S.shape[0] * stride, COLUMN * S.shape[1])
        cut = Cut(False, S.parts(numba.config.NUMBA_NUM_THREADS, True), S.blocks(blocks, True))
    S.cuts[N, stride, True] = cut
    return cut


def few_samples(nnz: int, N: int) -> bool:
    """Whether the kernels for few samples are taken for N samples and a layer of nnz weights."""
    return 1 <= N <= SAMPLES and nnz >= WEIGHTS


def scatters(nnz: int, D: int, N: int) -> bool:
    """Whether those that need a DX for each part are, too: there are so many weights that it can be afforded."""
    return few_samples(nnz, N) and nnz >= PARTS * D


def takes_bytes(W: Any, N: int) -> bool:
    """Whether a batch of N samples of bytes, X of a layer W, is best given to it as a `ByteBatch`."""
    return W.sparse and W.backend.name == "numba" and N > SAMPLES and W.nnz <= BYTES * W.shape[1]


def _blocks(nnz: int, size: int, least: int) -> int:
    """Blocks of features: of such a width that their part of a batch of `size` bytes stays in a cache, and each has enough."""
    return max(1, min(size // CACHE + 1, nnz // max(1, least)))


@dataclass(frozen=True)
class LayerPlan:
    """What is chosen for a layer, in words, and the bytes that its weights take, and in addition their training."""

    stored: str
    Y: str
    DX: str
    DW: str
    samples: str
    weights: int
    training: int


def of_layer(K: int, D: int, density: float, N: int, states: int = 1, dtype: DTypeLike = np.float32) -> LayerPlan:
    """The plan for W (K, D) of that density, batches of N samples, and so many numbers of the optimizer for each weight.

    Raises NervaError for a density that is not from 0 to 1.
    """
    item, nnz = np.dtype(dtype).itemsize, nonzeros(checked_density(density, "density"), (K, D))
    stride, index = batch_stride(N, item) * item, index_dtype(nnz, K, D).itemsize
    if nnz == K * D:
        return LayerPlan("in an array", "BLAS", "BLAS", "BLAS", "as numbers", nnz * item, nnz * item * (1 + states))
    few, bytes_fit = few_samples(nnz, N), N > SAMPLES and nnz <= BYTES * D
    rows = "few samples" if few else _streamed(_blocks(nnz, D * stride, ROW * K))
    if scatters(nnz, D, N):
        columns, view = f"few samples, scattered in {PARTS} parts", 0
    else:
        columns, view = _streamed(_blocks(nnz, K * stride, COLUMN * D)), (2 * nnz + D + 1) * index
    size = nnz * (item + index) + (K + 1) * index
    return LayerPlan(
        "in CSR",
        rows,
        columns,
        rows,
        "bytes as bytes" if bytes_fit else "as numbers",
        size,
        nnz * item * (1 + states) + view,
    )


def _streamed(blocks: int) -> str:
    return "along the batch" if blocks == 1 else f"along the batch, {blocks} blocks of features"
