"""The one place that holds the compile flags, and what kernels are written with: `kernel`, `at`, `column`, `prefetch`.

A kernel is a plain function on plain arrays: sizes, inputs, preallocated outputs, no validation. `@kernel(signature)`
compiles it on first use, once per element type, whatever the memory layout of the arrays that are passed.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.errors import TypingError
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, overload
from numba.np.arrayobj import make_array, populate_array

from nerva_py.errors import NervaError

from . import process
from .caching import kernel_cache
from .scalars import know_scalar_functions

# Without 'nnan' and 'ninf': a NaN must stay visible, a diverging run is found by looking for one.
FAST_MATH = {"reassoc", "contract", "nsz", "arcp", "afn"}
FLAGS: dict[str, Any] = {
    "nopython": True,
    "nogil": True,
    "boundscheck": False,
    "error_model": "numpy",
    "fastmath": FAST_MATH,
}

JIT = not numba.config.DISABLE_JIT

# `A[at(i)]` is `A[i]` for an i ≥ 0. Numba tests of a number with a sign whether it counts from the end: three instructions for
# each element, which before the short loops of a product were a tenth of its time.
at = np.uint64


# What the letters of a signature stand for: a type variable each, one type wherever it occurs in that signature; and the kinds
# of numbers that it may be.
REAL, INTEGER, UNSIGNED, ANY = "f", "iu", "u", "fiu"
VARIABLES = {
    "F": REAL,  # in which is computed
    **dict.fromkeys("GS", ANY),  # of samples; of what is moved or found
    **dict.fromkeys("IJKLQRTC", INTEGER),  # indices, pointers, counters
    "U": UNSIGNED,  # bytes
}


def kernel(signature: str, *, parallel: bool = False) -> Callable[[Callable[..., None]], Kernel]:
    """Decorator: compile a kernel on first use for the types that `signature` describes.

    One token an argument, separated by commas: `i` an intp, `f` a scalar of type F, `P1` a vector of int64, which cuts rows
    into parts; any other capital letter is a type variable, one of `VARIABLES`, followed by the number of dimensions: `F1` a
    contiguous vector, `F2` a matrix of any layout; `t3` a tuple of three scalars of type F, `v3` of three vectors. An `r`
    behind it says that the kernel only reads it: it may be read-only, as what joblib maps into memory is.
    So `"i, I1r, I1r, F1r, F2r, F2"` reads: a size, two index vectors, their values, a matrix, another one to write to.
    """
    return lambda function: Kernel(function, signature, parallel)


class Kernel:
    """A function that is compiled for each combination of element types when it is first looked up; see `kernel`.

    Each version is a dispatcher of its own, which is complete before anybody sees it: several threads may start cold.
    """

    def __init__(self, function: Callable[..., None], signature: str, parallel: bool):
        functools.update_wrapper(self, function)
        self.py_func = function
        self.signature = signature
        self.parallel = parallel
        self.options = {**FLAGS, "parallel": parallel}
        self._tokens = re.split(r",\s*", signature)
        letters = [token[0] for token in self._tokens]
        self.variables = [letter for letter in dict.fromkeys(letters) if letter in VARIABLES]
        self._shown = [letters.index(variable) for variable in self.variables]  # the first argument of each type
        self._first, self._last = self._shown[0], self._shown[-1]
        self._two_at_most = len(self._shown) <= 2
        self.versions: dict[tuple[np.dtype, ...], Callable[..., None]] = {}

    def __call__(self, *arguments: Any) -> None:
        if self._two_at_most:  # as nearly all kernels; this line is a part of every step, two dozen times
            given = arguments[self._first].dtype, arguments[self._last].dtype
        else:
            given = tuple([arguments[place].dtype for place in self._shown])
        version = self.versions.get(given)
        if version is None:
            version = self._compiled(given)
        version(*arguments)

    def _compiled(self, given: tuple[np.dtype, ...]) -> Callable[..., None]:
        """The version for these element types, made by the first thread that asks for it."""
        if not JIT:
            self.versions[given] = self.py_func
            return self.py_func
        with global_compiler_lock:
            if given not in self.versions:
                self.versions[given] = self._compile(given)
            return self.versions[given]

    def _compile(self, given: tuple[np.dtype, ...]) -> Callable[..., None]:
        know_scalar_functions()
        self._check(given)
        variables = {name: numba.from_dtype(dtype) for name, dtype in zip(self.variables, given, strict=False)}
        signature = tuple(_type(token, variables) for token in self._tokens)
        parallel = self.parallel and not process.forked()
        options = {**self.options, "parallel": parallel}
        dispatcher = numba.jit(**options)(self.py_func)
        dispatcher._cache = kernel_cache(self.py_func, options)
        try:
            with process.started_threads(), short_remainders():
                dispatcher.compile(signature)
        except TypingError as error:
            raise NervaError(
                f"cannot compile {self.py_func.__name__} for {', '.join(map(str, signature))}: {error}\n(a function "
                "of numbers may call others if they are decorated with nerva_py.matrix.scalars.scalar_function)"
            ) from error
        dispatcher.disable_compile()  # or every mixture of memory layouts would give a version of its own
        return process.threaded(self, dispatcher) if parallel else dispatcher

    def _check(self, given: tuple[np.dtype, ...]) -> None:
        for name, dtype in zip(self.variables, given, strict=False):
            if dtype.kind not in VARIABLES[name] or not dtype.isnative:
                raise TypeError(f"{self.py_func.__name__}: {dtype} is no type for {name} of {self.signature!r}")


def _type(token: str, variables: dict[str, types.Type]) -> types.Type:
    if token == "i":
        return types.intp
    if token == "f":
        return variables["F"]
    dimensions = int(token[1])
    if token[0] == "t":
        return types.UniTuple(variables["F"], dimensions)
    if token[0] == "v":
        return types.UniTuple(types.Array(variables["F"], 1, "C"), dimensions)
    layout = "C" if dimensions == 1 else "A"
    return types.Array(variables.get(token[0], types.int64), dimensions, layout, readonly=token.endswith("r"))


@contextmanager
def short_remainders() -> Iterator[None]:
    """While a kernel is compiled: what is left of a loop is taken by vectors of four, not one by one.

    A batch of 100 is 12 vectors of 8 numbers and 4 numbers more. By default LLVM does so only where its vectors have 16; with
    it the three products are 10 to 15 % faster with AVX2. The options are LLVM's own and hold for the process, so they are put
    back; nobody else compiles meanwhile, as Numba's lock is held. One that does not exist would end the process: versions not
    known are left alone.
    """
    known = (12, 0) <= llvm.llvm_version_info < (23, 0)
    try:
        if known:
            _remainders(4, 4)
        yield
    finally:
        if known:
            _remainders(16, 1)


def _remainders(least: int, forced: int) -> None:
    llvm.set_option("nerva_py", f"--epilogue-vectorization-minimum-VF={least}")
    llvm.set_option("nerva_py", f"--epilogue-vectorization-force-VF={forced}")


def column(X: np.ndarray, j: Any) -> np.ndarray:
    """Column j of a batch-contiguous X (N, D): the N adjacent values of feature j.

    Compiled, it tells the optimizer that they are adjacent, which the type of a strided matrix does not. In a parallel loop
    write to a column unconditionally: Numba takes it for unused, and drops it, where a condition decides whether it is written.
    """
    return X[:, j]


@intrinsic
def _adjacent_column(typing_context, X, j):
    result_type = types.Array(X.dtype, 1, "C", readonly=not X.mutable)

    def codegen(context, builder, signature, arguments):
        matrix = make_array(X)(context, builder, arguments[0])
        rows = cgutils.unpack_tuple(builder, matrix.shape)[0]
        stride = cgutils.unpack_tuple(builder, matrix.strides)[1]
        offset = builder.mul(
            stride, builder.sext(arguments[1], stride.type) if arguments[1].type != stride.type else arguments[1]
        )
        data = cgutils.pointer_add(builder, matrix.data, offset)
        itemsize = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(X.dtype)))
        result = make_array(result_type)(context, builder)
        # No meminfo: the column is only looked at while X is alive, and reference counts are not free.
        populate_array(result, data=data, shape=(rows,), strides=(itemsize,), itemsize=itemsize, meminfo=None)
        return impl_ret_borrowed(context, builder, result_type, result._getvalue())

    return result_type(X, j), codegen


@overload(column, inline="always")
def _column(X, j):
    return lambda X, j: _adjacent_column(X, j)


def prefetch(A: np.ndarray, j: Any) -> None:
    """Have A[j], or the beginning of column j of a batch-contiguous matrix, on its way when it will be needed.

    Compiled, it is one instruction, which loads a line into the first-level cache and waits for nothing. Without compilation it
    does nothing, as it changes no result.
    """


@intrinsic
def _prefetch(typing_context, A, j):
    def codegen(context, builder, signature, arguments):
        array = make_array(A)(context, builder, arguments[0])
        stride = cgutils.unpack_tuple(builder, array.strides)[-1]
        place = arguments[1] if arguments[1].type == stride.type else builder.sext(arguments[1], stride.type)
        address = builder.bitcast(
            cgutils.pointer_add(builder, array.data, builder.mul(stride, place)), ir.IntType(8).as_pointer()
        )
        number = ir.IntType(32)
        instruction = builder.module.declare_intrinsic(
            "llvm.prefetch", [address.type], ir.FunctionType(ir.VoidType(), [address.type, number, number, number])
        )
        read, keep, data = 0, 3, 1
        builder.call(instruction, [address, *(ir.Constant(number, value) for value in (read, keep, data))])
        return context.get_dummy_value()

    return types.void(A, j), codegen


@overload(prefetch, inline="always")
def _prefetched(A, j):
    return lambda A, j: _prefetch(A, j)
