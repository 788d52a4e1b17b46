"""`SparseWeight`: a truly sparse weight matrix behind `@`, `.T` and `product_on`; and what both kinds of weights share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import csr_array, sparray

from nerva_py.engine import SparseBatch
from nerva_py.engine.checked_matrices import sorted_csr
from nerva_py.engine.passes import update_numbers
from nerva_py.equations.activation_layer import activation_layer
from nerva_py.equations.activations import Activation
from nerva_py.equations.linear import linear
from nerva_py.errors import NervaError, ShapeError
from nerva_py.matrix import primitives as table
from nerva_py.matrix.dense import dropout_mask
from nerva_py.quantities import element_type, native, real_array

from .backends import Backend, get_backend
from .densities import nonzeros
from .fitting import check_factors, check_linear, check_product
from .support import Support, checked_shape


class WeightMatrix:
    """W (K, D), sparse or dense: a `support`, and `data`, the values row by row, to which much is done whatever the kind."""

    __slots__ = ()
    __array_ufunc__ = None  # so that `X @ W` asks this class, not NumPy
    shape: Any
    dtype: Any
    nnz: Any
    data: Any
    support: Any

    density = property(
        lambda self: self.nnz / (self.shape[0] * self.shape[1]), doc="share of positions that have a weight"
    )
    full = property(lambda self: self.nnz == self.shape[0] * self.shape[1], doc="whether every position has a weight")
    T = property(lambda self: TransposedWeight(self), doc="Wᵀ, for `X @ W.T`")

    def __matmul__(self, A: np.ndarray) -> np.ndarray:
        """W A = (Aᵀ Wᵀ)ᵀ        A (D, N) -> (K, N)"""
        return (A.T @ self.T).T

    def __add__(self, other: Any) -> Any:
        """The sum of two matrices on one support."""
        return self.like(self.data + _same_support(self, other).data)

    def like(self, data: np.ndarray) -> Any:
        """A matrix on the same support with other values: a gradient, an optimizer state, a dropout mask."""
        raise NotImplementedError

    def astype(self, dtype: DTypeLike) -> Any:
        """The same matrix with values of another element type."""
        return self.like(self.data.astype(element_type(dtype)))


class SparseWeight(WeightMatrix):
    """W (K, D) in CSR: a `support` (shared, immutable) and `data`, the values in the order of the support.

    `X @ W.T`, `DY @ W` and `product_on(W, DY.T, X)` run in the kernels of `backend` and never form a dense K×D matrix.
    Batches X and DY are best kept batch-contiguous (`batch_empty`, `batch_layout`); others are copied into that layout.
    X may be a `SparseBatch`, too: then only the columns of W whose feature occurs in the batch are looked at.
    Raises ShapeError unless `data` has a value of float32 or float64 for each position.
    """

    __slots__ = ("backend", "data", "dtype", "nnz", "shape", "support")
    sparse = True  # stored in CSR

    def __init__(self, support: Support, data: np.ndarray, backend: str | Backend = "numba"):
        if data.shape != (support.nnz,) or data.dtype.char not in "fd":
            raise ShapeError(
                f"data must hold {support.nnz} values of float32 or float64, not {data.dtype} {data.shape}"
            )
        data = native(data)
        self.support = support
        self.shape = support.shape  # (K, D)
        self.nnz = data.size  # number of stored weights
        self.dtype = data.dtype  # float32 or float64
        self.data = data if data.flags.carray else data.copy()  # kernels are compiled for contiguous, writeable arrays
        self.backend = get_backend(backend) if isinstance(backend, str) else backend

    @classmethod
    def from_scipy(
        cls, matrix: sparray, dtype: DTypeLike | None = None, backend: str | Backend = "numba"
    ) -> SparseWeight:
        """From any SciPy sparse matrix; `dtype` is float32 unless the matrix is of float64 or it is given.

        Raises NervaError for what is no sparse matrix, for indices out of range and for a position that is stored twice.
        """
        csr = sorted_csr("matrix", matrix, NervaError)
        chosen = element_type(dtype or (np.float64 if csr.dtype.char == "d" else np.float32))
        return cls(Support._of_checked(csr), csr.data.astype(chosen), backend)

    @classmethod
    def from_dense(
        cls, array: np.ndarray, dtype: DTypeLike | None = None, backend: str | Backend = "numba"
    ) -> SparseWeight:
        """From a dense array: its nonzero elements are the support. Raises ShapeError for an array that is no matrix."""
        array = real_array("array", np.asarray(array))
        if array.ndim != 2:
            raise ShapeError(f"array must be a matrix, not of shape {array.shape}")
        return cls.from_scipy(csr_array(array), dtype, backend)

    @classmethod
    def random(
        cls,
        shape: tuple[int, int],
        density: float,
        rng: np.random.Generator,
        values: Callable[[Support, np.random.Generator], np.ndarray] | None = None,
        dtype: DTypeLike = np.float32,
        backend: str | Backend = "numba",
    ) -> SparseWeight:
        """Exactly round(density·K·D) positions drawn at random, with values from `values(support, rng)`, else uniform in
        ±1/√D. O(nnz log nnz) time, O(nnz) memory."""
        shape = checked_shape(shape)
        support = Support.random(shape, nonzeros(density, shape), rng)
        data = rng.uniform(-1, 1, support.nnz) / np.sqrt(shape[1]) if values is None else values(support, rng)
        return cls(support, np.asarray(data, element_type(dtype)), backend)

    nbytes = property(lambda self: self.data.nbytes + self.support.nbytes, doc="bytes of values and indices")

    @property
    def csr(self) -> csr_array:
        """The weights as a `scipy.sparse.csr_array` that shares their memory: values can be set, the positions are read-only,
        and SciPy raises a ValueError where it would change them, as in `eliminate_zeros`. `W.csr.copy()` can be changed."""
        return csr_array((self.data, self.support.indices, self.support.indptr), shape=self.shape)

    def __rmatmul__(self, DY: np.ndarray) -> np.ndarray:
        """DX = DY W        DY (N, K) -> (N, D)"""
        check_product(DY, self.shape[0], self, "DY @ W")
        return self.backend.product(DY, self)

    def like(self, data: np.ndarray) -> SparseWeight:
        """A matrix on the same support with other values: a gradient, an optimizer state, a dropout mask."""
        if data.shape != self.data.shape:
            raise ShapeError(f"data must hold {self.nnz} values, not {data.shape}")
        other = object.__new__(SparseWeight)
        other.support, other.backend, other.shape, other.nnz = self.support, self.backend, self.shape, self.nnz
        other.data, other.dtype = data if data.flags.carray else data.copy(), data.dtype
        return other

    def toarray(self) -> np.ndarray:
        """W as a dense NumPy array."""
        array = np.zeros(self.shape, self.dtype)
        array[self.support.rows(), self.support.indices] = self.data  # SciPy adds to 0, which makes 0 of −0
        return array

    def __repr__(self) -> str:
        K, D = self.shape
        return f"SparseWeight({K}×{D}, nnz={self.nnz}, density={self.density:.4g}, {self.dtype}, {self.backend.name})"


class TransposedWeight:
    """Wᵀ, waiting for its product."""

    __slots__ = ("T",)
    __array_ufunc__ = None

    def __init__(self, W: Any):
        self.T = W

    shape = property(lambda self: self.T.shape[::-1])

    def __rmatmul__(self, X: np.ndarray | SparseBatch) -> np.ndarray:
        """Y = X Wᵀ        X (N, D) -> (N, K)"""
        return linear(X, self.T, np.zeros((1, self.T.shape[0]), self.T.dtype))

    def __matmul__(self, A: np.ndarray) -> np.ndarray:
        """Wᵀ A = (Aᵀ W)ᵀ        A (K, N) -> (D, N)"""
        return (A.T @ self.T).T


@linear.register(SparseWeight)
def affine(X: np.ndarray, W: SparseWeight, b: np.ndarray) -> np.ndarray:
    check_linear(X, W, b)
    return W.backend.affine(X, W, b)


@activation_layer.register(SparseWeight)
def affine_apply(X: np.ndarray, W: SparseWeight, b: np.ndarray, f: Any) -> np.ndarray:
    if not isinstance(X, np.ndarray) or not isinstance(f, Activation):
        return activation_layer.definition(X, W, b, f)
    check_linear(X, W, b)
    return W.backend.affine_apply(X, W, b, f.function, f.parameters)


@table.product_on.register(SparseWeight)
def product_on(W: SparseWeight, A: np.ndarray, B: np.ndarray) -> SparseWeight:
    check_factors(A, B, W)
    return W.like(W.backend.weight_gradient(W, A.T, B))


@linear.register(SparseWeight, SparseBatch)
def affine_sparse_input(X: SparseBatch, W: SparseWeight, b: np.ndarray) -> np.ndarray:
    check_linear(X, W, b, SparseBatch)
    return W.backend.affine_sparse_input(X, W, b)


@table.product_on.register(SparseWeight, SparseBatch)
def product_on_sparse_input(W: SparseWeight, A: np.ndarray, B: SparseBatch) -> SparseWeight:
    check_factors(A, B, W, SparseBatch)
    return W.like(W.backend.weight_gradient_sparse_input(W, A.T, B))


@table.updated.register(WeightMatrix)
def updated(
    f: Callable[..., Any], W: WeightMatrix, G: WeightMatrix, states: Sequence[np.ndarray], constants: tuple[float, ...]
) -> tuple[WeightMatrix, Sequence[np.ndarray]]:
    update_numbers(f, W.data, G.data, states, constants)
    return W, states


@table.draw_mask.register(WeightMatrix)
def draw_mask(rng: np.random.Generator, like: WeightMatrix, rate: float) -> WeightMatrix:
    return like.like(dropout_mask(rng, like.data.shape, rate, like.dtype))


@table.hadamard.register(WeightMatrix)
def hadamard(X: WeightMatrix, Y: WeightMatrix) -> WeightMatrix:
    return X.like(X.data * _same_support(X, Y).data)


def _same_support(X: WeightMatrix, Y: WeightMatrix) -> WeightMatrix:
    if X.support is not Y.support and X.support != Y.support:
        raise ShapeError("the supports of two sparse matrices differ")
    return Y
