"""A dense weight matrix behind the interface of `SparseWeight`: a layer with a weight at every position."""

from __future__ import annotations

import numpy as np
from numba import prange

from nerva_py.engine.blas import gemm_address, matmul, matmul_bias, one_blas_thread
from nerva_py.engine.compiling import column, kernel
from nerva_py.engine.layout import batch_layout, vector_empty
from nerva_py.engine.memory import batch_empty
from nerva_py.engine.sparse_batch import SparseBatch
from nerva_py.equations.linear import linear
from nerva_py.errors import ShapeError
from nerva_py.matrix import primitives as table
from nerva_py.quantities import native

from .fitting import check_factors, check_linear, check_product
from .kernels.dense_sparse_input import dense_affine_sparse_input, dense_weight_gradient_sparse_input
from .support import FullSupport
from .weight import WeightMatrix


class DenseWeight(WeightMatrix):
    """W (K, D) as an array, with products in the threads and in the memory layout of the sparse kernels.

    Its support is implicit: no index is stored. Raises ShapeError for an array that is no matrix of float32 or float64.
    """

    __slots__ = ("array", "backend")
    sparse = False  # stored in an array

    def __init__(self, array: np.ndarray, backend: str = "numba"):
        if array.ndim != 2 or array.dtype.char not in "fd":
            raise ShapeError(f"array must be a matrix of float32 or float64, not {array.dtype} {array.shape}")
        array = native(array)
        # Kernels are compiled for contiguous, writeable arrays.
        self.array = array if array.flags.carray else array.copy(order="C")
        self.backend = backend  # of the products once it has lost a weight

    shape = property(lambda self: self.array.shape, doc="(K, D)")
    dtype = property(lambda self: self.array.dtype, doc="float32 or float64")
    nnz = property(lambda self: self.array.size, doc="number of weights, K·D")
    nbytes = property(lambda self: self.array.nbytes, doc="bytes of the weights")
    data = property(lambda self: self.array.reshape(-1), doc="the weights as one vector (a view), row by row")
    support = property(lambda self: FullSupport(self.shape), doc="every position; made when it is asked for")

    def __rmatmul__(self, DY: np.ndarray) -> np.ndarray:
        """DX = DY W"""
        check_product(DY, self.shape[0], self, "DY @ W")
        DX = batch_empty(DY.shape[0], self.shape[1], self.dtype)
        with one_blas_thread:
            matmul(gemm_address(self.dtype), batch_layout(DY), self.array, DX)
        return DX

    def like(self, data: np.ndarray) -> DenseWeight:
        """A matrix of the same shape with other values."""
        other = object.__new__(DenseWeight)
        other.array, other.backend = data.reshape(self.shape), self.backend
        return other

    def toarray(self) -> np.ndarray:
        """W as a NumPy array (a copy)."""
        return self.array.copy()

    def __repr__(self) -> str:
        return f"DenseWeight({self.shape[0]}×{self.shape[1]}, {self.dtype})"


@linear.register(DenseWeight)
def affine(X: np.ndarray, W: DenseWeight, b: np.ndarray) -> np.ndarray:
    check_linear(X, W, b)
    Y = batch_empty(X.shape[0], W.shape[0], W.dtype)
    if X.shape[0] == 1:
        affine_row(np.ascontiguousarray(X[0]), W.array, np.ascontiguousarray(b[0]), Y[0])
        return Y
    with one_blas_thread:
        matmul_bias(gemm_address(W.dtype), batch_layout(X), W.array.T, np.ascontiguousarray(b[0]), Y)
    return Y


@kernel("F1r, F2r, F1r, F1", parallel=True)
def affine_row(x, W, b, y):  # type: ignore[no-untyped-def]
    """y = x Wᵀ + b for a single sample        x (D,), W (K, D) C-contiguous, b (K,), y (K,): W is read once, by rows"""
    for k in prange(y.size):
        w = column(W.T, k)
        total = b[k]
        for d in range(x.size):
            total += w[d] * x[d]
        y[k] = total


@linear.register(DenseWeight, SparseBatch)
def affine_sparse_input(X: SparseBatch, W: DenseWeight, b: np.ndarray) -> np.ndarray:
    check_linear(X, W, b, SparseBatch)
    Y = batch_empty(X.shape[0], W.shape[0], W.dtype)
    dense_affine_sparse_input(*X.parts, W.array, np.ascontiguousarray(b[0]), Y)
    return Y


@table.product_on.register(DenseWeight, SparseBatch)
def product_on_sparse_input(W: DenseWeight, A: np.ndarray, B: SparseBatch) -> DenseWeight:
    check_factors(A, B, W, SparseBatch)
    DW = W.like(vector_empty(W.array.size, W.dtype))
    dense_weight_gradient_sparse_input(*B.parts, batch_layout(A.T), DW.array)
    return DW


@table.product_on.register(DenseWeight)
def product_on(W: DenseWeight, A: np.ndarray, B: np.ndarray) -> DenseWeight:
    check_factors(A, B, W)
    DW = W.like(vector_empty(W.array.size, W.dtype))
    with one_blas_thread:
        matmul(gemm_address(W.dtype), batch_layout(B).T, batch_layout(A.T), DW.array.T)
    return DW
