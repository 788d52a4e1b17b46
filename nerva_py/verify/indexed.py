"""Matrices of symbolic size: the carrier on which an equation is proved for every batch size and layer width.

An `IndexedMatrix` is (rows, columns, entry): the sizes are symbols or numbers, and `entry(i, j)` is a SymPy expression in
two indices. A product is a `Sum` over a fresh index. The functions of `nerva_py.equations` run on it unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import sympy as sp

from nerva_py.matrix import primitives as table

from .maxima import MAXIMA, PLACES, Maximum
from .sizes import asked, plain, watched

Entry = Callable[[Any, Any], sp.Expr]

_numbers = count()

INDICATORS: set[sp.IndexedBase] = set()  # what the prover knows of a matrix of symbols: its entries are 0 or 1


# Called with name, parameters and f(VARIABLE, *parameters) for each function f that is defined by cases: what to call it.
Parameters = tuple[Any, ...]
on_cases: list[Callable[[str, Parameters, sp.Expr], str]] = []
VARIABLE = sp.Symbol("x", real=True)


def fresh_index() -> sp.Symbol:
    """An index that occurs nowhere else."""
    return sp.Dummy(f"i{next(_numbers)}", integer=True)


def total(term: Callable[[sp.Symbol], sp.Expr], size: Any) -> sp.Expr:
    """Σ_i term(i), i = 1, ..., size; of a single index the term itself."""
    if size == 1:
        return sp.sympify(term(sp.Integer(1)))
    i = fresh_index()
    return sp.Sum(term(i), (i, 1, size))


class IndexedMatrix:
    """A matrix of symbolic size. `support`, if given, is the 0-1 matrix outside of which a sparse matrix is zero."""

    def __init__(
        self,
        rows: Any,
        columns: Any,
        entry: Entry,
        support: IndexedMatrix | None = None,
        base: sp.IndexedBase | None = None,
    ):
        self.sizes = (sp.sympify(rows), sp.sympify(columns))
        self.entry = entry
        self.support = support
        self.base = base  # of a matrix of free symbols, what they are called

    @property
    def shape(self) -> tuple[Any, Any]:
        """Rows and columns, as functions that are proved see them (see `sizes`)."""
        return asked(self.sizes)

    @classmethod
    def symbol(cls, name: str, rows: Any, columns: Any) -> IndexedMatrix:
        """A matrix of free symbols name[i, j]."""
        base = sp.IndexedBase(name)
        return cls(rows, columns, lambda i, j: base[i, j], base=base)

    @property
    def T(self) -> IndexedMatrix:
        return IndexedMatrix(self.sizes[1], self.sizes[0], lambda i, j: self.entry(j, i))

    def __matmul__(self, other: IndexedMatrix) -> IndexedMatrix:
        _check(self.sizes[1] == other.sizes[0], "@", self, other)
        inner = self.sizes[1]
        return IndexedMatrix(
            self.sizes[0],
            other.sizes[1],
            lambda i, j: total(lambda k: self.entry(i, k) * other.entry(k, j), inner),
        )

    def __add__(self, other: IndexedMatrix) -> IndexedMatrix:
        return _combined("+", lambda a, b: a + b, self, other)

    def __sub__(self, other: IndexedMatrix) -> IndexedMatrix:
        return _combined("-", lambda a, b: a - b, self, other)

    def __neg__(self) -> IndexedMatrix:
        return self.map(lambda x: -x)

    def __mul__(self, scalar: Any) -> IndexedMatrix:
        if isinstance(scalar, IndexedMatrix):
            raise TypeError(
                "* is for scalars; use hadamard for the product element by element and @ for the matrix product"
            )
        return self.map(lambda x: scalar * x)

    __rmul__ = __mul__

    def __truediv__(self, scalar: Any) -> IndexedMatrix:
        return self.map(lambda x: x / scalar)

    def map(self, f: Callable[[sp.Expr], sp.Expr]) -> IndexedMatrix:
        """f of each entry."""
        return IndexedMatrix(*self.sizes, lambda i, j: sp.sympify(f(self.entry(i, j))))

    def __repr__(self) -> str:
        i, j = sp.symbols("i j", integer=True)
        return f"IndexedMatrix({self.sizes[0]}×{self.sizes[1]}, [i, j] -> {self.entry(i, j)})"


def sparse(name: str, rows: Any, columns: Any) -> IndexedMatrix:
    """A sparse matrix S ⊙ V of any support: S[i, j] is 0 or 1, which the prover uses as S² = S."""
    indicator = sp.IndexedBase(f"S_{name}")
    INDICATORS.add(indicator)
    support = IndexedMatrix(rows, columns, lambda i, j: indicator[i, j])
    values = IndexedMatrix.symbol(name, rows, columns)
    return IndexedMatrix(rows, columns, lambda i, j: support.entry(i, j) * values.entry(i, j), support, values.base)


def _check(condition: Any, operation: str, X: IndexedMatrix, Y: IndexedMatrix) -> None:
    if not condition:
        raise ValueError(f"shapes do not fit: {X.sizes[0]}×{X.sizes[1]} {operation} {Y.sizes[0]}×{Y.sizes[1]}")


def _combined(name: str, f: Callable[[sp.Expr, sp.Expr], sp.Expr], X: IndexedMatrix, Y: IndexedMatrix) -> IndexedMatrix:
    _check(X.sizes == Y.sizes, name, X, Y)
    return IndexedMatrix(*X.sizes, lambda i, j: sp.sympify(f(X.entry(i, j), Y.entry(i, j))))


# --------------------------------------------------------------------------------------------------- the primitives on it


table.hadamard.register(IndexedMatrix)(lambda X, Y: _combined("⊙", lambda a, b: a * b, X, Y))


@table.apply.register(IndexedMatrix)
def apply(f, X, *parameters):
    """A function that is defined by cases stays a symbol of its name: at an unknown number no case can be chosen."""

    parameters = plain(parameters)

    def value(x: sp.Expr) -> sp.Expr:
        result = sp.sympify(f(x, *parameters))
        if not result.has(sp.Piecewise, sp.Abs, sp.sign, sp.Max, sp.Min):
            return result
        name = getattr(f, "__name__", type(f).__name__)
        for named in on_cases:
            name = named(name, parameters, sp.sympify(f(VARIABLE, *parameters)))
        return sp.Function(name)(x, *parameters)

    return X.map(value)


@table.row_repeat.register(IndexedMatrix)
def row_repeat(x, m):
    _check(x.sizes[0] == 1, "row_repeat needs a row:", x, x)
    return IndexedMatrix(m, x.sizes[1], lambda i, j: x.entry(sp.Integer(1), j))


@table.column_repeat.register(IndexedMatrix)
def column_repeat(x, n):
    _check(x.sizes[1] == 1, "column_repeat needs a column:", x, x)
    return IndexedMatrix(x.sizes[0], n, lambda i, j: x.entry(i, sp.Integer(1)))


@table.columns_sum.register(IndexedMatrix)
def columns_sum(X):
    return IndexedMatrix(1, X.sizes[1], lambda _, j: total(lambda i: X.entry(i, j), X.sizes[0]))


@table.rows_sum.register(IndexedMatrix)
def rows_sum(X):
    return IndexedMatrix(X.sizes[0], 1, lambda i, _: total(lambda j: X.entry(i, j), X.sizes[1]))


@table.elements_sum.register(IndexedMatrix)
def elements_sum(X):
    return watched(total(lambda i: total(lambda j: X.entry(i, j), X.sizes[1]), X.sizes[0]))


_largest: dict[tuple[bool, Any, Any], sp.IndexedBase] = {}


def _maximum(X: IndexedMatrix, over_rows: bool) -> sp.IndexedBase:
    """The same symbol for the same matrix; no matrix of a user can have its name."""
    from .normal_form import freeze, normalize  # which knows of `INDICATORS` here

    i, j = sp.symbols("i j", integer=True)
    key = over_rows, freeze(normalize(X.entry(i, j))), X.sizes  # the sums in it have canonical indices there
    if key not in _largest:
        number = next(_numbers)
        _largest[key] = sp.IndexedBase(f"max {number}")
        place = sp.IndexedBase(f"place of max {number}")
        INDICATORS.add(place)
        PLACES.add(place)
        MAXIMA[_largest[key]] = Maximum(X.entry, X.sizes, over_rows, place)
    return _largest[key]


@table.rows_max.register(IndexedMatrix)
def rows_max(X):
    """A column of symbols, see `maxima`: what needs no more of them is proved for any numbers there."""
    largest = _maximum(X, over_rows=True)
    return IndexedMatrix(X.sizes[0], 1, lambda i, _: largest[i])


@table.columns_max.register(IndexedMatrix)
def columns_max(X):
    """A row of symbols, as in `rows_max`."""
    largest = _maximum(X, over_rows=False)
    return IndexedMatrix(1, X.sizes[1], lambda _, j: largest[j])


@table.diag.register(IndexedMatrix)
def diag(X):
    _check(X.sizes[0] == X.sizes[1], "diag needs a square matrix:", X, X)
    return IndexedMatrix(X.sizes[0], 1, lambda i, _: X.entry(i, i))


@table.Diag.register(IndexedMatrix)
def Diag(x):
    one = sp.Integer(1)
    row = x.sizes[0] == 1
    n = x.sizes[1] if row else x.sizes[0]
    return IndexedMatrix(n, n, lambda i, j: sp.KroneckerDelta(i, j) * (x.entry(one, i) if row else x.entry(i, one)))


table.zeros.register(IndexedMatrix)(lambda like, m, n: IndexedMatrix(m, n, lambda i, j: sp.Integer(0)))
table.ones.register(IndexedMatrix)(lambda like, m, n: IndexedMatrix(m, n, lambda i, j: sp.Integer(1)))
table.identity.register(IndexedMatrix)(lambda like, n: IndexedMatrix(n, n, lambda i, j: sp.KroneckerDelta(i, j)))


@table.updated.register(IndexedMatrix)
def updated(f, W, G, states, constants):
    """Where a sparse W has no weight, S[i, j] = 0, weight and states are 0 before and after, if f(0, 0, ...) is 0."""

    def part(number: int) -> IndexedMatrix:
        def entry(i: Any, j: Any) -> Any:
            result = f(W.entry(i, j), G.entry(i, j), *(s.entry(i, j) for s in states), *constants)
            return sp.sympify(result[number] if states else result)

        return IndexedMatrix(W.sizes[0], W.sizes[1], entry, W.support)

    return part(0), tuple(part(number + 1) for number in range(len(states)))


@table.draw_mask.register(IndexedMatrix)
def draw_mask(rng, like, rate):
    """A matrix of free symbols, which `rng.matrix(rows, columns)` names."""
    return rng.matrix(*like.sizes)


@table.product_on.register(IndexedMatrix)
def product_on(W, A, B):
    product = A @ B
    _check(product.sizes == W.sizes, "product_on", product, W)
    return product if W.support is None else _combined("⊙", lambda a, b: a * b, W.support, product)
