"""`SparseBatch`: a batch X (N, D) of which only the nonzeros are stored, for text, one-hot and other sparse samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import csr_array

from nerva_py.errors import DataError, ShapeError
from nerva_py.matrix import primitives as table
from nerva_py.matrix.dense import dropout_mask

from . import sparse_columns
from .checked_matrices import checked_csr
from .layout import sparse_empty


class SparseBatch:
    """X (N, D), column by column, and of the columns only those that occur (doubly compressed sparse columns).

    Feature `features[f]`, f = 0..F−1 in rising order, has in the samples `samples[starts[f]:starts[f + 1]]`, in rising
    order, the `values` at the same places. Nothing is of size N·D or D. It stands in a linear layer where a dense batch
    can stand: `affine(X, W, b)`, `X @ W.T` and `product_on(W, DY.T, X)`, for sparse and dense W.
    """

    __slots__ = ("features", "samples", "shape", "starts", "values")
    __array_ufunc__ = None  # so that `array @ X` asks this class, not NumPy

    def __init__(
        self, shape: tuple[int, int], features: np.ndarray, starts: np.ndarray, samples: np.ndarray, values: np.ndarray
    ):
        self.shape = shape
        self.features = features
        self.starts = starts
        self.samples = samples
        self.values = values

    @classmethod
    def from_csr(cls, X: Any, dtype: DTypeLike | None = None) -> SparseBatch:
        """All rows of a SciPy sparse matrix; `dtype` is float32 or float64. Raises DataError."""
        X = canonical_csr("X", X)
        return cls.from_rows(X, np.arange(X.shape[0]), X.dtype if dtype is None else dtype)

    @classmethod
    def from_rows(
        cls, X: csr_array, rows: np.ndarray, dtype: DTypeLike = np.float32, scale: np.ndarray | None = None
    ) -> SparseBatch:
        """x_nd = X[rows[n], d] · scale[d]        X as `canonical_csr` gives it, rows (N,) in range, scale (D,)

        O(nonzeros of these rows), whatever D is.
        """
        rows = np.require(rows, np.intp, ("C", "A"))
        starts = np.zeros(rows.size + 1, np.int64)
        np.cumsum(X.indptr[rows + 1] - X.indptr[rows], out=starts[1:])
        nnz = int(starts[-1])
        columns, samples, values = _nonzeros(nnz, X.indices.dtype, dtype)
        factors = np.empty(0, np.float64) if scale is None else np.require(scale, np.float64, ("C", "A"))
        sparse_columns.gather_rows(X.indptr, X.indices, X.data, rows, factors, starts, columns, samples, values)
        return cls.from_nonzeros((rows.size, X.shape[1]), columns, samples, values)

    @classmethod
    def from_nonzeros(
        cls, shape: tuple[int, int], columns: np.ndarray, samples: np.ndarray, values: np.ndarray
    ) -> SparseBatch:
        """From the nonzeros (samples[q], columns[q]), each once, those of a column with rising samples. O(nonzeros); the
        arrays may be overwritten."""
        if shape[0] > 1:  # the only sample's are sorted already
            counts = np.empty(1 << sparse_columns.DIGIT, np.int64)
            here, there = (columns, samples, values), _nonzeros(columns.size, columns.dtype, values.dtype)
            for shift in range(0, (shape[1] - 1).bit_length(), sparse_columns.DIGIT):
                sparse_columns.sort_by_digit(shift, *here, counts, *there)
                here, there = there, here
            columns, samples, values = here
        features, starts = sparse_empty(columns.size, columns.dtype), sparse_empty(columns.size + 1, np.int64)
        count = np.empty(1, np.int64)
        sparse_columns.different_columns(columns, features, starts, count)
        F = int(count[0])
        return cls(shape, features[:F], starts[: F + 1], samples, values)

    @classmethod
    def stacked(cls, batches: Sequence[SparseBatch]) -> SparseBatch:
        """The samples of several batches, one batch after another."""
        offsets = np.cumsum([0, *(X.shape[0] for X in batches)])
        columns = np.concatenate([X.columns() for X in batches])
        samples = np.concatenate([X.samples + np.int32(first) for X, first in zip(batches, offsets, strict=False)])
        values = np.concatenate([X.values for X in batches])
        return cls.from_nonzeros((int(offsets[-1]), batches[0].shape[1]), columns, samples, values)

    dtype = property(lambda self: self.values.dtype, doc="float32 or float64")
    nnz = property(lambda self: self.values.size, doc="number of stored elements")
    parts = property(lambda self: (self.features, self.starts, self.samples, self.values), doc="the four arrays")

    def columns(self) -> np.ndarray:
        """The column of each stored element, (nnz,)."""
        return np.repeat(self.features, np.diff(self.starts))

    def like(self, values: np.ndarray) -> SparseBatch:
        """Other values at the same places, such as a dropout mask."""
        return SparseBatch(self.shape, self.features, self.starts, self.samples, values)

    def copy(self) -> SparseBatch:
        """A copy that outlives the workspace's next use of this memory."""
        return SparseBatch(self.shape, *(array.copy() for array in self.parts))

    def compressed(self) -> SparseBatch:
        """Without the columns in which nothing is stored: (N, F)."""
        features = np.arange(self.features.size, dtype=self.features.dtype)
        return SparseBatch((self.shape[0], features.size), features, self.starts, self.samples, self.values)

    def squares(self) -> np.ndarray:
        """Σ_n x²_nd of each feature that occurs, (F,) of float64."""
        return np.add.reduceat(np.square(self.values, dtype=np.float64), self.starts[:-1]) if self.nnz else np.zeros(0)

    def __abs__(self) -> SparseBatch:
        return self.like(np.abs(self.values))

    def sum(self, axis: int) -> np.ndarray:
        """Σ_n x_nd of every feature, (D,) of float64. Raises ShapeError unless axis is 0."""
        if axis != 0:
            raise ShapeError(f"sum: axis {axis}; only 0, over the samples, is allowed for a sparse batch")
        return np.bincount(self.columns(), self.values, self.shape[1])

    @property
    def csr(self) -> csr_array:
        """The batch as a `scipy.sparse.csr_array`."""
        return csr_array((self.values, (self.samples, self.columns())), shape=self.shape)

    def toarray(self) -> np.ndarray:
        """X as a dense (N, D) array, for tests and small examples."""
        return self.csr.toarray()

    def __matmul__(self, B: Any) -> np.ndarray:
        """X B with a plain array        B (D, K) -> (N, K)"""
        return self.csr @ B if isinstance(B, np.ndarray) else NotImplemented

    def __rmatmul__(self, A: Any) -> np.ndarray:
        """A X with a plain array        A (K, N) -> (K, D), dense; `product_on` is what a layer needs"""
        return A @ self.csr if isinstance(A, np.ndarray) else NotImplemented

    def __repr__(self) -> str:
        N, D = self.shape
        return f"SparseBatch({N}×{D}, nnz={self.nnz}, {self.features.size} features occur, {self.dtype})"


@table.hadamard.register(SparseBatch)
def hadamard(X: SparseBatch, Y: SparseBatch) -> SparseBatch:
    if not isinstance(Y, SparseBatch) or X.shape != Y.shape or X.samples is not Y.samples:
        raise ShapeError("hadamard of a sparse batch: the other one must be made from it with `like`")
    return X.like(X.values * Y.values)


@table.draw_mask.register(SparseBatch)
def draw_mask(rng: np.random.Generator, like: SparseBatch, rate: float) -> SparseBatch:
    return like.like(dropout_mask(rng, like.values.shape, rate, like.dtype))


@table.stack_rows.register(SparseBatch)
def stack_rows(X: SparseBatch, *others: SparseBatch) -> SparseBatch:
    return SparseBatch.stacked([X, *others])


def canonical_csr(name: str, X: Any) -> csr_array:
    """X as a `csr_array` of float32 or float64 (other numbers become float32), indices sorted, each position once.

    Copied only where it must be, never changed. Indices are checked, because the kernels do not. Raises DataError.
    """
    own = checked_csr(name, X, DataError)
    dtype = own.dtype.newbyteorder("=") if own.dtype.char in "fd" else np.float32
    if not own.has_canonical_format:
        own = own.astype(dtype, copy=True)
        own.sum_duplicates()  # sorts, too
    parts = [np.require(a, t, ("C", "A")) for a, t in ((own.data, dtype), (own.indices, None), (own.indptr, None))]
    return csr_array(tuple(parts), shape=own.shape)


def _nonzeros(count: int, index_dtype: DTypeLike, dtype: DTypeLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns, samples and values, uninitialised."""
    return sparse_empty(count, index_dtype), sparse_empty(count, np.int32), sparse_empty(count, dtype)
