"""LaTeX of an equation, printed from the function that is executed.

A `WrittenMatrix` is a matrix of which only the formula is known. The functions of `nerva_py.equations` run on it like on
any other carrier; what they return is their own formula.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from nerva_py.matrix import Outer
from nerva_py.matrix import primitives as table

SUM, HADAMARD, PRODUCT, ATOM = 0, 1, 2, 3  # how tightly the outermost operation of a formula binds


class WrittenMatrix:
    """A formula and how tightly it binds; `shape` is a pair of size symbols."""

    def __init__(self, text: str, rows: Any, columns: Any, binding: int = ATOM):
        self.text = text
        self.shape = (rows, columns)
        self.binding = binding

    def at_least(self, binding: int) -> str:
        """The formula, in parentheses if it binds less tightly than that."""
        return self.text if self.binding >= binding else rf"\left({self.text}\right)"

    @property
    def T(self) -> WrittenMatrix:
        return WrittenMatrix(rf"{self.at_least(ATOM)}^\top", self.shape[1], self.shape[0])

    def __matmul__(self, other: WrittenMatrix) -> WrittenMatrix:
        text = rf"{self.at_least(PRODUCT)} \, {other.at_least(PRODUCT)}"
        return WrittenMatrix(text, self.shape[0], other.shape[1], PRODUCT)

    def __add__(self, other: WrittenMatrix) -> WrittenMatrix:
        return WrittenMatrix(f"{self.text} + {other.text}", *self.shape, SUM)

    def __sub__(self, other: WrittenMatrix) -> WrittenMatrix:
        return WrittenMatrix(f"{self.text} - {other.at_least(HADAMARD)}", *self.shape, SUM)

    def __neg__(self) -> WrittenMatrix:
        return WrittenMatrix(f"-{self.at_least(HADAMARD)}", *self.shape, SUM)

    def __mul__(self, scalar: Any) -> WrittenMatrix:
        return WrittenMatrix(rf"{_latex(scalar)} \, {self.at_least(PRODUCT)}", *self.shape, PRODUCT)

    __rmul__ = __mul__

    def __truediv__(self, scalar: Any) -> WrittenMatrix:
        return WrittenMatrix(rf"\tfrac{{1}}{{{_latex(scalar)}}} {self.at_least(PRODUCT)}", *self.shape, PRODUCT)

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.text}$"


def latex(equation: Callable[..., Any], *arguments: Any, **named: Any) -> str | tuple[str, ...]:
    """The formula of what an equation returns, or the formulas if it returns several things."""
    result = equation(*arguments, **named)
    return tuple(_latex(one) for one in result) if isinstance(result, tuple) else _latex(result)


def _latex(value: Any) -> str:
    if isinstance(value, Outer):  # which weights there are is no part of a formula
        value = value.on(WrittenMatrix("W", *value.shape))
    if isinstance(value, WrittenMatrix):
        return value.text
    if isinstance(value, sp.Expr) and not value.is_Atom:
        return rf"\left({sp.latex(value)}\right)"
    return sp.latex(sp.sympify(value))


def _function(name: str) -> Callable[..., WrittenMatrix]:
    return lambda X, *rest: WrittenMatrix(rf"{name}\!\left({X.text}\right)", *X.shape)


def _ones(n: Any) -> str:
    return rf"\mathbf{{1}}_{{{_latex(n)}}}"


# --------------------------------------------------------------------------------------------------- the primitives on it


@table.hadamard.register(WrittenMatrix)
def hadamard(X, Y):
    return WrittenMatrix(rf"{X.at_least(ATOM)} \odot {Y.at_least(ATOM)}", X.shape[0], X.shape[1], HADAMARD)


@table.apply.register(WrittenMatrix)
def apply(f, X, *parameters):
    name = getattr(f, "latex", None) or rf"\operatorname{{{f.__name__.replace('_', '-')}}}"
    return WrittenMatrix(rf"{name}\!\left({X.text}\right)", *X.shape)


table.exp.register(WrittenMatrix)(lambda X: WrittenMatrix(rf"e^{{{X.text}}}", *X.shape))
table.log.register(WrittenMatrix)(_function(r"\log"))
table.log_sigmoid.register(WrittenMatrix)(_function(r"\log \sigma"))
table.sqrt.register(WrittenMatrix)(lambda X: WrittenMatrix(rf"\sqrt{{{X.text}}}", *X.shape))
table.reciprocal.register(WrittenMatrix)(lambda X: WrittenMatrix(rf"\frac{{1}}{{{X.text}}}", *X.shape))
table.rows_max.register(WrittenMatrix)(lambda X: WrittenMatrix(rf"\max\nolimits_\text{{row}}({X.text})", X.shape[0], 1))
table.columns_max.register(WrittenMatrix)(
    lambda X: WrittenMatrix(rf"\max\nolimits_\text{{col}}({X.text})", 1, X.shape[1])
)


@table.inv_sqrt.register(WrittenMatrix)
def inv_sqrt(X, epsilon=0):
    inside = X.text if epsilon == 0 else rf"{X.text} + {_latex(epsilon)}"
    return WrittenMatrix(rf"\left({inside}\right)^{{-1/2}}", *X.shape)


@table.row_repeat.register(WrittenMatrix)
def row_repeat(x, m):
    return WrittenMatrix(rf"{_ones(m)} \, {x.at_least(PRODUCT)}", m, x.shape[1], PRODUCT)


@table.column_repeat.register(WrittenMatrix)
def column_repeat(x, n):
    return WrittenMatrix(rf"{x.at_least(PRODUCT)} \, {_ones(n)}^\top", x.shape[0], n, PRODUCT)


@table.columns_sum.register(WrittenMatrix)
def columns_sum(X):
    return WrittenMatrix(rf"{_ones(X.shape[0])}^\top \, {X.at_least(PRODUCT)}", 1, X.shape[1], PRODUCT)


@table.rows_sum.register(WrittenMatrix)
def rows_sum(X):
    return WrittenMatrix(rf"{X.at_least(PRODUCT)} \, {_ones(X.shape[1])}", X.shape[0], 1, PRODUCT)


@table.elements_sum.register(WrittenMatrix)
def elements_sum(X):
    m, n = X.shape
    return WrittenMatrix(rf"{_ones(m)}^\top \, {X.at_least(PRODUCT)} \, {_ones(n)}", 1, 1, PRODUCT)


table.diag.register(WrittenMatrix)(lambda X: WrittenMatrix(rf"\operatorname{{diag}}({X.text})", X.shape[0], 1))


@table.Diag.register(WrittenMatrix)
def Diag(x):
    n = x.shape[0] if x.shape[1] == 1 else x.shape[1]
    return WrittenMatrix(rf"\operatorname{{Diag}}({x.text})", n, n)


table.zeros.register(WrittenMatrix)(lambda like, m, n: WrittenMatrix(r"\mathbf{0}", m, n))
table.ones.register(WrittenMatrix)(lambda like, m, n: WrittenMatrix(rf"{_ones(m)} {_ones(n)}^\top", m, n, PRODUCT))
table.identity.register(WrittenMatrix)(lambda like, n: WrittenMatrix(rf"I_{{{_latex(n)}}}", n, n))
table.product_on.register(WrittenMatrix)(lambda W, A, B: A @ B)
