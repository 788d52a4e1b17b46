"""In-time over-parameterisation: which share of all positions has ever had a weight.        [Liu et al., arXiv:2102.02887]"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from nerva_py.checkpoints import fields
from nerva_py.errors import DataError, NervaError
from nerva_py.sparse import Support
from nerva_py.sparse.kernels import bits
from nerva_py.sparse.support import index_dtype, random_positions, sorted_unique

# A layer up to this many positions gets one bit for each (64 MB); of a larger one a sample is kept.
BITSET_LIMIT = 2**29
PIECE = 2**20  # positions that are hashed at a time
SKETCH = 2**16  # positions in the sample: the estimate has a relative standard error of 1/√65536 = 0.4 %


class Coverage:
    """R_s = |∪ support_τ| / (K·D), exactly by a bitset or, where that would not fit, by an estimate.

    The estimate keeps the 2¹⁶ positions of smallest hash (a KMV sketch); up to that many positions it is exact, too.
    """

    def __init__(self, shape: tuple[int, int], limit: int = BITSET_LIMIT):
        self.shape = shape
        self.size = shape[0] * shape[1]
        self.exact = self.size <= limit
        self.bits = np.zeros((shape[0], -(-shape[1] // 8)), np.uint8) if self.exact else None
        self.hashes = np.zeros(0, np.uint64)
        self._count = 0
        self._everything = False  # what a sketch cannot tell

    def add(self, support: Support) -> None:
        """These positions have a weight now. O(nnz) with bits, O(nnz log nnz) in a sketch."""
        if support.full and self.bits is not None:
            self.bits[...] = np.packbits(np.ones(self.shape[1], np.uint8), bitorder="little")
            self._count = self.size
        elif support.full:
            self._everything = True
        elif self.bits is not None:
            new = np.zeros(self.shape[0], np.int64)
            bits.mark(support.parts(numba.get_num_threads()), support.indptr, support.indices, self.bits, new)
            self._count += int(new.sum())
        else:
            self._sketch(support)

    def _sketch(self, support: Support) -> None:
        # In pieces, so that nothing as large as the layer is made; most hashes are then too large to be looked at again.
        for first in range(0, support.nnz, PIECE):
            places = slice(first, first + PIECE)
            rows = np.searchsorted(support.indptr, np.arange(first, min(first + PIECE, support.nnz)), side="right") - 1
            flat = rows.astype(np.uint64) * np.uint64(self.shape[1]) + support.indices[places].astype(np.uint64)
            hashes = _hash(flat)
            if self.hashes.size == SKETCH:
                hashes = hashes[hashes < self.hashes[-1]]
            self.hashes = sorted_unique(np.concatenate((self.hashes, hashes)))[:SKETCH]

    @property
    def count(self) -> float:
        """How many positions have ever had a weight."""
        if self.bits is not None:
            return self._count
        if self._everything:
            return self.size
        if self.hashes.size < SKETCH:
            return self.hashes.size
        return (SKETCH - 1) * 2.0**64 / float(self.hashes[-1])

    @property
    def share(self) -> float:
        """R_s, from 0 to 1."""
        return min(1.0, self.count / self.size) if self.size else math.nan

    def submatrix(self, rows: np.ndarray, columns: np.ndarray, support: Support) -> Coverage:
        """The coverage of the positions in the marked rows and columns, whose present support is given.

        A sketch cannot tell what it has seen there, and starts again from the support.
        """
        part = Coverage(support.shape)
        if self.bits is not None and part.bits is not None:
            for k, row in enumerate(self.bits[rows]):
                part.bits[k] = np.packbits(
                    np.unpackbits(row, bitorder="little")[: columns.size][columns], bitorder="little"
                )
            part._count = int(np.bitwise_count(part.bits).sum())
        else:
            part.add(support)
        return part

    @property
    def unfired(self) -> int:
        """How many positions have never had a weight. Raises NervaError where that is only estimated."""
        self.require_bits()
        return self.size - self._count

    def random_unfired(self, count: int, rng: np.random.Generator) -> Support:
        """`count` of the positions that have never had a weight, every set equally likely. O(K·D/8) time.

        Raises NervaError if they are fewer, or only estimated.
        """
        K, D = self.shape
        if not 0 <= count <= self.unfired:
            raise NervaError(f"count must be from 0 to the number of unfired positions, {self.unfired}, not {count}")
        unset = D - np.bitwise_count(self.require_bits()).sum(axis=1, dtype=np.int64)
        first = np.concatenate(([0], np.cumsum(unset)))
        ranks = random_positions(int(first[-1]), count, rng)
        chosen = np.searchsorted(ranks, first)
        columns = np.empty(count, np.int64)
        within = ranks - np.repeat(first[:-1], np.diff(chosen))
        bits.unset_columns(self.bits, D, chosen, within, columns)
        dtype = index_dtype(count, K, D)
        return Support._trusted(self.shape, chosen.astype(dtype), columns.astype(dtype))

    def require_bits(self) -> np.ndarray:
        """The bitset. Raises NervaError for a layer too large to have one."""
        if self.bits is None:
            raise NervaError(
                f"RandomUnfired needs one bit a position, {self.size / 8e9:.3g} GB for {self.shape[0]}×{self.shape[1]}; "
                f"layers up to {BITSET_LIMIT:,} positions have them. Grow with Random instead"
            )
        return self.bits

    def arrays(self) -> dict[str, np.ndarray]:
        """What a checkpoint keeps."""
        if self.bits is not None:
            return {"bits": self.bits}
        return {"hashes": self.hashes, "everything": np.array(self._everything)}

    def restore(self, arrays: dict[str, Any]) -> None:
        """Back to what `arrays` returned. Raises DataError."""
        if self.bits is not None:
            saved = fields.array(arrays, "bits", self.bits.shape, "u")
            beyond = saved[:, -1] >> (self.shape[1] - 1) % 8 >> 1  # bits after the last column of a row
            if saved.dtype != np.uint8 or beyond.any():
                raise DataError("malformed: the positions that ever had a weight")
            self.bits[...] = saved
            self._count = int(np.bitwise_count(self.bits).sum())
        else:
            self.hashes = sorted_unique(fields.array(arrays, "hashes", None, "u").astype(np.uint64))[:SKETCH]
            self._everything = bool(arrays["everything"])


def _hash(x: np.ndarray) -> np.ndarray:
    """A bijection of the 64-bit integers that leaves no pattern (the finalizer of SplitMix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
