"""Proofs at concrete sizes: SymPy matrices of free symbols, differentiated entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import mpmath
import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from .prover import difference


def matrix(
    name: str, m: int, n: int, support: Callable[[int, int], bool] | None = None, **assumptions: Any
) -> sp.Matrix:
    """A matrix of free symbols name_ij, real unless said otherwise; 0 outside of the support."""
    assumptions = assumptions or {"real": True}

    def entry(i: int, j: int) -> sp.Expr:
        if support is not None and not support(i, j):
            return sp.Integer(0)
        return sp.Symbol(f"{name}_{i + 1}{',' * (max(m, n) > 9)}{j + 1}", **assumptions)  # 1,11 is not 11,1

    return sp.Matrix(m, n, entry)


def inner_product(A: sp.Matrix, B: sp.Matrix) -> sp.Expr:
    """Σ_ij A_ij B_ij"""
    return sp.Add(*A.multiply_elementwise(B))


def gradient(L: sp.Expr, X: sp.Matrix) -> sp.Matrix:
    """∂L/∂X entry by entry; 0 at the structural zeros of X. Raises ValueError if L depends on the value of a maximum."""
    L = without_maxima(L)
    return X.applyfunc(lambda x: sp.Integer(0) if x == 0 else sp.diff(L, x))


def first_difference(A: sp.Matrix, B: sp.Matrix) -> tuple[int, int] | None:
    """The first entry in which two matrices differ, None if they are equal. Raises ValueError if their shapes differ."""
    if A.shape != B.shape:
        raise ValueError(f"shapes differ: {A.shape[0]}×{A.shape[1]} and {B.shape[0]}×{B.shape[1]}")
    entries = ((i, j) for i in range(A.shape[0]) for j in range(A.shape[1]))
    return next(((i, j) for i, j in entries if not vanishes(A[i, j] - B[i, j])), None)


def vanishes(e: Any, at_kinks: bool = True) -> bool:
    """Whether an expression is 0; unless `at_kinks`, where x < a and x ≤ a choose another case it need not be.

    Numbers decide first: to simplify what is not 0 can take for ever.
    """
    e = sp.sympify(e)
    if e == 0:
        return True
    if differs_at(e) is not None:
        return False
    e = _without_cases(_named_maxima(e), at_kinks).rewrite(sp.tanh, sp.exp)
    if _vanishes_in_all_cases(e):
        return True
    # As entries of a matrix, the symbols are what the normal form works with.
    entries = {s: sp.IndexedBase(str(s))[1, 1] for s in e.free_symbols}
    try:
        proved = not difference(e.xreplace(entries), 0)
    except TypeError:  # the prover has no rule for something in it
        proved = False
    return proved or bool(sp.simplify(e) == 0)


def _vanishes_in_all_cases(e: sp.Expr) -> bool:
    """Whether a polynomial is 0 once it is of degree 1 in each symbol [c], which is 0 or 1; False of what is no polynomial."""
    symbols = sorted(e.free_symbols, key=str)
    marks = [place for place, s in enumerate(symbols) if str(s).startswith("[")]
    try:
        polynomial = sp.polys.rings.PolyRing(symbols, sp.QQ).from_expr(e)
    except (ValueError, sp.polys.polyerrors.CoercionFailed):
        return False
    totals: dict[tuple[int, ...], Any] = {}
    for powers, coefficient in polynomial.items():
        reduced = tuple(min(1, power) if place in marks else power for place, power in enumerate(powers))
        totals[reduced] = totals.get(reduced, 0) + coefficient
    return not any(totals.values())


def differs_at(e: sp.Expr, also: set[sp.Symbol] | None = None) -> dict[sp.Symbol, sp.Rational] | None:
    """Numbers at which an expression is clearly not 0, if a few tries find any; `also` gives further symbols a number."""
    symbols = sorted(e.free_symbols | (also or set()), key=str)
    if e.has(AppliedUndef, sp.Derivative, sp.nan, sp.zoo):
        return None
    # At a fixed precision, because `evalf` tries ever higher ones to find a digit of what is 0: a thousand times slower.
    f = sp.lambdify(symbols, e, "mpmath")
    for attempt in range(3):
        # Fixed numbers, all different, so that a message is the same in every run.
        values = {s: sp.Rational((7 * k + 3 * attempt) % 19 + 1, 5 + attempt) for k, s in enumerate(symbols)}
        for s in symbols:
            if not s.is_positive and (len(str(s)) + sum(map(ord, str(s))) + attempt) % 2:
                values[s] = -values[s]
        with mpmath.workdps(60):
            try:
                value = f(*(mpmath.mpf(int(v.p)) / int(v.q) for v in values.values()))
            except (ZeroDivisionError, ValueError):  # a pole, or a logarithm of 0
                continue
            except NameError:  # an undefined function
                return None
            if mpmath.isfinite(value) and abs(value) > mpmath.mpf("1e-12"):
                return values
    return None


def without_maxima(e: sp.Expr) -> sp.Expr:
    """e with every maximum replaced by 0, which is allowed because e is first shown not to depend on its value.

    Raises ValueError if it does depend.
    """
    named = _named_maxima(e)
    maxima = named.free_symbols - e.free_symbols
    for m in maxima:
        if not vanishes(sp.diff(named, m)):
            raise ValueError(f"the result depends on the value of a maximum: {e}")
    return named.xreplace(dict.fromkeys(maxima, sp.Integer(0)))


def _named_maxima(e: sp.Expr) -> sp.Expr:
    """e with a symbol for each maximum."""
    maxima = sorted(e.atoms(sp.Max), key=str)
    return e.xreplace({m: sp.Symbol(f"max({', '.join(map(str, m.args))})", real=True) for m in maxima})


def _without_cases(e: sp.Expr, at_kinks: bool) -> sp.Expr:
    """e with Piecewise((a, c), (b, True)) written as a [c] + b (1 − [c]), a symbol [c] for each condition c.

    SymPy makes of a condition on a Piecewise, as in f′(f(x)), a condition ITE(c, d, e): "d where c holds, else e".
    """

    def indicator(condition: Any) -> Any:
        """1 where it holds, else 0."""
        if condition in (sp.true, sp.false):
            return sp.Integer(bool(condition))
        if isinstance(condition, sp.ITE):
            return _chosen(*map(indicator, condition.args))
        if isinstance(condition, sp.And):
            return reduce(lambda a, b: _chosen(a, b, sp.Integer(0)), map(indicator, condition.args))
        if isinstance(condition, sp.Or):
            return reduce(lambda a, b: _chosen(a, sp.Integer(1), b), map(indicator, condition.args))
        if isinstance(condition, sp.Not):
            return 1 - indicator(condition.args[0])
        if isinstance(condition, Relational):
            condition = condition.func(sp.expand(condition.lhs - condition.rhs), 0).canonical
        if isinstance(condition, sp.Gt | sp.Ge):
            return 1 - indicator(condition.negated)
        if isinstance(condition, sp.Lt) and not at_kinks:
            condition = sp.Le(*condition.args)
        return sp.Symbol(f"[{condition}]", real=True)

    def cases(*pairs: Any) -> Any:
        result: Any = sp.Integer(0)
        for value, condition in reversed(pairs):
            result = _chosen(indicator(condition), value, result)
        return result

    return e.replace(sp.Piecewise, cases)


def _chosen(holds: Any, a: Any, b: Any) -> Any:
    """a where `holds`, else b: of degree 1 in each symbol of `holds`, as that is 0 or 1."""
    if holds in (0, 1):
        return a if holds == 1 else b
    mark = min(holds.free_symbols, key=str)
    yes, no = ([e.xreplace({mark: sp.Integer(value)}) for e in (holds, a, b)] for value in (1, 0))
    return mark * _chosen(*yes) + (1 - mark) * _chosen(*no)
