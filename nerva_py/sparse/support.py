"""The support of a sparse matrix: which positions are stored. CSR and its CSC view, without the values."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

import numba
import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike, DTypeLike
from scipy.sparse import csr_array

from nerva_py.engine.checked_matrices import sorted_csr
from nerva_py.engine.process import computed_once
from nerva_py.errors import NervaError, ShapeError
from nerva_py.quantities import as_integer

from .kernels import positions

# Positions below this number are indexed with int32.
INT32_LIMIT = 2**31


class Support:
    """Positions of a (K, D) matrix in CSR: row k holds `indices[indptr[k]:indptr[k+1]]`, sorted, without duplicates.

    Immutable, its arrays read-only; weights, gradients and optimizer states of one topology share it. The arrays that are
    given are copied. Raises NervaError for what is no such thing.
    """

    def __init__(self, shape: tuple[int, int], indptr: ArrayLike, indices: ArrayLike):
        shape, pointers, columns = checked_shape(shape), np.asarray(indptr), np.asarray(indices)
        check_positions(shape, pointers, columns)
        dtype = index_dtype(columns.size, *shape)
        self._hold(shape, pointers.astype(dtype), columns.astype(dtype))

    @classmethod
    def _trusted(cls, shape: tuple[int, int], indptr: np.ndarray, indices: np.ndarray) -> Support:
        """Of arrays that were made for it, and at which nobody needs to look."""
        support = object.__new__(Support)
        support._hold(shape, indptr, indices)
        return support

    def _hold(self, shape: tuple[int, int], indptr: np.ndarray, indices: np.ndarray) -> None:
        self.shape = shape
        self.indptr, self.indices = read_only(indptr), read_only(indices)  # kernels follow them without looking
        self.cuts: dict[tuple[int, tuple[int, ...], bool], Any] = {}  # what `plan` has chosen, by batch and its layout
        self._parts: dict[tuple[int, bool], np.ndarray] = {}
        self._blocks: dict[tuple[int, bool], np.ndarray] = {}

    @classmethod
    def from_csr(cls, matrix: csr_array) -> Support:
        """A copy of the support of a SciPy matrix (stored zeros belong to it), sorted. Raises NervaError for indices out of
        range and for a position that is stored twice."""
        return cls._of_checked(sorted_csr("matrix", matrix, NervaError))

    @classmethod
    def _of_checked(cls, csr: csr_array) -> Support:
        dtype = index_dtype(csr.nnz, *csr.shape)
        return cls._trusted(csr.shape, csr.indptr.astype(dtype), csr.indices.astype(dtype))

    @classmethod
    def random(cls, shape: tuple[int, int], nnz: int, rng: np.random.Generator) -> Support:
        """Exactly `nnz` positions, every set of that size equally likely. O(nnz log nnz) time, O(nnz) memory.

        Raises NervaError unless nnz is from 0 to K·D.
        """
        K, D = checked_shape(shape)
        count = as_integer(nnz)
        if count is None or not 0 <= count <= K * D:
            raise NervaError(f"nnz must be from 0 to K·D = {K * D} for shape {shape}, not {nnz}")
        return cls._sorted((K, D), random_positions(K * D, count, rng))

    @classmethod
    def at(cls, shape: tuple[int, int], rows: ArrayLike, columns: ArrayLike) -> Support:
        """The positions (rows[i], columns[i]), in any order, each once. O(nnz log nnz). Raises NervaError."""
        K, D = checked_shape(shape)
        flat = flat_positions((K, D), rows, columns)
        if (flat[1:] <= flat[:-1]).any():
            flat.sort()
            if (twice := np.flatnonzero(flat[1:] == flat[:-1])).size:
                raise NervaError(f"position {tuple(map(int, divmod(flat[twice[0]], D)))} is given twice")
        return cls._sorted((K, D), flat)

    @classmethod
    def among(cls, shape: tuple[int, int], rows: np.ndarray, columns: np.ndarray) -> Support:
        """As `at` for positions within the shape, some of which may come several times."""
        return cls._sorted(shape, sorted_unique(rows.astype(np.int64) * shape[1] + columns))

    @classmethod
    def from_mask(cls, mask: np.ndarray) -> Support:
        """The positions where a dense (K, D) array is not zero."""
        K, D = checked_shape(mask.shape)
        rows, columns = np.nonzero(mask)
        dtype = index_dtype(columns.size, K, D)
        indptr = np.searchsorted(rows, np.arange(K + 1)).astype(dtype)
        return cls._trusted((K, D), indptr, columns.astype(dtype))

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> Support:
        """No position at all."""
        dtype = index_dtype(0, *shape)
        return cls._trusted(shape, np.zeros(shape[0] + 1, dtype), np.zeros(0, dtype))

    @classmethod
    def _sorted(cls, shape: tuple[int, int], flat: np.ndarray) -> Support:
        """The positions k·D + d, which rise."""
        K, D = shape
        dtype = index_dtype(flat.size, K, D)
        indptr = np.searchsorted(flat, np.arange(K + 1, dtype=np.int64) * D).astype(dtype)
        return cls._trusted(shape, indptr, (flat % D).astype(dtype))

    @property
    def nnz(self) -> int:
        """Number of positions."""
        return self.indices.size

    @property
    def full(self) -> bool:
        """Whether it has every position."""
        return self.nnz == self.shape[0] * self.shape[1]

    def columns(self, places: Any) -> Any:
        """The columns of the positions at these places in the order of the values."""
        return self.indices[places]

    @computed_once
    def transposed(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The CSC view `indptr_T, indices_T, perm`: column d holds rows `indices_T[indptr_T[d]:indptr_T[d+1]]`, and the
        values column by column are `data[perm]`. Made once a topology."""
        dtype = self.indices.dtype
        counts = np.bincount(self.indices, minlength=self.shape[1])
        indptr_T = np.concatenate(([0], np.cumsum(counts))).astype(dtype)
        indices_T, perm = np.empty(self.nnz, dtype), np.empty(self.nnz, dtype)
        positions.transpose(self.indptr, self.indices, indptr_T[:-1].copy(), indices_T, perm)
        return read_only(indptr_T), read_only(indices_T), read_only(perm)

    def parts(self, count: int, transposed: bool = False) -> np.ndarray:
        """Row numbers (of Wᵀ if `transposed`) that cut the matrix into `count` parts of about equal nnz: (count + 1,)."""
        key = (count, transposed)
        if key not in self._parts:
            indptr = self.transposed[0] if transposed else self.indptr
            size = indptr.size - 1
            # A row costs something even when it is empty: its output is written. Count it as one nonzero.
            work = self.nnz + size
            cuts = [
                bisect_left(range(size), work * part / count, key=lambda k: int(indptr[k]) + k)
                for part in range(1, count)
            ]
            self._parts[key] = np.array([0, *cuts, size], np.int64)
        return self._parts[key]

    def blocks(self, count: int, transposed: bool = False) -> np.ndarray:
        """Where the rows (of Wᵀ if `transposed`) enter each of `count` blocks of as many columns: (count + 1, rows).

        Row k has the places from [b, k] to [b + 1, k] in block b. One block needs no memory: both lines are row pointers.
        """
        key = (count, transposed)
        if key not in self._blocks:
            indptr, indices = self.transposed[:2] if transposed else (self.indptr, self.indices)
            rows, columns = indptr.size - 1, self.shape[0 if transposed else 1]
            if count == 1:
                self._blocks[key] = as_strided(indptr, (2, rows), 2 * indptr.strides, writeable=False)
            else:
                self._blocks[key] = np.empty((count + 1, rows), indptr.dtype)
                positions.block_bounds(indptr, indices, -(-columns // count), self._blocks[key])
        return self._blocks[key]

    def rows(self) -> np.ndarray:
        """The row of each position, (nnz,)."""
        return np.repeat(np.arange(self.shape[0], dtype=self.indices.dtype), np.diff(self.indptr))

    def position(self, place: int) -> tuple[int, int]:
        """(row, column) of the place in the order of the values."""
        return int(np.searchsorted(self.indptr, place, side="right")) - 1, int(self.columns(place))

    def find(self, other: Support) -> np.ndarray:
        """The place at which each position of `other` is stored here, −1 where it is not: (other.nnz,). O(nnz of both)

        Raises ShapeError for a support of another shape.
        """
        if other.shape != self.shape:
            raise ShapeError(f"other has shape {other.shape}; this support has {self.shape}")
        places = np.empty(other.nnz, np.int64)
        parts = self.parts(numba.get_num_threads())
        positions.find(parts, self.indptr, self.indices, other.indptr, other.indices, places)
        return places

    def submatrix(self, rows: np.ndarray, columns: np.ndarray) -> tuple[Support, np.ndarray]:
        """What is left of it in the rows and columns marked by (K,) and (D,) booleans, numbered anew, and which of the
        places these are: (nnz,) booleans. O(nnz + K + D)."""
        kept = rows[self.rows()] & columns[self.indices]
        counts = np.bincount(self.rows()[kept], minlength=self.shape[0])[rows]
        shape = int(np.count_nonzero(rows)), int(np.count_nonzero(columns))
        number = np.cumsum(columns) - 1
        dtype = index_dtype(int(np.count_nonzero(kept)), *shape)
        indptr = np.concatenate(([0], np.cumsum(counts))).astype(dtype)
        return Support._trusted(shape, indptr, number[self.indices[kept]].astype(dtype)), kept

    def mask(self) -> np.ndarray:
        """1 at each position, 0 elsewhere, as a dense (K, D) array of uint8: to look at."""
        mask = np.zeros(self.shape, np.uint8)
        mask[self.rows(), self.indices] = 1
        return mask

    @property
    def nbytes(self) -> int:
        """Bytes of the index arrays, the CSC view and the bounds of blocks included once they exist."""
        bounds = (array for (count, _), array in self._blocks.items() if count > 1)
        made = *self.__dict__.get("transposed", ()), *bounds
        return self.indptr.nbytes + self.indices.nbytes + sum(array.nbytes for array in made)

    def __deepcopy__(self, memo: object) -> Support:
        """Itself: it is immutable, and as large as the weights."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles hold the positions, not what can be computed from them; what joblib maps from a file is not copied."""
        return Support._trusted, (self.shape, self.indptr, self.indices)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Support):
            return NotImplemented
        if self is other or (self.shape, self.nnz) != (other.shape, other.nnz) or self.full:
            return (self.shape, self.nnz) == (other.shape, other.nnz)
        return np.array_equal(self.indptr, other.indptr) and np.array_equal(self.indices, other.indices)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Support({self.shape[0]}×{self.shape[1]}, nnz={self.nnz}, {self.indices.dtype})"


class FullSupport(Support):
    """Every position of a (K, D) matrix: that of a dense layer. Its indices are made when somebody asks for them."""

    def __init__(self, shape: tuple[int, int]):
        K, D = self.shape = shape
        self.indptr = read_only(D * np.arange(K + 1, dtype=index_dtype(K * D, K, D)))
        self.cuts, self._parts, self._blocks = {}, {}, {}

    @computed_once
    def indices(self) -> np.ndarray:
        return read_only(np.tile(np.arange(self.shape[1], dtype=self.indptr.dtype), self.shape[0]))

    nnz = property(lambda self: self.shape[0] * self.shape[1])

    def columns(self, places: Any) -> Any:
        return places % self.shape[1]

    def submatrix(self, rows: np.ndarray, columns: np.ndarray) -> tuple[Support, np.ndarray]:
        left = FullSupport((int(np.count_nonzero(rows)), int(np.count_nonzero(columns))))
        return left, np.logical_and.outer(rows, columns).reshape(-1)

    def __reduce__(self) -> tuple[Any, ...]:
        return FullSupport, (self.shape,)


def read_only(array: np.ndarray) -> np.ndarray:
    """The array, which nobody can write to any more."""
    array.flags.writeable = False
    return array


def check_positions(shape: tuple[int, int], indptr: np.ndarray, indices: np.ndarray) -> None:
    """Raises NervaError unless these are the positions of a (K, D) matrix in CSR, those of a row in rising order. O(nnz + K)"""
    K, D = shape
    for name, numbers in (("indptr", indptr), ("indices", indices)):
        if numbers.ndim != 1 or (numbers.dtype.kind not in "iu" and numbers.size):
            raise NervaError(f"{name} must be a vector of integers, not {numbers.dtype} {numbers.shape}")
    if indptr.size != K + 1 or indptr[0] != 0 or indptr[-1] != indices.size or (indptr[1:] < indptr[:-1]).any():
        raise NervaError(f"indptr must rise from 0 to the number of positions, {indices.size}, in {K + 1} numbers")
    if indices.size:
        if not 0 <= indices.min() <= indices.max() < D:
            raise NervaError(f"indices from {indices.min()} to {indices.max()}; 0 to {D - 1} are allowed")
        rises = indices[1:] > indices[:-1]
        starts = indptr[1:-1]
        rises[starts[(starts > 0) & (starts < indices.size)] - 1] = True  # from one row to the next it may fall
        if not rises.all():
            raise NervaError("the indices of a row must rise")


def index_dtype(nnz: int, K: int, D: int) -> np.dtype:
    """int32 while every position and every row pointer fits, else int64."""
    return np.dtype(np.int32 if max(nnz, K, D) < INT32_LIMIT else np.int64)


def checked_shape(shape: ArrayLike) -> tuple[int, int]:
    """(K, D) as two positive integers."""
    sizes = [as_integer(n) for n in shape] if np.ndim(shape) == 1 and isinstance(shape, Iterable) else []
    match sizes:
        case [int(K), int(D)] if K > 0 and D > 0:
            return K, D
    raise ShapeError(f"shape must be two positive integers (K, D), not {shape!r}")


def flat_positions(shape: tuple[int, int], rows: ArrayLike, columns: ArrayLike) -> np.ndarray:
    """k·D + d of the positions (rows[i], columns[i]), int64. Raises NervaError for one that is not within the shape."""
    k, d = np.asarray(rows), np.asarray(columns)
    for name, numbers, size in (("rows", k, shape[0]), ("columns", d, shape[1])):
        if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
            raise NervaError(f"{name} must be a vector of integers, not {numbers.dtype} {numbers.shape}")
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < size:
            raise NervaError(f"{name}: {numbers.min()} to {numbers.max()}; 0 to {size - 1} are allowed")
    if k.size != d.size:
        raise NervaError(f"rows and columns must be of one length, not {k.size} and {d.size}")
    return k.astype(np.int64) * shape[1] + d.astype(np.int64)


def random_positions(size: int, count: int, rng: np.random.Generator, dtype: DTypeLike = np.int64) -> np.ndarray:
    """`count` different numbers below `size`, sorted.

    Numbers are drawn until `count` different ones have turned up, which makes every set equally likely; of more than half
    of all positions, those to leave out are drawn.
    """
    if count > size // 2:
        keep = np.ones(size, bool)
        keep[random_positions(size, size - count, rng, dtype)] = False
        return np.flatnonzero(keep).astype(dtype, copy=False)
    return _completed(sorted_unique(rng.integers(0, size, count, dtype)), size, count, rng)


def scattered_positions(size: int, count: int, rng: np.random.Generator, dtype: DTypeLike = np.int64) -> np.ndarray:
    """As `random_positions`, three times as fast: nothing is sorted.

    Partial sums of exponential variables, divided by the last one, are distributed as sorted uniform variables.
    """
    if count > size // 2:
        return random_positions(size, count, rng, dtype)
    sums = np.cumsum(rng.standard_exponential(count + 1))
    drawn = (sums[:-1] * (size / sums[-1])).astype(dtype) if count else np.zeros(0, dtype)
    np.minimum(drawn, size - 1, out=drawn)  # a product of rounded numbers may reach `size`
    return _completed(drawn[_first_of_equal(drawn)], size, count, rng)


def _completed(drawn: np.ndarray, size: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Sorted numbers, and as many others as are missing to `count`."""
    while drawn.size < count:
        more = sorted_unique(rng.integers(0, size, count - drawn.size, drawn.dtype))
        place = np.searchsorted(drawn, more)
        new = drawn[np.minimum(place, drawn.size - 1)] != more
        drawn = np.insert(drawn, place[new], more[new])
    return drawn


def sorted_unique(numbers: np.ndarray) -> np.ndarray:
    """As `np.unique`, whose hash table is many times slower here than a sort in place."""
    numbers.sort()
    return numbers[_first_of_equal(numbers)]


def _first_of_equal(numbers: np.ndarray) -> np.ndarray:
    """True at each sorted number that differs from the one before."""
    first = np.ones(numbers.size, bool)
    np.not_equal(numbers[1:], numbers[:-1], out=first[1:])
    return first
