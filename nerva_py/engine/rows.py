"""A row of a batch in registers: what the products of a sparse layer are written with.

The row of a feature, or a tile of it, stays in vector registers while the nonzeros of a row of W go by: for each, one number is
spread over a vector, and there is a load and a multiply-add for each register. A kernel says so in plain Python,

    row = fill(b[k], VECTORS)
    for p in range(start, end):
        row = multiply_add(row, data[p], load(X, indices[p], 0, VECTORS))
    store(row, Y, k, 0)

which is what runs, on slices of arrays, without compilation and on symbols. Compiled, a row is `VECTORS` vectors of as many
numbers as a register of this machine has. Of the last one only what the batch has is read and written, by a mask, so that
batches of any size and layout of padding will do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.extending import intrinsic, overload, register_model
from numba.np.arrayobj import make_array

from .processor import vector_bytes, vector_registers

INT32, INT64 = ir.IntType(32), ir.IntType(64)
CONTRACT = ("contract",)  # a product and a sum may become one instruction, which rounds once


BYTES = vector_bytes()  # of a register
# Registers that a row may take; the others hold a number of W and what is being loaded.
MOST = 28 if vector_registers() == 32 else 13
SYMBOLS = 2  # "lanes" where nothing is compiled for the type


def lanes(dtype: Any) -> int:
    """Numbers in a vector."""
    return BYTES // dtype.itemsize if np.dtype(dtype).kind == "f" else SYMBOLS


@overload(lanes, inline="always")
def _lanes(dtype):
    count = BYTES * 8 // dtype.dtype.bitwidth
    return lambda dtype: count


def tiles(N: int, dtype: Any) -> list[tuple[int, int]]:
    """How a batch of N samples is cut: the first sample and the vectors of each tile, of at most two widths."""
    width = lanes(dtype)
    vectors = -(-N // width)
    count = -(-vectors // MOST)
    each = -(-vectors // max(1, count))
    return [(first * width, min(each, vectors - first)) for first in range(0, vectors, max(1, each))]


# --------------------------------------------------------------------------------------- what kernels call, without compilation


def load(A: np.ndarray, j: Any, start: Any, vectors: int) -> Any:
    """A[start : start + vectors·lanes, j], of a batch-contiguous A, as far as A has rows."""
    return A[start : start + vectors * lanes(A.dtype), j].copy()


def fill(value: Any, vectors: int) -> Any:
    """The same number everywhere."""
    return value


def multiply_add(row: Any, w: Any, x: Any) -> Any:
    """row + w x"""
    return row + w * x


def store(row: Any, A: np.ndarray, j: Any, start: Any, vectors: int) -> None:
    """Write the row where `load` reads it."""
    A[start : start + vectors * lanes(A.dtype), j] = row


def inner(row: Any, x: Any) -> Any:
    """Σ_i row_i x_i"""
    return (row * x).sum()


def four_inner(row: Any, X: np.ndarray, indices: np.ndarray, p: Any, start: Any, vectors: int) -> Any:
    """Σ_i row_i X[i, j] for j = indices[p], ..., indices[p + 3]: four sums are folded together in half the instructions."""
    return (
        inner(row, load(X, indices[p], start, vectors)),
        inner(row, load(X, indices[p + 1], start, vectors)),
        inner(row, load(X, indices[p + 2], start, vectors)),
        inner(row, load(X, indices[p + 3], start, vectors)),
    )


# ------------------------------------------------------------------------------------------------------------------- compiled


class Row(types.Type):
    """`vectors` registers of numbers of that type."""

    def __init__(self, dtype: types.Type, vectors: int):
        self.dtype, self.vectors = dtype, vectors
        super().__init__(f"Row({dtype}, {vectors})")


@register_model(Row)
class RowModel(models.PrimitiveModel):
    """A structure of LLVM vectors, which the compiler takes apart."""

    def __init__(self, manager: Any, row: Row):
        number = ir.FloatType() if row.dtype.bitwidth == 32 else ir.DoubleType()
        vector = ir.VectorType(number, BYTES * 8 // row.dtype.bitwidth)
        super().__init__(manager, row, ir.LiteralStructType([vector] * row.vectors))


def _vectors(builder: Any, row: Any) -> list[Any]:
    return [builder.extract_value(row, place) for place in range(len(row.type.elements))]


def _row(builder: Any, vectors: list[Any]) -> Any:
    row = ir.Constant(ir.LiteralStructType([vector.type for vector in vectors]), ir.Undefined)
    for place, vector in enumerate(vectors):
        row = builder.insert_value(row, vector, place)
    return row


def _spread(builder: Any, number: Any, vector: Any) -> Any:
    """The number in every lane."""
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(INT32, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(INT32, vector.count), [0] * vector.count))


def _wide(builder: Any, number: Any) -> Any:
    return number if number.type == INT64 else builder.zext(number, INT64)


class Place:
    """Where a row stands in a batch-contiguous matrix: the addresses of its vectors; which lanes of the last one are there."""

    def __init__(self, context: Any, builder: Any, A: Any, matrix: Any, j: Any, start: Any, vector: Any):
        array = make_array(A)(context, builder, matrix)
        rows, stride = cgutils.unpack_tuple(builder, array.shape)[0], cgutils.unpack_tuple(builder, array.strides)[1]
        start = _wide(builder, start)
        self.builder, self.vector, self.align = builder, vector, A.dtype.bitwidth // 8
        offset = builder.add(builder.mul(_wide(builder, j), stride), builder.mul(start, ir.Constant(INT64, self.align)))
        self.first = cgutils.pointer_add(builder, array.data, offset)
        self.left = builder.sub(rows, start)

    def address(self, place: int) -> Any:
        offset = ir.Constant(INT64, place * self.vector.count * self.align)
        return self.builder.bitcast(cgutils.pointer_add(self.builder, self.first, offset), self.vector.as_pointer())

    def mask(self, place: int) -> Any:
        b, count = self.builder, self.vector.count
        left = b.trunc(b.sub(self.left, ir.Constant(INT64, place * count)), INT32)
        numbers = ir.VectorType(INT32, count)
        return b.icmp_signed("<", ir.Constant(numbers, list(range(count))), _spread(b, left, numbers))

    def load(self, vectors: int) -> list[Any]:
        values = []
        for place in range(vectors - 1):
            value = self.builder.load(self.address(place))
            value.align = self.align
            values.append(value)
        address, mask = self.address(vectors - 1), self.mask(vectors - 1)
        function = self._masked("load", self.vector, [address.type, INT32, mask.type, self.vector])
        zeros = ir.Constant(self.vector, [0.0] * self.vector.count)
        return [*values, self.builder.call(function, [address, ir.Constant(INT32, self.align), mask, zeros])]

    def store(self, values: list[Any]) -> None:
        for place, value in enumerate(values[:-1]):
            self.builder.store(value, self.address(place)).align = self.align
        last = len(values) - 1
        address, mask = self.address(last), self.mask(last)
        function = self._masked("store", ir.VoidType(), [self.vector, address.type, INT32, mask.type])
        self.builder.call(function, [values[last], address, ir.Constant(INT32, self.align), mask])

    def _masked(self, what: str, result: Any, arguments: list[Any]) -> Any:
        """LLVM's function, which is one instruction where the machine has masks."""
        name = f"llvm.masked.{what}.v{self.vector.count}f{8 * self.align}.p0"
        module = self.builder.module
        return module.globals.get(name) or ir.Function(module, ir.FunctionType(result, arguments), name)


@intrinsic
def _load(typing_context, A, j, start, vectors):
    if not isinstance(vectors, types.IntegerLiteral):
        return None
    row = Row(A.dtype, vectors.literal_value)

    def codegen(context, builder, signature, arguments):
        vector = context.get_value_type(row).elements[0]
        matrix, j, start, _ = arguments
        return _row(builder, Place(context, builder, A, matrix, j, start, vector).load(row.vectors))

    return row(A, j, start, vectors), codegen


@intrinsic
def _fill(typing_context, value, vectors):
    if not isinstance(vectors, types.IntegerLiteral):
        return None
    row = Row(value, vectors.literal_value)

    def codegen(context, builder, signature, arguments):
        elements = context.get_value_type(row).elements
        return _row(builder, [_spread(builder, arguments[0], vector) for vector in elements])

    return row(value, vectors), codegen


@intrinsic
def _multiply_add(typing_context, row, w, x):
    def codegen(context, builder, signature, arguments):
        sums, factors = _vectors(builder, arguments[0]), _vectors(builder, arguments[2])
        w = _spread(builder, arguments[1], sums[0].type)
        return _row(builder, [_fused(builder, w, x, s) for s, x in zip(sums, factors, strict=True)])

    return row(row, w, x), codegen


@intrinsic
def _store(typing_context, row, A, j, start, vectors):
    if not A.mutable:
        return None

    def codegen(context, builder, signature, arguments):
        row, matrix, j, start, _ = arguments
        values = _vectors(builder, row)
        Place(context, builder, A, matrix, j, start, values[0].type).store(values)
        return context.get_dummy_value()

    return types.void(row, A, j, start, vectors), codegen


@intrinsic
def _inner(typing_context, row, x):
    def codegen(context, builder, signature, arguments):
        total = _summed(builder, _vectors(builder, arguments[0]), _vectors(builder, arguments[1]))
        while total.type.count > 4:
            total = _halved(builder, total)
        for _ in range(total.type.count.bit_length() - 1):  # in the order in which `four_inner` adds
            total = _paired(builder, total, total)
        return builder.extract_element(total, ir.Constant(INT32, 0))

    return row.dtype(row, x), codegen


@intrinsic
def _four_inner(typing_context, row, X, indices, p, start, vectors):
    def codegen(context, builder, signature, arguments):
        values, totals = _vectors(builder, arguments[0]), []
        columns = make_array(indices)(context, builder, arguments[2]).data
        for place in range(4):
            j = builder.load(
                builder.gep(columns, [builder.add(_wide(builder, arguments[3]), ir.Constant(INT64, place))])
            )
            x = Place(context, builder, X, arguments[1], j, arguments[4], values[0].type).load(row.vectors)
            totals.append(_summed(builder, values, x))
        while totals[0].type.count > 4:
            totals = [_halved(builder, total) for total in totals]
        for _ in range(totals[0].type.count.bit_length() - 1):
            totals = [_paired(builder, a, b) for a, b in zip(totals[::2], totals[1::2], strict=True)]
        numbers = [
            builder.extract_element(total, ir.Constant(INT32, lane))
            for total in totals
            for lane in range(total.type.count)
        ]
        return context.make_tuple(builder, result, numbers)

    result = types.UniTuple(row.dtype, 4)
    return result(row, X, indices, p, start, vectors), codegen


@overload(load, inline="always", prefer_literal=True)
def _loaded(A, j, start, vectors):
    return lambda A, j, start, vectors: _load(A, j, start, vectors)


@overload(fill, inline="always", prefer_literal=True)
def _filled(value, vectors):
    return lambda value, vectors: _fill(value, vectors)


@overload(multiply_add, inline="always")
def _multiplied(row, w, x):
    return lambda row, w, x: _multiply_add(row, w, x)


@overload(store, inline="always")
def _stored(row, A, j, start, vectors):
    return lambda row, A, j, start, vectors: _store(row, A, j, start, vectors)


@overload(inner, inline="always")
def _inner_product(row, x):
    return lambda row, x: _inner(row, x)


@overload(four_inner, inline="always")
def _four_inner_products(row, X, indices, p, start, vectors):
    return lambda row, X, indices, p, start, vectors: _four_inner(row, X, indices, p, start, vectors)


def _fused(builder: Any, x: Any, y: Any, z: Any) -> Any:
    """x y + z"""
    return builder.fadd(builder.fmul(x, y, flags=CONTRACT), z, flags=CONTRACT)


def _summed(builder: Any, xs: list[Any], ys: list[Any]) -> Any:
    """Σ x y, lane by lane: two chains, as a multiply-add waits for the one before."""
    chains = [builder.fmul(x, y) for x, y in zip(xs[:2], ys[:2], strict=True)]
    for place, (x, y) in enumerate(zip(xs[2:], ys[2:], strict=True)):
        chains[place & 1] = _fused(builder, x, y, chains[place & 1])
    return builder.fadd(*chains) if len(chains) == 2 else chains[0]


def _pick(places: range) -> Any:
    return ir.Constant(ir.VectorType(INT32, len(places)), list(places))


def _halved(builder: Any, vector: Any) -> Any:
    """The second half of the lanes added to the first."""
    half = vector.type.count // 2
    low = builder.shuffle_vector(vector, vector, _pick(range(half)))
    return builder.fadd(low, builder.shuffle_vector(vector, vector, _pick(range(half, 2 * half))))


def _paired(builder: Any, a: Any, b: Any) -> Any:
    """Neighbours added: the pairs of a, then those of b."""
    count = a.type.count
    even = builder.shuffle_vector(a, b, _pick(range(0, 2 * count, 2)))
    return builder.fadd(even, builder.shuffle_vector(a, b, _pick(range(1, 2 * count, 2))))
