"""One proof for two carriers: matrices of symbols of concrete sizes, and matrices of symbolic size.

A `Setting` makes the matrices; `confirm` compares the claimed gradients with those of L = Σ DY ⊙ Y. A gradient that waits for
its support (`Outer`) is asked for its values on that of the matrix whose gradient it is claimed to be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import sympy as sp

from derivations.book import CONCRETE, INDEXED, NotProved
from nerva_py.verify import concrete
from nerva_py.verify.expressions import to_sympy
from nerva_py.verify.indexed import IndexedMatrix, sparse
from nerva_py.verify.layer_functions import values_on
from nerva_py.verify.prover import Derivatives, difference, equal, gradient_difference, inner_product

N, D, K = sp.symbols("N D K", integer=True, positive=True)
EPSILON = sp.Symbol("epsilon", positive=True)

# No two sizes equal, so that a transpose or a wrong axis cannot hide; one sample, one input, more outputs than inputs.
SIZES = ((2, 3, 4), (3, 1, 2), (1, 2, 3))


@dataclass(frozen=True)
class Setting:
    """A carrier and sizes N, D, K; `matrix(name, rows, columns)` makes a matrix of free symbols on it."""

    carrier: str
    N: Any
    D: Any
    K: Any
    matrix: Callable[..., Any]
    sparse_matrix: Callable[..., Any]

    @property
    def sizes(self) -> str:
        """As in the table."""
        return "all N, D, K" if self.carrier == INDEXED else f"{self.N}×{self.D}×{self.K}"

    def number(self, value: sp.Expr) -> Any:
        """A number as a 1×1 matrix."""
        if self.carrier == INDEXED:
            return IndexedMatrix(1, 1, lambda i, j: value)
        return sp.Matrix([[value]])

    @property
    def name(self) -> str:
        """As in the name of a test."""
        return f"{self.carrier} {self.sizes}"


def concrete_setting(N: int, D: int, K: int) -> Setting:
    """Sizes that are numbers; a sparse matrix has an empty row and an empty column if it is large enough."""

    def sparse_matrix(name: str, rows: int, columns: int) -> sp.Matrix:
        return concrete.matrix(name, rows, columns, lambda i, j: i != 1 and j != 1 and (i + j) % 3 != 2)

    return Setting(CONCRETE, N, D, K, concrete.matrix, sparse_matrix)


EVERY_SIZE = Setting(INDEXED, N, D, K, IndexedMatrix.symbol, sparse)
SETTINGS = (*(concrete_setting(*sizes) for sizes in SIZES), EVERY_SIZE)


class Symbols:
    """In the place of a random generator: what is drawn for a mask are free symbols."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def symbol(self) -> sp.Symbol:
        """For one element of a mask."""
        return sp.Symbol(f"r_{next(self._numbers)}", real=True)

    def matrix(self, rows: Any, columns: Any) -> IndexedMatrix:
        """For a mask of symbolic size."""
        return IndexedMatrix.symbol(f"R{next(self._numbers)}", rows, columns)


def confirm(Y: Any, DY: Any, gradients: Iterable[tuple[Any, Any]], derivatives: Derivatives | None = None) -> None:
    """Each pair is (X, DX): X a matrix of symbols, DX its claimed gradient. Raises NotProved at the first that is wrong."""
    L = inner_product(DY, Y) if isinstance(Y, IndexedMatrix) else concrete.inner_product(DY, Y)
    confirm_gradients(L, gradients, derivatives)


def confirm_gradients(L: sp.Expr, gradients: Iterable[tuple[Any, Any]], derivatives: Derivatives | None = None) -> None:
    """As `confirm`, for a number L."""
    if is_matrix(L):
        raise NotProved(f"{L} is not a number")
    for X, gradient in gradients:
        DX = values_on(X, gradient)
        if not is_matrix(DX):
            raise NotProved(f"{DX} is not a matrix, but the gradient of one is claimed")
        if isinstance(X, IndexedMatrix):
            rest = gradient_difference(L, X, DX, derivatives)
            if rest:
                raise NotProved(f"the gradient of {X.base} differs by {to_sympy(rest)}")
        else:
            _confirm_concrete(concrete.gradient(L, X), DX, "the gradient of " + str(next(x for x in X if x != 0)))


def confirm_without_DX(gradients: Sequence[Any], without: Sequence[Any], parameters: Sequence[Any]) -> None:
    """Of DX and the gradients of the parameters: where DX is not needed, it is None, and the others are the same."""
    if without[0] is not None:
        raise NotProved(f"DX is not needed and yet computed: {without[0]}")
    for X, left, right in zip(parameters, without[1:], gradients[1:], strict=True):
        confirm_equal(values_on(X, left), values_on(X, right))


def confirm_equal(left: Any, right: Any) -> None:
    """Two matrices or two numbers are equal. Raises NotProved where they differ."""
    if is_matrix(left) != is_matrix(right):
        raise NotProved(f"one is a matrix, the other is not: {left} and {right}")
    if isinstance(left, IndexedMatrix):
        rest = equal(left, right)
        if rest:
            raise NotProved(f"the two sides differ by {to_sympy(rest)}")
    elif hasattr(left, "shape"):
        _confirm_concrete(right, left, "the matrix")
    elif not concrete.vanishes(left - right) and difference(left, right):
        raise NotProved(f"{left} is not {right}")


def is_matrix(x: Any) -> bool:
    """Not a number, on either carrier."""
    return isinstance(x, IndexedMatrix | sp.MatrixBase)


def _confirm_concrete(expected: sp.Matrix, given: sp.Matrix, what: str) -> None:
    at = concrete.first_difference(expected, given)
    if at is not None:
        i, j = at
        raise NotProved(f"{what}, entry ({i + 1}, {j + 1}): should be {expected[at]}, is {given[at]}")
