"""Functions that are defined by cases, in a proof for every size.

At an unknown number no case can be chosen, so there such a function is a symbol of its name. While `Cases` is active it
notes what each name stands for, and finds out which of the functions is the derivative of which.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType

import sympy as sp

from . import concrete, indexed
from .indexed import IndexedMatrix, Parameters
from .prover import Derivatives, indices_of


class Cases:
    """The functions by cases that occur inside of the `with` block: name -> parameters -> f(x, parameters)."""

    def __init__(self) -> None:
        self.functions: dict[str, dict[Parameters, sp.Expr]] = {}

    def __enter__(self) -> Cases:
        indexed.on_cases.append(self._note)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        indexed.on_cases.remove(self._note)

    def _note(self, name: str, parameters: Parameters, value: sp.Expr) -> None:
        """Raises ValueError if the name stands for another function already: they would be taken to be equal."""
        if self.functions.setdefault(name, {}).setdefault(parameters, value) != value:
            raise ValueError(f"two functions defined by cases have the same name, {name}; define them with def")

    def derivatives(self, claimed: Iterable[IndexedMatrix], others: Derivatives | None = None) -> Derivatives:
        """Declares f′ = g wherever g is the derivative of f on each case, for all parameters that occur with f."""
        for matrix in claimed:
            matrix.entry(*indices_of(matrix))  # what a gradient consists of is evaluated when asked for
        result = others or Derivatives()
        for f, its in self.functions.items():
            for g, candidate in self.functions.items():
                if all(p in candidate and _is_derivative(candidate[p], value) for p, value in its.items()):
                    result.declare(sp.Function(f), sp.Function(g))
        return result


def _is_derivative(g: sp.Expr, f: sp.Expr) -> bool:
    return concrete.vanishes(sp.diff(f, indexed.VARIABLE) - g, at_kinks=False)
