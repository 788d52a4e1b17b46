"""The default backend: the kernels of `compiled`; of `byte_input` and `sparse_input` for batches of bytes and sparse ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from nerva_py.engine import ByteBatch, SparseBatch
from nerva_py.engine.layout import batch_empty, batch_layout, vector_empty

from . import byte_input, compiled, few_samples, sparse_input

if TYPE_CHECKING:
    from nerva_py.sparse.support import Support
    from nerva_py.sparse.weight import SparseWeight

# Blocks of features pay while a block of X stays in a second-level cache, here of 1 MB a core, and a row has enough nonzeros in
# each. Measured with batch 100 and 2 threads: 1024×3072 at densities of 0.04 to 0.17, 3 blocks, Y takes 0.95 and DW 0.89 of the
# time; 4096×4096 at 0.2, 4 blocks, Y 0.8, DX 0.5 and DW 0.75; at 0.05, where a column has 50 nonzeros in each, DX takes 1.2.
CACHE = 2**19  # bytes of X in a block of features, at most
ROW, COLUMN = 32, 128  # nonzeros in a block, on the average, at least
FEW = 8192  # nonzeros: with fewer, a single sample is done before a second thread has started


class NumbaBackend:
    """Numba kernels that stream along the batch, parallel over rows of the output, balanced by nnz."""

    name = "numba"

    def affine(self, X: np.ndarray, W: SparseWeight, b: np.ndarray) -> np.ndarray:
        S = W.support
        bias = np.ascontiguousarray(b[0])
        if X.shape[0] == 1:
            y = np.empty(W.shape[0], W.dtype)
            run = compiled.affine_single if W.nnz >= FEW else compiled.affine_single_serial
            run(_parts(S), S.indptr, S.indices, W.data, np.ascontiguousarray(X[0]), bias, y)
            return y[None]
        Y, X = batch_empty(X.shape[0], W.shape[0], W.dtype), batch_layout(X)
        if few_samples.pays(W.nnz, X.shape[0]):
            few_samples.affine(X.shape[0])(_parts(S), S.indptr, S.indices, W.data, X, bias, Y)
        else:
            compiled.affine(_parts(S), _blocks(S, X), S.indices, W.data, X, bias, Y)
        return Y

    def affine_apply_single(
        self, X: np.ndarray, W: SparseWeight, b: np.ndarray, f: Callable[..., Any], parameters: tuple[float, ...]
    ) -> np.ndarray:
        S = W.support
        y = np.empty(W.shape[0], W.dtype)
        run = compiled.affine_apply_single(f, len(parameters), W.nnz >= FEW)
        x, bias = np.ascontiguousarray(X[0]), np.ascontiguousarray(b[0])
        run(_parts(S), S.indptr, S.indices, W.data, x, bias, parameters, y)
        return y[None]

    def product(self, DY: np.ndarray, W: SparseWeight) -> np.ndarray:
        S = W.support
        N, D = DY.shape[0], W.shape[1]
        DX = batch_empty(N, D, W.dtype)
        if few_samples.scatters(W.nnz, D, N):
            parts = S.parts(few_samples.PARTS)
            sums = vector_empty(few_samples.PARTS * D * N, W.dtype)
            few_samples.product(N)(parts, S.indptr, S.indices, W.data, batch_layout(DY), sums)
            few_samples.sum_parts(few_samples.PARTS, N)(sums, DX)
            return DX
        _, indices_T, perm = S.transposed
        DY = batch_layout(DY)
        compiled.product(_parts(S, True), _blocks(S, DY, True), indices_T, perm, W.data, DY, DX)
        return DX

    def product_on(self, W: SparseWeight, DY: np.ndarray, X: np.ndarray) -> np.ndarray:
        S = W.support
        gradient = vector_empty(W.nnz, W.dtype)
        N, DY, X = X.shape[0], batch_layout(DY), batch_layout(X)
        if few_samples.pays(W.nnz, N):
            few_samples.product_on(N)(_parts(S), S.indptr, S.indices, DY, X, gradient)
        else:
            compiled.product_on(_parts(S), _blocks(S, X), S.indices, DY, X, gradient)
        return gradient

    def affine_bytes(self, X: ByteBatch, W: SparseWeight, b: np.ndarray) -> np.ndarray:
        S, bias = W.support, np.ascontiguousarray(b[0])
        Y = batch_empty(X.shape[0], W.shape[0], W.dtype)
        byte_input.affine_bytes(_parts(S), S.indptr, S.indices, W.data, X.u, X.scale, X.shift, bias, Y)
        return Y

    def product_on_bytes(self, W: SparseWeight, DY: np.ndarray, X: ByteBatch) -> np.ndarray:
        S, gradient = W.support, vector_empty(W.nnz, W.dtype)
        DY = batch_layout(DY)
        byte_input.product_on_bytes(_parts(S), S.indptr, S.indices, DY, X.u, X.scale, X.shift, gradient)
        return gradient

    def affine_sparse_input(self, X: SparseBatch, W: SparseWeight, b: np.ndarray) -> np.ndarray:
        S = W.support
        Y = batch_empty(X.shape[0], W.shape[0], W.dtype)
        parts, bias = S.parts(numba.get_num_threads()), np.ascontiguousarray(b[0])
        sparse_input.affine_sparse_input(parts, *S.transposed, W.data, *X.parts, bias, Y)
        return Y

    def product_on_sparse_input(self, W: SparseWeight, DY: np.ndarray, X: SparseBatch) -> np.ndarray:
        gradient = vector_empty(W.nnz, W.dtype)
        product_on_support(W.support, DY, X, gradient)
        return gradient


def product_on_support(S: Support, DY: np.ndarray, X: SparseBatch, gradient: np.ndarray) -> None:
    """gradient = DYᵀ X on the support"""
    parts = S.parts(numba.get_num_threads())
    sparse_input.product_on_sparse_input(parts, S.indptr, *S.transposed, *X.parts, batch_layout(DY), gradient)


def _parts(S: Support, transposed: bool = False) -> np.ndarray:
    """One part for each thread there can be. (How many are to be used just now takes a microsecond to ask.)"""
    return S.parts(numba.config.NUMBA_NUM_THREADS, transposed)


def _blocks(S: Support, X: np.ndarray, transposed: bool = False) -> np.ndarray:
    """Bounds of blocks of features: of such a width that their columns of X stay in a cache, and a row has enough in each."""
    least = COLUMN * S.shape[1] if transposed else ROW * S.shape[0]
    wanted = X.shape[1] * X.strides[1] // CACHE + 1
    return S.blocks(max(1, min(wanted, S.nnz // max(1, least))), transposed)


BACKEND = NumbaBackend()
