"""Intel MKL through sparse_dot_mkl, an optional extra."""

from __future__ import annotations

import importlib.metadata
import os
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from nerva_py.engine.memory import batch_empty
from nerva_py.errors import MissingBackendError
from nerva_py.sparse.backends import Backend

from .numba_backend import NumbaBackend

if TYPE_CHECKING:
    from nerva_py.sparse.weight import SparseWeight


def _load() -> Any:
    """sparse_dot_mkl's product. It looks for an older name than pip's `mkl` installs, so tell it the file.

    MKL brings an OpenMP runtime of its own, whose threads spin for 200 ms after a product, and so keep those of the other
    kernels waiting: an epoch of digits on a busy machine took 1.7 s, and 0.19 s where they do not; with MKL on GNU's runtime,
    MKL_THREADING_LAYER=GNU, 1.1 s (`nerva-py train --computation=mkl --epochs=4`). It reads the variable when it is loaded.
    """
    os.environ.setdefault("KMP_BLOCKTIME", "0")
    try:
        if "MKL_RT" not in os.environ:
            files = importlib.metadata.files("mkl") or []
            runtime = [file for file in files if "libmkl_rt" in file.name or file.name.startswith("mkl_rt")]
            if runtime:
                os.environ["MKL_RT"] = str(runtime[0].locate())
        from sparse_dot_mkl import dot_product_mkl
    except (ImportError, OSError, importlib.metadata.PackageNotFoundError) as error:
        raise MissingBackendError(
            "backend 'mkl' needs the packages mkl and sparse_dot_mkl: pip install 'nerva-py[mkl]'"
        ) from error
    return dot_product_mkl


class MKLBackend(NumbaBackend):
    """MKL's `csr @ dense` for the two products with W. MKL has no product on a support: that one stays with Numba."""

    name = "mkl"

    def __init__(self) -> None:
        self._dot = _load()

    def affine(self, X: np.ndarray, W: SparseWeight, b: np.ndarray) -> np.ndarray:
        Y = batch_empty(X.shape[0], W.shape[0], W.dtype)
        np.add(self._product(W.csr, X.T).T, b, out=Y)
        return Y

    affine_apply = Backend.affine_apply  # type: ignore[assignment]

    def product(self, DY: np.ndarray, W: SparseWeight) -> np.ndarray:
        DX = batch_empty(DY.shape[0], W.shape[1], W.dtype)
        # Given the view W.csr.T, in CSC, MKL takes five times as long.
        indptr, indices, perm = W.support.transposed
        transposed = csr_array((W.data[perm], indices, indptr), shape=W.shape[::-1])
        DX[...] = self._product(transposed, DY.T).T
        return DX

    def _product(self, W: Any, A: np.ndarray) -> np.ndarray:
        if W.nnz == 0 or A.shape[1] == 0:  # MKL refuses an empty matrix
            return np.zeros((W.shape[0], A.shape[1]), A.dtype)
        return np.asarray(self._dot(W, np.ascontiguousarray(A)))


BACKEND = MKLBackend()
