"""From a normal form back to an expression of SymPy."""

from __future__ import annotations

import sympy as sp

from .normal_form import Atom, Monomial, Polynomial


def to_sympy(P: Polynomial) -> sp.Expr:
    """The SymPy expression that a polynomial stands for."""
    return sp.Add(*(coefficient * _monomial_to_sympy(monomial) for monomial, coefficient in P.items()))


def _monomial_to_sympy(monomial: Monomial) -> sp.Expr:
    return sp.Mul(*(_atom_to_sympy(atom) ** exponent for atom, exponent in monomial))


def _atom_to_sympy(atom: Atom) -> sp.Expr:
    kind = atom[0]
    if kind == "entry":
        return atom[1][atom[2]]
    if kind == "delta":
        return sp.KroneckerDelta(atom[1], atom[2])
    if kind == "sum":
        return sp.Sum(_monomial_to_sympy(atom[3]), *((index, 1, size) for index, size in atom[2]))
    if kind == "exp":
        return sp.exp(_monomial_to_sympy(atom[1]))
    if kind == "function":
        return atom[1](*(to_sympy(dict(argument)) for argument in atom[2]))
    inner = to_sympy(dict(atom[1]))
    return sp.log(inner) if kind == "log" else inner
