"""Who takes part in `products.py`: how each of them multiplies, in a process of its own."""

from __future__ import annotations

import ctypes
import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import harness
import numpy as np
from scipy.sparse import csr_array, random_array


class Contender:
    """A case is W, X and DY; `calls` are the products, `result` what they have left."""

    calls: dict[str, Callable[[], Any]]

    def case(self, shape: list[int], density: float, N: int) -> int:
        """Make the matrices, the same in every process; returns nnz."""
        rng = np.random.default_rng(1)
        K, D = shape
        W = random_array((K, D), density=density, format="csr", dtype=np.float32, rng=rng)
        W.sort_indices()
        W.indptr, W.indices = W.indptr.astype(np.int32), W.indices.astype(np.int32)
        self.W, self.N = W, N
        self.X, self.DY = rng.random((D, N), np.float32), rng.random((K, N), np.float32)
        self.prepare()
        return int(W.nnz)

    def prepare(self) -> None:
        """Set `calls`."""

    def time(self, product: str) -> harness.Times:
        return harness.seconds(self.calls[product])

    def offers(self) -> list[str]:
        return list(self.calls)

    def error(self, product: str) -> float:
        """Largest difference from float64 in a few rows, relative to the largest element."""
        found = self.result(product, self.calls[product]())
        K, D = self.W.shape
        rows = np.unique(np.linspace(0, (D if product == "DX" else K) - 1, 5).astype(int))
        if product == "DW":
            W = self.W
            places = np.concatenate([np.arange(W.indptr[k], W.indptr[k + 1]) for k in rows])
            k = np.searchsorted(W.indptr, places, side="right") - 1
            right = np.einsum("pn,pn->p", self.DY[k].astype(np.float64), self.X[W.indices[places]])
            found = found[places]
        else:
            part = self.W.T.tocsr()[rows] if product == "DX" else self.W[rows]
            right = part.astype(np.float64) @ (self.DY if product == "DX" else self.X).astype(np.float64)
            found = found[rows]
        return float(np.abs(found - right).max() / max(np.abs(right).max(), 1e-30)) if right.size else 0.0

    def result(self, product: str, returned: Any) -> np.ndarray:
        """As an array: (K, N), (D, N) or (nnz,)."""
        return np.asarray(returned)


class NervaPy(Contender):
    def prepare(self) -> None:
        from nerva_py.engine import batch_empty
        from nerva_py.sparse import SparseWeight

        W = SparseWeight.from_scipy(self.W)
        (K, D), N = W.shape, self.N
        X, DY, b = batch_empty(N, D), batch_empty(N, K), np.zeros((1, K), np.float32)
        X[...], DY[...] = self.X.T, self.DY.T
        self.calls = {
            "Y": lambda: W.backend.affine(X, W, b),
            "DX": lambda: W.backend.product(DY, W),
            "DW": lambda: W.backend.weight_gradient(W, DY, X),
        }

    def time(self, product: str) -> harness.Times:
        from nerva_py.engine import workspace

        with workspace():
            return super().time(product)

    def result(self, product: str, returned: Any) -> np.ndarray:
        return returned if product == "DW" else returned.T


class SparseDotMKL(Contender):
    """sparse_dot_mkl, as its users call it."""

    def __init__(self) -> None:
        from nerva_py.errors import MissingBackendError
        from nerva_py.sparse import get_backend

        # Read when MKL is loaded: exactly the threads that it is told; and these keep their cores busy for a millisecond
        # after a call, from one call to the next, and not for Intel's 200, into the turn of the next contender.
        os.environ |= {"MKL_DYNAMIC": "FALSE", "KMP_BLOCKTIME": "1"}
        try:
            get_backend("mkl")  # finds the library
        except MissingBackendError as error:
            raise ImportError(str(error)) from error

    def prepare(self) -> None:
        from sparse_dot_mkl import dot_product_mkl

        WT = self.W.T.tocsr()
        Y, DX = (np.zeros((size, self.N), np.float32) for size in self.W.shape)
        self.calls = {
            "Y": lambda: dot_product_mkl(self.W, self.X, out=Y, out_scalar=0.0),
            "DX": lambda: dot_product_mkl(WT, self.DY, out=DX, out_scalar=0.0),
        }

    def time(self, product: str) -> harness.Times:
        try:
            return super().time(product)
        finally:
            time.sleep(0.01)  # until MKL's threads sleep


class MKL(SparseDotMKL):
    """MKL through ctypes, with handles that are kept."""

    NORMAL, TRANSPOSED, ROW_MAJOR, NO_TRANS, TRANS, CALLS = 10, 11, 101, 111, 112, 100_000

    def __init__(self) -> None:
        super().__init__()
        self.library = ctypes.CDLL(os.environ["MKL_RT"])
        self.handles: list[Any] = []

    def prepare(self) -> None:
        for handle in self.handles:
            self.library.mkl_sparse_destroy(handle)
        self.handles.clear()
        (K, D), N = self.W.shape, self.N
        Y, DX, full = (np.zeros(size, np.float32) for size in ((K, N), (D, N), (K, D)))
        gradient, places = np.zeros(self.W.nnz, np.float32), _places(self.W)
        one, zero = ctypes.c_float(1), ctypes.c_float(0)
        X, DY, C = (_pointer(array) for array in (self.X, self.DY, full))

        def weight_gradient() -> np.ndarray:
            self.library.cblas_sgemm(self.ROW_MAJOR, self.NO_TRANS, self.TRANS, K, D, N, one, DY, N, X, N, zero, C, D)
            return np.take(full.reshape(-1), places, out=gradient, mode="clip")

        self.calls = {
            "Y": self._multiplication(self.NORMAL, self.X, Y),
            "DX": self._multiplication(self.TRANSPOSED, self.DY, DX),
            "DW": weight_gradient,
        }

    def handle_seconds(self) -> harness.Times:
        """To make and destroy a handle."""
        return harness.seconds(lambda: self.library.mkl_sparse_destroy(self._handle()))

    def _handle(self) -> Any:
        handle, W = ctypes.c_void_p(), self.W
        ends = ctypes.c_void_p(W.indptr.ctypes.data + W.indptr.itemsize)
        self._checked(
            self.library.mkl_sparse_s_create_csr(
                ctypes.byref(handle), 0, *W.shape, _pointer(W.indptr), ends, _pointer(W.indices), _pointer(W.data)
            )
        )
        return handle

    def _multiplication(self, operation: int, A: np.ndarray, B: np.ndarray) -> Callable[[], np.ndarray]:
        handle, N = self._handle(), self.N
        self.handles.append(handle)
        general, one, zero = _Description(20, 0, 0), ctypes.c_float(1), ctypes.c_float(0)
        a, b = _pointer(A), _pointer(B)
        if N == 1:
            self._checked(self.library.mkl_sparse_set_mv_hint(handle, operation, general, self.CALLS))
            product, arguments = self.library.mkl_sparse_s_mv, (operation, one, handle, general, a, zero, b)
        else:
            hint = (handle, operation, general, self.ROW_MAJOR, N, self.CALLS)
            self._checked(self.library.mkl_sparse_set_mm_hint(*hint))
            product = self.library.mkl_sparse_s_mm
            arguments = (operation, one, handle, general, self.ROW_MAJOR, a, N, N, zero, b, N)
        self._checked(self.library.mkl_sparse_optimize(handle))

        def multiply() -> np.ndarray:
            self._checked(product(*arguments))
            return B

        return multiply

    @staticmethod
    def _checked(status: int) -> None:
        if status:
            raise RuntimeError(f"MKL answers with status {status}")


class _Description(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int), ("fill", ctypes.c_int), ("diagonal", ctypes.c_int))


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _places(W: csr_array) -> np.ndarray:
    """Where the nonzeros stand in the dense matrix, row after row."""
    return np.repeat(np.arange(W.shape[0]) * W.shape[1], np.diff(W.indptr)) + W.indices


class TorchCSR(Contender):
    def __init__(self) -> None:
        import torch

        warnings.filterwarnings("ignore", message="Sparse")
        torch.set_num_threads(harness.thread_count())
        self.torch = torch

    def prepare(self) -> None:
        torch = self.torch
        W, WT = self._csr(self.W), self._csr(self.W.T.tocsr())
        X, DY = torch.from_numpy(self.X), torch.from_numpy(self.DY)
        Y, DX, DW = torch.empty(W.shape[0], self.N), torch.empty(W.shape[1], self.N), W.clone()
        self.calls = {
            "Y": lambda: torch.mm(W, X, out=Y),
            "DX": lambda: torch.mm(WT, DY, out=DX),
            "DW": lambda: torch.sparse.sampled_addmm(DW, DY, X.t(), beta=0.0, out=DW),
        }

    def result(self, product: str, returned: Any) -> np.ndarray:
        return (returned.values() if product == "DW" else returned).numpy()

    def _csr(self, W: csr_array) -> Any:
        parts = (self.torch.from_numpy(part) for part in (W.indptr, W.indices, W.data))
        return self.torch.sparse_csr_tensor(*parts, size=W.shape)


class SciPy(Contender):
    def prepare(self) -> None:
        self.calls = {"Y": lambda: self.W @ self.X, "DX": lambda: self.W.T @ self.DY}


class DenseBLAS(Contender):
    def prepare(self) -> None:
        W = self.W.toarray()
        Y, DX, DW = (np.empty(size, np.float32) for size in ((W.shape[0], self.N), (W.shape[1], self.N), W.shape))
        self.places = _places(self.W)
        self.calls = {
            "Y": lambda: np.matmul(W, self.X, out=Y),
            "DX": lambda: np.matmul(W.T, self.DY, out=DX),
            "DW": lambda: np.matmul(self.DY, self.X.T, out=DW),
        }

    def result(self, product: str, returned: Any) -> np.ndarray:
        return returned.reshape(-1)[self.places] if product == "DW" else returned


CONTENDERS = {
    "nerva_py": NervaPy,
    "MKL": MKL,
    "sparse_dot_mkl": SparseDotMKL,
    "torch CSR": TorchCSR,
    "SciPy": SciPy,
    "dense BLAS": DenseBLAS,
}
