"""Maxima of rows and columns, in a proof for every size.

Of Z (N, K), rows_max Z is a symbol m_i, and the place where row i is largest an indicator M_ij ∈ {0, 1} of which nothing is
known but Σ_j M_ij = 1. Where the largest is unique, and so does not change places when Z changes a little,

    dm_i = Σ_j M_ij dz_ij,   f(z_ij − m_i) = M_ij f(0) + (1 − M_ij) f₋(z_ij − m_i),

f₋ the formula of f below 0, if there is one. For columns in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from . import pieces
from .places import contains

Functions = Mapping[str, Mapping[tuple[Any, ...], sp.Expr]]

UNIQUE = "where the largest is unique"


@dataclass(frozen=True)
class Maximum:
    """Of a matrix with these entries, over rows or columns: where it stands in each of them."""

    entry: Callable[[Any, Any], sp.Expr]
    sizes: tuple[Any, Any]
    over_rows: bool
    place: sp.IndexedBase

    def element(self, of: Any, other: Any) -> sp.Expr:
        """The element with that index in row (or column) `of`."""
        return self.entry(of, other) if self.over_rows else self.entry(other, of)

    def marker(self, of: Any, other: Any) -> sp.Expr:
        """1 where that element is the largest, else 0."""
        return self.place[of, other]

    @property
    def length(self) -> Any:
        """Of a row (or column)."""
        return self.sizes[1 if self.over_rows else 0]


MAXIMA: dict[sp.IndexedBase, Maximum] = {}  # by the symbol of their values
PLACES: set[sp.IndexedBase] = set()  # the indicators M: over their second index they sum to 1


def occur(e: sp.Expr) -> bool:
    """Whether a maximum or its place occurs in an expression."""
    return any(entry.base in MAXIMA or entry.base in PLACES for entry in e.atoms(sp.Indexed))


def asks_for_place(e: sp.Expr) -> bool:
    """Whether it matters in an expression which element is the largest."""
    return any(entry.base in PLACES for entry in e.atoms(sp.Indexed))


def without_places(bounds: list[tuple[sp.Symbol, Any]], factors: Any) -> tuple[list[tuple[sp.Symbol, Any]], Any]:
    """Σ_j M_ij = 1 of the place of a maximum: an index j that stands nowhere else goes."""
    for bound in bounds:
        holders = [factor for factor in factors if contains(factor[0], bound[0])]
        if len(holders) == 1 and _is_place(holders[0], bound[0]):
            others = [other for other in bounds if other != bound]
            return without_places(others, tuple(factor for factor in factors if factor != holders[0]))
    return bounds, factors


def _is_place(factor: tuple[Any, sp.Expr], j: sp.Symbol) -> bool:
    """Whether a factor is M_ij."""
    atom, exponent = factor
    return atom[0] == "entry" and atom[1] in PLACES and atom[2][1] == j != atom[2][0] and exponent == 1


def decided(e: sp.Expr, functions: Functions, x: sp.Symbol, is_zero: Callable[[sp.Expr], bool]) -> sp.Expr:
    """e with each f(z − m), f one of these functions of x by cases and m the maximum of z, written by M and f₋."""

    def value(call: Any) -> sp.Expr:
        argument, *parameters = call.args
        formula = functions.get(call.func.__name__, {}).get(tuple(parameters))
        return call if formula is None else _by_place(argument, pieces.by_cases(formula), x, is_zero) or call

    return e.replace(lambda part: isinstance(part, AppliedUndef), value) if occur(e) else e


def _by_place(argument: sp.Expr, formula: sp.Expr, x: sp.Symbol, is_zero: Callable[[sp.Expr], bool]) -> sp.Expr | None:
    """f(c (m − z)) for a number c, or None if the argument is no such thing, or f has no single formula on that side."""
    entries = sorted(argument.atoms(sp.Indexed), key=str)
    for m in entries:
        maximum, c = MAXIMA.get(m.base), sp.expand(argument).coeff(m)
        if maximum is None or not c.is_number or c == 0:
            continue
        of = m.indices[0]
        for other in dict.fromkeys(index for entry in entries for index in entry.indices):
            if is_zero(argument - c * (m - maximum.element(of, other))):
                try:
                    aside = _on_one_side(formula, x, positive=bool(c > 0))
                except (NotImplementedError, TypeError):
                    return None
                M = maximum.marker(of, other)
                return M * formula.subs(x, 0) + (1 - M) * aside.subs(x, argument)
    return None


def _on_one_side(formula: sp.Expr, x: sp.Symbol, positive: bool) -> sp.Expr:
    """The formula on one side of 0. Raises NotImplementedError if there are several, or it cannot be found."""
    points = pieces.kinks(x, formula)
    if any(point > 0 if positive else point < 0 for point in points):
        raise NotImplementedError("several cases on that side")
    return pieces.resolved(formula, x, 1 if positive else -1)
