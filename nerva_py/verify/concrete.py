"""Proofs at concrete sizes: SymPy matrices of free symbols, differentiated entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from .prover import difference


def matrix(name: str, m: int, n: int, support: Callable[[int, int], bool] | None = None, **assumptions: Any) -> sp.Matrix:
    """A matrix of free symbols name_ij, real unless said otherwise; 0 outside of the support."""
    assumptions = assumptions or {"real": True}

    def entry(i: int, j: int) -> sp.Expr:
        if support is not None and not support(i, j):
            return sp.Integer(0)
        return sp.Symbol(f"{name}_{i + 1}{j + 1}", **assumptions)

    return sp.Matrix(m, n, entry)


def inner_product(A: sp.Matrix, B: sp.Matrix) -> sp.Expr:
    """Σ_ij A_ij B_ij"""
    return sp.Add(*A.multiply_elementwise(B))


def gradient(L: sp.Expr, X: sp.Matrix) -> sp.Matrix:
    """∂L/∂X entry by entry; 0 at the structural zeros of X."""
    return X.applyfunc(lambda x: sp.Integer(0) if x == 0 else sp.diff(L, x))


def first_difference(A: Any, B: Any) -> tuple[int, int] | None:
    """The first entry in which two matrices differ, None if they are equal. Raises ValueError if their shapes differ."""
    A, B = sp.Matrix([A]) if not hasattr(A, "shape") else A, sp.Matrix([B]) if not hasattr(B, "shape") else B
    if A.shape != B.shape:
        raise ValueError(f"shapes differ: {A.shape[0]}×{A.shape[1]} and {B.shape[0]}×{B.shape[1]}")
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            if not vanishes(A[i, j] - B[i, j]):
                return i, j
    return None


def vanishes(e: sp.Expr) -> bool:
    """Whether an expression is 0. Numbers decide first: to simplify what is not 0 can take for ever."""
    e = sp.sympify(e)
    if e == 0:
        return True
    if differs_at(e) is not None:
        return False
    if e.has(sp.Piecewise, sp.Max, sp.Min, sp.Heaviside, sp.tanh):
        return sp.simplify(sp.piecewise_fold(e).rewrite(sp.exp)) == 0
    # As entries of a matrix, the symbols are what the normal form works with.
    entries = {s: sp.IndexedBase(str(s))[1, 1] for s in e.free_symbols}
    return not difference(e.xreplace(entries), 0) or sp.simplify(e) == 0


def differs_at(e: sp.Expr, also: set[sp.Symbol] | None = None) -> dict[sp.Symbol, sp.Rational] | None:
    """Numbers at which an expression is clearly not 0, if a few tries find any; `also` gives further symbols a number."""
    symbols = sorted(e.free_symbols | (also or set()), key=str)
    for attempt in range(3):
        # Fixed numbers, all different, so that a message is the same in every run.
        values = {s: sp.Rational((7 * k + 3 * attempt) % 19 + 1, 5 + attempt) for k, s in enumerate(symbols)}
        for s in symbols:
            if not s.is_positive and (len(str(s)) + hash_of(str(s)) + attempt) % 2:
                values[s] = -values[s]
        value = e.evalf(30, subs=values)
        if value.is_number and value.is_finite and abs(value) > sp.Float("1e-12"):
            return values
    return None


def hash_of(text: str) -> int:
    """A number that depends on the letters only (Python's own hash changes from run to run)."""
    return sum(ord(letter) for letter in text)
