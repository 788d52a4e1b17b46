"""The support of a sparse matrix: which positions are stored. CSR and its CSC view, without the values."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from nerva_py.errors import NervaError, ShapeError

# Positions below this number are indexed with int32.
INT32_LIMIT = 2**31


class Support:
    """Positions of a (K, D) matrix in CSR: row k holds `indices[indptr[k]:indptr[k+1]]`, sorted, without duplicates.

    Immutable; weights, gradients and optimizer states of one topology share it.
    """

    def __init__(self, shape: tuple[int, int], indptr: np.ndarray, indices: np.ndarray):
        self.shape = shape
        self.indptr = indptr
        self.indices = indices
        self._parts: dict[tuple[int, bool], np.ndarray] = {}

    @classmethod
    def from_csr(cls, matrix: csr_array) -> Support:
        """A copy of the support of a SciPy matrix (stored zeros belong to it), sorted; duplicates are refused."""
        matrix = matrix if matrix.has_sorted_indices else matrix.sorted_indices()
        if not matrix.has_canonical_format:
            raise NervaError("matrix must not store a position twice; call sum_duplicates() first")
        dtype = index_dtype(matrix.nnz, *matrix.shape)
        return cls(matrix.shape, matrix.indptr.astype(dtype), matrix.indices.astype(dtype))

    @classmethod
    def random(cls, shape: tuple[int, int], nnz: int, rng: np.random.Generator) -> Support:
        """Exactly `nnz` positions, every set of that size equally likely. O(nnz log nnz) time, O(nnz) memory."""
        K, D = checked_shape(shape)
        if not 0 <= nnz <= K * D:
            raise NervaError(f"nnz must be from 0 to K·D = {K * D} for shape {shape}, not {nnz}")
        positions = _random_positions(K * D, nnz, rng)
        dtype = index_dtype(nnz, K, D)
        indptr = np.searchsorted(positions, np.arange(K + 1, dtype=np.int64) * D).astype(dtype)
        return cls((K, D), indptr, (positions % D).astype(dtype))

    @property
    def nnz(self) -> int:
        """Number of positions."""
        return self.indices.size

    @cached_property
    def transposed(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The CSC view `indptr_T, indices_T, perm`: column d holds rows `indices_T[indptr_T[d]:indptr_T[d+1]]`, and the
        values column by column are `data[perm]`. Made once a topology."""
        dtype = self.indices.dtype
        numbered = csr_array((np.arange(self.nnz, dtype=dtype), self.indices, self.indptr), shape=self.shape)
        columns = numbered.tocsc()
        return columns.indptr.astype(dtype, copy=False), columns.indices.astype(dtype, copy=False), columns.data

    def parts(self, count: int, transposed: bool = False) -> np.ndarray:
        """Row numbers (of Wᵀ if `transposed`) that cut the matrix into `count` parts of about equal nnz: (count + 1,)."""
        key = (count, transposed)
        if key not in self._parts:
            indptr = self.transposed[0] if transposed else self.indptr
            # A row costs something even when it is empty: its output is written. Count it as one nonzero.
            work = indptr.astype(np.int64) + np.arange(indptr.size)
            cuts = np.searchsorted(work, np.linspace(0, work[-1], count + 1)[1:-1])
            self._parts[key] = np.concatenate(([0], cuts, [indptr.size - 1])).astype(np.int64)
        return self._parts[key]

    def mask(self) -> np.ndarray:
        """1 at each position, 0 elsewhere, as a dense (K, D) array of uint8; for layers that are stored dense."""
        mask = np.zeros(self.shape, np.uint8)
        mask[np.repeat(np.arange(self.shape[0]), np.diff(self.indptr)), self.indices] = 1
        return mask

    @property
    def nbytes(self) -> int:
        """Bytes of the index arrays, the CSC view included once it exists."""
        view = self.__dict__.get("transposed", ())
        return self.indptr.nbytes + self.indices.nbytes + sum(array.nbytes for array in view)

    def __deepcopy__(self, memo: object) -> Support:
        """Itself: it is immutable, and as large as the weights."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles hold the positions, not what can be computed from them."""
        return Support, (self.shape, self.indptr, self.indices)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Support):
            return NotImplemented
        return self is other or (
            self.shape == other.shape
            and np.array_equal(self.indptr, other.indptr)
            and np.array_equal(self.indices, other.indices)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Support({self.shape[0]}×{self.shape[1]}, nnz={self.nnz}, {self.indices.dtype})"


def index_dtype(nnz: int, K: int, D: int) -> np.dtype:
    """int32 while every position and every row pointer fits, else int64."""
    return np.dtype(np.int32 if max(nnz, K, D) < INT32_LIMIT else np.int64)


def checked_shape(shape: ArrayLike) -> tuple[int, int]:
    """(K, D) as two positive integers."""
    sizes = tuple(np.asarray(shape).tolist()) if np.ndim(shape) == 1 else ()
    if len(sizes) != 2 or not all(isinstance(n, int) and n > 0 for n in sizes):
        raise ShapeError(f"shape must be two positive integers (K, D), not {shape!r}")
    return sizes


def _random_positions(size: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` different numbers below `size`, sorted.

    Numbers are drawn until `count` different ones have turned up, which makes every set equally likely; of more than half
    of all positions, those to leave out are drawn.
    """
    if count > size // 2:
        keep = np.ones(size, bool)
        keep[_random_positions(size, size - count, rng)] = False
        return np.flatnonzero(keep)
    positions = _sorted_unique(rng.integers(0, size, count))
    while positions.size < count:
        more = rng.integers(0, size, count - positions.size)
        positions = _sorted_unique(np.concatenate((positions, more)))
    return positions


def _sorted_unique(numbers: np.ndarray) -> np.ndarray:
    """As `np.unique`, whose hash table is many times slower here than a sort in place."""
    numbers.sort()
    first = np.ones(numbers.size, bool)
    np.not_equal(numbers[1:], numbers[:-1], out=first[1:])
    return numbers[first]
