"""Functions that are defined by cases, in a proof for every size.

At an unknown number no case can be chosen, so there such a function is a symbol of its name. While `Cases` is active it
notes what each name stands for, and finds out which of the functions is the derivative of which.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from . import concrete, indexed, maxima, pieces
from .indexed import IndexedMatrix, Parameters
from .prover import Derivatives, difference, indices_of


class Cases:
    """The functions by cases that occur inside of the `with` block: name -> parameters -> f(x, parameters)."""

    def __init__(self) -> None:
        self.functions: dict[str, dict[Parameters, sp.Expr]] = {}

    def __enter__(self) -> Cases:
        indexed.on_cases.append(self._named)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        indexed.on_cases.remove(self._named)

    def _named(self, name: str, parameters: Parameters, value: sp.Expr) -> str:
        """A name that stands for this function alone, wherever these parameters are given."""
        while self.functions.setdefault(name, {}).setdefault(parameters, value) != value:
            name += "′"
        return name

    def at_maxima(self, e: sp.Expr) -> sp.Expr:
        """e with f(z − m) written by its place wherever m is the maximum of z, see `maxima`."""
        return maxima.decided(e, self.functions, indexed.VARIABLE, lambda rest: not difference(rest, 0))

    def derivatives(self, claimed: Iterable[IndexedMatrix], others: Derivatives | None = None) -> Derivatives:
        """Declares f′ = g wherever g, which a gradient has, is the derivative of f on each case, for all parameters of f.

        Raises ValueError where g is it but for what it takes at a kink.
        """
        entries = [matrix.entry(*indices_of(matrix)) for matrix in claimed]
        theirs = {call.func.__name__ for entry in entries for call in entry.atoms(AppliedUndef)}
        result = others or Derivatives()
        for f, its in self.functions.items():
            for g, candidate in self.functions.items():
                if g in theirs and all(
                    p in candidate and _is_derivative(candidate[p], value) for p, value in its.items()
                ):
                    result.declare(sp.Function(f), sp.Function(g))
        return result

    def completed(self, derivatives: Derivatives) -> Derivatives:
        """With the derivatives on each case, made here, of each function of which none was given: by x, and by parameters."""
        for f, its in list(self.functions.items()):
            given = derivatives.of(sp.Function(f))
            by_x = given[0] if given else self._made(f, its, 0)
            count = min(map(len, its))
            derivatives.declare(sp.Function(f), by_x, *(self._made(f, its, k) for k in range(1, count + 1)))
        return derivatives

    def _made(self, f: str, its: dict[Parameters, sp.Expr], place: int) -> Any:
        """∂f by its argument number `place`, 0 being x; one of the functions that are there, if it is that."""
        values = {}
        for parameters, value in its.items():
            by = indexed.VARIABLE if place == 0 else parameters[place - 1]
            values[parameters] = (
                sp.diff(pieces.by_cases(value), by) if isinstance(by, sp.Symbol | sp.Indexed) else sp.nan
            )
        for name, others in self.functions.items():
            if all(
                p in others and sp.nan != value and concrete.vanishes(others[p] - value) for p, value in values.items()
            ):
                return sp.Function(name)
        name = f"{f}{chr(39) * (place + 1)}"
        self.functions.setdefault(name, {}).update(values)
        return sp.Function(name)

    def vanishes(self, e: sp.Expr) -> bool:
        """Whether an expression is 0 in every case, where all conditions are on one entry of one matrix."""
        value = pieces.by_cases(self._values(e))
        entries = {entry for condition in value.atoms(Relational) for entry in condition.atoms(sp.Indexed)}
        bound = {index for s in value.atoms(sp.Sum) for index in s.variables}
        if not entries:
            return not difference(value, 0)
        if len(entries) > 1 or any(entry.free_symbols & bound for entry in entries):
            return False  # of a sum, each term may be in another case
        x, entry = sp.Dummy("x", real=True), entries.pop()
        value = value.xreplace({entry: x})
        try:
            formulas = [pieces.resolved(value, x, at) for _, at, _ in pieces.intervals(pieces.kinks(x, value))]
            return not any(difference(formula.xreplace({x: entry}), 0) for formula in formulas)
        except (NotImplementedError, TypeError):
            return False

    def _values(self, e: sp.Expr) -> sp.Expr:
        """e with each function by cases written out."""

        def value(call: Any) -> sp.Expr:
            x, *parameters = call.args
            its = self.functions.get(call.func.__name__, {}).get(tuple(parameters))
            return call if its is None else its.xreplace({indexed.VARIABLE: x})

        return e.replace(lambda part: isinstance(part, AppliedUndef), value)


def _is_derivative(g: sp.Expr, f: sp.Expr) -> bool:
    """Whether g is f′ where that exists. Raises ValueError if it is, but not between the one-sided derivatives at a kink."""
    x = indexed.VARIABLE
    if f.free_symbols | g.free_symbols <= {x}:
        try:
            return pieces.is_derivative(g, f, x)
        except (NotImplementedError, TypeError):
            pass
    return concrete.vanishes(sp.diff(f, x) - g, at_kinks=False)
