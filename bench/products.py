"""GFLOP/s of the three products of a sparse layer, and the density from which on a layer is faster in a dense array.

    python bench/products.py [--threads 2] [--short] [--json FILE] [--plot FILE]

Y = X Wᵀ, DX = DY W and DW = DYᵀ X on the support of W, float32, W (K, D) with a uniformly random support, N samples;
each takes 2·N·nnz operations, and GFLOP/s counts these alone, also of those who compute more. The contenders:

- nerva_py: the products as layers call them, inside `workspace()`, all of Python's overhead included;
- MKL: `mkl_sparse_s_mm` (`_mv` for N = 1) on a handle that is kept, after its hint and `mkl_sparse_optimize`, so neither
  handles nor Python count: the best that it can do. MKL has no product on a support: DW is its `sgemm` followed by a
  gather of the support, as in Nerva's C++;
- sparse_dot_mkl: `dot_product_mkl(csr, dense, out=...)`, which makes a handle a call; for DX of a CSR copy of Wᵀ whose
  making and refreshing does not count. The time to make and destroy a handle stands in a table of its own;
- torch CSR: `torch.mm(csr, dense, out=...)`, for DX of such a copy, and `torch.sparse.sampled_addmm(..., out=...)`;
- SciPy: `csr @ dense`, one thread; no DW, for which it has no function;
- dense BLAS: NumPy's `matmul(..., out=...)` of full matrices, DW included.

All have the batch adjacent in memory (dense is a C-contiguous (D, N)), preallocated outputs where their interface takes
them, the same threads, a process each. Every result is compared with float64. In a pass over all cases the contenders take
turns, with a pause between them, as threads of Intel's OpenMP spin for 0.2 s after their last call. Passes follow one another,
so that what disturbs the machine for seconds does not meet a case in all of them; reported are the fastest call, and the
median of the passes' medians.

The last table is about a whole step of a layer (forward, backward and Nesterov update, batch 100) in CSR against a
`DenseWeight` with its mask: `nerva_py.network.BREAK_EVEN_DENSITY`.
"""

from __future__ import annotations

import ctypes
import functools
import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import harness
import numpy as np
from products_report import (
    BATCH,
    BATCH_DENSITY,
    PRODUCTS,
    plot,
    print_bar,
    print_crossings,
    print_handles,
    print_rates,
    united,
)
from scipy.sparse import csr_array, random_array

SHAPES = ((1024, 3072), (512, 1024), (4096, 4096), (10, 512))
DENSITIES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
BATCHES = (1, 10, 32, 100, 128, 512)
BATCH_DENSITIES = (BATCH_DENSITY, 0.1)  # at which all batch sizes are measured; at the others only `BATCH`
BREAK_EVEN = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
PAUSE = 0.25  # seconds
TOLERANCE = 1e-4  # of float32 sums, relative to the largest element


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
        from nerva_py.matrix import batch_empty
        from nerva_py.sparse import SparseWeight

        W = SparseWeight.from_scipy(self.W)
        (K, D), N = W.shape, self.N
        X, DY, b = batch_empty(N, D), batch_empty(N, K), np.zeros((1, K), np.float32)
        X[...], DY[...] = self.X.T, self.DY.T
        self.calls = {
            "Y": lambda: W.backend.affine(X, W, b),
            "DX": lambda: W.backend.product(DY, W),
            "DW": lambda: W.backend.product_on(W, DY, X),
        }

    def time(self, product: str) -> harness.Times:
        from nerva_py.matrix import workspace

        with workspace():
            return super().time(product)

    def result(self, product: str, returned: Any) -> np.ndarray:
        return returned if product == "DW" else returned.T

    def layer_step(self, shape: list[int], density: float, dense: bool) -> harness.Times:
        """Of forward, backward and Nesterov update of a layer."""
        from nerva_py.matrix import one_blas_thread, workspace

        step = _layer_steps(tuple(shape), density)[dense]
        with workspace(), one_blas_thread:
            return harness.seconds(step)


@functools.lru_cache(maxsize=1)
def _layer_steps(shape: tuple[int, int], density: float) -> tuple[Callable[[], None], Callable[[], None]]:
    from nerva_py.doctor.speed import layer_steps

    return layer_steps(shape, density, BATCH)


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


def measure(
    workers: dict[str, harness.Process], shape: tuple[int, int], density: float, N: int
) -> list[dict[str, Any]]:
    """A row for each product: one turn of every contender."""
    nnz = max(worker.ask("case", shape=shape, density=density, N=N) for worker in workers.values())
    handle = workers["MKL"].ask("handle_seconds") if "MKL" in workers else None
    seconds: dict[str, dict[str, harness.Times]] = {product: {} for product in PRODUCTS}
    for name, worker in workers.items():
        time.sleep(PAUSE)
        for product in worker.ask("offers"):
            if not (error := worker.ask("error", product=product)) < TOLERANCE:
                raise SystemExit(f"{name}: {PRODUCTS[product]} is wrong, relative error {error:.2g}")
            seconds[product][name] = worker.ask("time", product=product)
    case = {"shape": shape, "density": density, "N": N, "nnz": nnz, "mkl_handle_seconds": handle}
    return [{**case, "product": product, "seconds": times} for product, times in seconds.items()]


def break_even(worker: harness.Process, shape: tuple[int, int], densities: tuple[float, ...], rounds: int) -> dict:
    """Where the time of a layer's step in CSR crosses that in a dense array, interpolated between densities (minima)."""
    from nerva_py.doctor.speed import crossing

    ratios, times = [], []
    for density in densities:
        ask = functools.partial(worker.ask, "layer_step", shape=shape, density=density)
        forms = {"CSR": functools.partial(ask, dense=False), "dense": functools.partial(ask, dense=True)}
        found = harness.alternate(forms, rounds)
        times.append(found)
        ratios.append(found["CSR"]["minimum"] / found["dense"]["minimum"])
    return {
        "shape": shape,
        "densities": densities,
        "ratios": ratios,
        "seconds": times,
        "density": crossing(densities, ratios),
    }


def main(
    threads: harness.Threads = 2,
    short: harness.Short = False,
    json_file: harness.JsonFile = None,
    plot_file: harness.PlotFile = None,
) -> None:
    """GFLOP/s of the three products over densities, batch sizes and shapes, and the break-even density."""
    shapes = SHAPES[1:2] if short else SHAPES
    densities = (0.01, 0.1) if short else DENSITIES
    batches = (1, BATCH) if short else BATCHES
    rounds = 2 if short else 3
    facts = harness.heading(threads)
    workers = harness.processes(__file__, list(CONTENDERS), threads)
    names = list(workers)
    cases = [
        (shape, density, N)
        for shape in shapes
        for density in densities
        for N in (batches if density in BATCH_DENSITIES else (BATCH,))
    ]
    passes: list[list[dict[str, Any]]] = []
    for _ in range(rounds):
        passes.append([row for case in cases for row in measure(workers, *case)])
        harness.write_json(json_file, facts, rows=united(passes))
    rows = united(passes)
    print_rates([row for row in rows if row["N"] == BATCH], names, "density")
    print_rates([row for row in rows if row["density"] == BATCH_DENSITY], names, "N")
    print_bar(rows)
    if "MKL" in workers:
        print_handles(rows)
    crossings = [
        break_even(workers["nerva_py"], shape, BREAK_EVEN[1::2] if short else BREAK_EVEN, rounds) for shape in shapes
    ]
    print_crossings(crossings)
    for worker in workers.values():
        worker.close()
    harness.write_json(json_file, facts, rows=rows, break_even=crossings)
    if plot_file:
        plot(plot_file, rows, names)


if __name__ == "__main__":
    harness.run(main, CONTENDERS)
