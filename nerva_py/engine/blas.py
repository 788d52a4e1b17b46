"""Dense products in the same threads as the sparse ones.

NumPy's `@` uses the thread pool of its BLAS, Numba's loops another, and two pools that spin against each other cost more
than they compute. So a product is cut into fixed blocks of columns, or of rows where the columns are few; Numba's threads call
a BLAS that is told to use one thread. The blocks do not depend on the number of threads, so neither does a single bit of the
result.
"""

from __future__ import annotations

import threading
from functools import cache, lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import prange
from numba.core import cgutils, types
from numba.extending import get_cython_function_address, intrinsic, overload

from nerva_py.matrix.scalars import scalar_function

from . import process
from .compiling import column, kernel

COLUMNS = 128  # columns a block: enough work to amortize the packing of A, enough blocks to share
ROWS = 128  # rows a block at most, where there are no more columns than these: the output layer of a classifier
EIGHT = 8  # rows that BLAS computes together


def multiply_into(gemm: int, A: np.ndarray, B: np.ndarray, C: np.ndarray) -> None:
    """C = A B, C batch-contiguous, A and B with unit stride along either axis. `gemm` is the address of BLAS's routine."""
    C[...] = A @ B


@scalar_function
def block_height(M: int, N: int) -> int:
    """Rows of a block of an (M, N) matrix: all, or for few columns at most 128, so that the number of blocks is even."""
    if N > COLUMNS:
        return max(1, M)
    blocks = 2 * max(1, (M + 2 * ROWS - 1) // (2 * ROWS))
    return max(1, (M + blocks * EIGHT - 1) // (blocks * EIGHT)) * EIGHT


@kernel("i, F2r, F2r, F2", parallel=True)
def matmul(gemm, A, B, C):
    """C = A B        A (M, L), B (L, N), C (M, N) batch-contiguous"""
    M, N = C.shape
    height = block_height(M, N)
    across = (N + COLUMNS - 1) // COLUMNS
    for block in prange(across * ((M + height - 1) // height)):
        i, j = block // across * height, block % across * COLUMNS
        rows, columns = slice(i, min(M, i + height)), slice(j, min(N, j + COLUMNS))
        multiply_into(gemm, A[rows], B[:, columns], C[rows, columns])


@kernel("i, F2r, F2r, F1r, F2", parallel=True)
def matmul_bias(gemm, A, B, b, C):
    """C = A B + 1_M b        A (M, L), B (L, N), b (N,), C (M, N) batch-contiguous"""
    M, N = C.shape
    height = block_height(M, N)
    across = (N + COLUMNS - 1) // COLUMNS
    for block in prange(across * ((M + height - 1) // height)):
        i, j = block // across * height, block % across * COLUMNS
        rows, columns = slice(i, min(M, i + height)), slice(j, min(N, j + COLUMNS))
        multiply_into(gemm, A[rows], B[:, columns], C[rows, columns])
        for k in range(columns.start, columns.stop):
            c = column(C, k)[rows]
            for r in range(c.size):
                c[r] += b[k]


@cache
def gemm_address(dtype: np.dtype) -> int:
    """Address of `sgemm` or `dgemm` in the BLAS that SciPy brings."""
    return get_cython_function_address("scipy.linalg.cython_blas", {"f": "sgemm", "d": "dgemm"}[dtype.char])


class _OneBlasThread:
    """Context in which BLAS computes in the calling thread. It may be nested; only the outermost one costs anything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        process.hold_across_forks(self._lock)
        self._depth = 0
        self._before: list[int] = []

    def __enter__(self) -> None:
        with self._lock:
            if self._depth == 0:
                self._before = [library.get_num_threads() for library in _blas_libraries()]
                for library in _blas_libraries():
                    library.set_num_threads(1)
            self._depth += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                for library, threads in zip(_blas_libraries(), self._before, strict=True):
                    library.set_num_threads(threads)


one_blas_thread = _OneBlasThread()


@lru_cache(maxsize=1)
def _blas_libraries() -> list[Any]:
    import scipy.linalg.cython_blas  # noqa: F401  loads the library that is to be found
    from threadpoolctl import ThreadpoolController

    return [library for library in ThreadpoolController().lib_controllers if library.user_api == "blas"]


# ------------------------------------------------------------------------------------ what `multiply_into` compiles to


@intrinsic
def _call_gemm(typing_context, gemm, transposed_a, transposed_b, m, n, k, a, lda, b, ldb, c, ldc, one):
    """BLAS takes every argument by reference: put the numbers on the stack and call the address."""

    def codegen(context, builder, signature, arguments):
        gemm, transposed_a, transposed_b, m, n, k, a, lda, b, ldb, c, ldc, one = arguments
        i8, i32, number = ir.IntType(8), ir.IntType(32), one.type

        def reference(value):
            return cgutils.alloca_once_value(builder, value)

        def integer(value):
            return reference(builder.trunc(value, i32))

        def letter(transposed):
            return reference(builder.select(transposed, i8(ord("T")), i8(ord("N"))))

        def pointer(value):
            return builder.inttoptr(value, number.as_pointer())

        values = [letter(transposed_a), letter(transposed_b), integer(m), integer(n), integer(k), reference(one)]
        values += [pointer(a), integer(lda), pointer(b), integer(ldb), reference(number(0.0)), pointer(c), integer(ldc)]
        routine = ir.FunctionType(ir.VoidType(), [value.type for value in values])
        builder.call(builder.inttoptr(gemm, routine.as_pointer()), values)
        return context.get_dummy_value()

    flags, sizes = [types.boolean] * 2, [types.intp] * 9
    return types.none(types.intp, *flags, *sizes, one), codegen


@overload(multiply_into)
def _multiply_into(gemm, A, B, C):
    def multiply(gemm, A, B, C):
        # BLAS sees column-major matrices: one with unit stride along its rows instead is the transpose of such a one.
        size = C.itemsize
        # (A single row has any stride between its columns, so it is a column-major matrix.)
        row_major_a = A.strides[0] != size and A.shape[0] > 1
        row_major_b = B.strides[0] != size and B.shape[0] > 1
        lda = max(A.strides[0] if row_major_a else A.strides[1], size) // size
        ldb = max(B.strides[0] if row_major_b else B.strides[1], size) // size
        m, n, k = A.shape[0], B.shape[1], A.shape[1]
        _call_gemm(
            gemm, row_major_a, row_major_b, m, n, k,
            A.ctypes.data, max(lda, k if row_major_a else m),
            B.ctypes.data, max(ldb, n if row_major_b else k),
            C.ctypes.data, max(C.strides[1] // size, m), C.dtype.type(1),
        )  # fmt: skip

    return multiply
