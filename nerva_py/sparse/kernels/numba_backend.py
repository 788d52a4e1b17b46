"""The default backend: the kernels of `compiled`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from nerva_py.matrix.layout import batch_empty, batch_layout, vector_empty

from . import compiled

if TYPE_CHECKING:
    from nerva_py.sparse.weight import SparseWeight


class NumbaBackend:
    """Numba kernels that stream along the batch, parallel over rows of the output, balanced by nnz."""

    name = "numba"

    def affine(self, X: np.ndarray, W: SparseWeight, b: np.ndarray) -> np.ndarray:
        S = W.support
        Y = batch_empty(X.shape[0], W.shape[0], W.dtype)
        parts = S.parts(numba.get_num_threads())
        bias = np.ascontiguousarray(b[0])
        if X.shape[0] == 1:
            compiled.affine_single(parts, S.indptr, S.indices, W.data, np.ascontiguousarray(X[0]), bias, Y[0])
        else:
            compiled.affine(parts, S.indptr, S.indices, W.data, batch_layout(X), bias, Y)
        return Y

    def affine_apply_single(
        self, X: np.ndarray, W: SparseWeight, b: np.ndarray, f: Callable[..., Any], parameters: tuple[float, ...]
    ) -> np.ndarray:
        S = W.support
        Y = np.empty((1, W.shape[0]), W.dtype)
        run = compiled.affine_apply_single(f, len(parameters))
        x, bias = np.ascontiguousarray(X[0]), np.ascontiguousarray(b[0])
        run(S.parts(numba.get_num_threads()), S.indptr, S.indices, W.data, x, bias, parameters, Y[0])
        return Y

    def product(self, DY: np.ndarray, W: SparseWeight) -> np.ndarray:
        S = W.support
        DX = batch_empty(DY.shape[0], W.shape[1], W.dtype)
        compiled.product(S.parts(numba.get_num_threads(), True), *S.transposed, W.data, batch_layout(DY), DX)
        return DX

    def product_on(self, W: SparseWeight, DY: np.ndarray, X: np.ndarray) -> np.ndarray:
        S = W.support
        gradient = vector_empty(W.nnz, W.dtype)
        parts = S.parts(numba.get_num_threads())
        compiled.product_on(parts, S.indptr, S.indices, batch_layout(DY), batch_layout(X), gradient)
        return gradient


BACKEND = NumbaBackend()
