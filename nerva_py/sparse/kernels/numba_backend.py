"""The default backend: the kernels of `compiled`, `few_samples` for few samples and `sparse_input` for sparse batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

from nerva_py.engine import SparseBatch
from nerva_py.engine.layout import batch_layout, vector_empty
from nerva_py.engine.memory import batch_empty
from nerva_py.matrix import apply
from nerva_py.sparse import plan
from nerva_py.sparse.backends import Backend, Function, Numbers

from . import compiled, few_samples, sparse_input

if TYPE_CHECKING:
    from nerva_py.sparse.support import Support
    from nerva_py.sparse.weight import SparseWeight


class NumbaBackend(Backend):
    """Numba kernels that stream along the batch, parallel over rows of the output, balanced by nnz."""

    name = "numba"

    def affine(self, X: np.ndarray, W: SparseWeight, b: np.ndarray) -> np.ndarray:
        return self.affine_apply(X, W, b, None, ())

    def affine_apply(
        self, X: np.ndarray, W: SparseWeight, b: np.ndarray, f: Function | None, parameters: Numbers
    ) -> np.ndarray:
        S, N = W.support, X.shape[0]
        bias = np.ascontiguousarray(b[0])
        if N == 1:
            y = np.empty(W.shape[0], W.dtype)
            run = compiled.affine_single(f, len(parameters), W.nnz >= plan.SINGLE)
            run(_parts(S), S.indptr, S.indices, W.data, np.ascontiguousarray(X[0]), bias, parameters, y)
            return y[None]
        Y, X = batch_empty(N, W.shape[0], W.dtype), batch_layout(X)
        few, parts, bounds, tiles = S.cuts.get((N, X.strides, False)) or plan.by_rows(S, X)
        if few:
            few_samples.affine(N)(parts, S.indptr, S.indices, W.data, X, bias, Y)
            return Y if f is None else apply(f, Y, *parameters)
        for start, vectors in tiles:
            run = compiled.affine(vectors, f, len(parameters))
            run(parts, bounds, S.indices, W.data, X, bias, parameters, Y, start)
        return Y

    def product(self, DY: np.ndarray, W: SparseWeight) -> np.ndarray:
        S, DY = W.support, batch_layout(DY)
        N, D = DY.shape[0], W.shape[1]
        DX = batch_empty(N, D, W.dtype)
        few, parts, bounds, tiles = S.cuts.get((N, DY.strides, True)) or plan.by_columns(S, DY)
        if few:
            sums = vector_empty(plan.PARTS * D * N, W.dtype)
            few_samples.product(N)(parts, S.indptr, S.indices, W.data, DY, sums)
            few_samples.sum_parts(plan.PARTS, N)(sums, DX)
        else:
            _, indices_T, perm = S.transposed
            for start, vectors in tiles:
                compiled.product(vectors)(parts, bounds, indices_T, perm, W.data, DY, DX, start)
        return DX

    def weight_gradient(self, W: SparseWeight, DY: np.ndarray, X: np.ndarray) -> np.ndarray:
        S, DY, X = W.support, batch_layout(DY), batch_layout(X)
        gradient = batch_empty(W.nnz, 1, W.dtype)[:, 0]
        cut = S.cuts.get((X.shape[0], X.strides, False)) or plan.by_rows(S, X)
        stream_gradient(S, DY, X, gradient, cut)
        return gradient

    def affine_sparse_input(self, X: SparseBatch, W: SparseWeight, b: np.ndarray) -> np.ndarray:
        S = W.support
        Y = batch_empty(X.shape[0], W.shape[0], W.dtype)
        parts, bias = S.parts(numba.get_num_threads()), np.ascontiguousarray(b[0])
        sparse_input.affine_sparse_input(parts, *S.transposed, W.data, *X.parts, bias, Y)
        return Y

    def weight_gradient_sparse_input(self, W: SparseWeight, DY: np.ndarray, X: SparseBatch) -> np.ndarray:
        gradient = vector_empty(W.nnz, W.dtype)
        gradient_on_support(W.support, DY, X, gradient)
        return gradient


def stream_gradient(S: Support, DY: np.ndarray, X: np.ndarray, gradient: np.ndarray, cut: plan.Cut) -> None:
    """gradient = DYᵀ X on the support, DY and X batch-contiguous"""
    if cut.few:
        few_samples.weight_gradient(X.shape[0])(cut.parts, S.indptr, S.indices, DY, X, gradient)
        return
    if not cut.tiles:  # a batch without samples
        gradient[:] = 0
    for start, vectors in cut.tiles:
        run = compiled.weight_gradient(vectors, start > 0)
        run(cut.parts, cut.bounds, S.indices, DY, X, gradient, start)


def gradient_on_support(S: Support, DY: np.ndarray, X: SparseBatch, gradient: np.ndarray) -> None:
    """gradient = DYᵀ X on the support"""
    parts = S.parts(numba.get_num_threads())
    sparse_input.weight_gradient_sparse_input(parts, S.indptr, *S.transposed, *X.parts, batch_layout(DY), gradient)


def _parts(S: Support) -> np.ndarray:
    """One part for each thread there can be. (How many are to be used just now takes a microsecond to ask.)"""
    return S.parts(numba.config.NUMBA_NUM_THREADS)


BACKEND = NumbaBackend()
