"""Proofs for every size: differentiate entry by entry, bring both sides to normal form, compare.

The gradient of L = Σ DY ⊙ Y, with DY a matrix of free symbols (the generic cotangent), determines the whole Jacobian, so a
backward equation that gives it is right for every loss.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from .expressions import to_sympy
from .indexed import IndexedMatrix, total
from .maxima import MAXIMA, occur
from .normal_form import Polynomial, add, is_positive, normalize, scale

SIMPLIFIED = 300  # terms of a difference that SymPy may simplify: of more it would take for ever
P, Q = sp.symbols("p q", integer=True)


class Derivatives:
    """The derivatives of undefined functions: name of f -> functions that are its partial derivatives."""

    def __init__(self) -> None:
        self._partials: dict[Any, tuple[Any, ...]] = {}

    def declare(self, f: Any, *partials: Any) -> None:
        """∂f/∂x₁, ∂f/∂x₂, ... are these functions."""
        self._partials[f] = partials

    def of(self, f: Any) -> tuple[Any, ...]:
        return self._partials.get(f, ())


def differentiate(
    e: sp.Expr, X: sp.IndexedBase, indices: tuple[Any, Any], derivatives: Derivatives | None = None
) -> sp.Expr:
    """∂e / ∂X[p, q] for indices (p, q); of an entry of X itself, ∂X[a, b]/∂X[p, q] = δ_ap δ_bq.

    A maximum changes as its largest element does, see `maxima`.
    """

    def d(part: sp.Expr) -> sp.Expr:
        return differentiate(part, X, indices, derivatives)

    if isinstance(e, sp.Indexed) and e.base in MAXIMA:
        of, maximum = e.indices[0], MAXIMA[e.base]
        return total(lambda j: maximum.marker(of, j) * d(maximum.element(of, j)), maximum.length)
    if isinstance(e, sp.Indexed):
        if e.base != X:
            return sp.Integer(0)
        return sp.Mul(*(sp.KroneckerDelta(a, p) for a, p in zip(e.indices, indices, strict=True)))
    if not _depends(e, X):
        return sp.Integer(0)

    if e.is_Add:
        return sp.Add(*(d(term) for term in e.args))
    if e.is_Mul:
        return sp.Add(*(sp.Mul(*e.args[:k], d(factor), *e.args[k + 1 :]) for k, factor in enumerate(e.args)))
    if isinstance(e, sp.exp):
        return e * d(e.exp)
    if isinstance(e, sp.log):
        return d(e.args[0]) / e.args[0]
    if e.is_Pow and _depends(e.exp, X):
        return e * (d(e.exp) * sp.log(e.base) + e.exp * d(e.base) / e.base)
    if e.is_Pow:
        return e.exp * e.base ** (e.exp - 1) * d(e.base)
    if isinstance(e, sp.Sum):
        return sp.Sum(d(e.function), *e.limits)
    if isinstance(e, sp.Function) and not isinstance(e, sp.Piecewise):
        return sp.Add(*(_partial(e, k, derivatives) * dx for k, x in enumerate(e.args) if (dx := d(x)) != 0))
    raise TypeError(f"cannot differentiate {type(e).__name__}: {e}")


def _depends(e: sp.Expr, X: sp.IndexedBase) -> bool:
    return bool(e.has(X)) or occur(e)


def _partial(e: sp.Expr, k: int, derivatives: Derivatives | None) -> sp.Expr:
    """∂f/∂x_k of e = f(x_0, x_1, ...)"""
    if not isinstance(e, AppliedUndef):
        return e.fdiff(k + 1)
    partials = derivatives.of(e.func) if derivatives else ()
    if k >= len(partials):
        raise ValueError(f"the derivative of {e.func} by its argument {k + 1} has not been declared")
    return partials[k](*e.args)


def inner_product(A: IndexedMatrix, B: IndexedMatrix) -> sp.Expr:
    """Σ_ij A[i, j] B[i, j]"""
    return total(lambda i: total(lambda j: A.entry(i, j) * B.entry(i, j), A.sizes[1]), A.sizes[0])


def difference(left: Any, right: Any, rounding: float = 0) -> Polynomial:
    """left − right in normal form; empty if they are equal, each number but for this part of it."""
    sides = normalize(left), normalize(right)
    remainder = add([sides[0], scale(sides[1], -1)])
    if rounding and all(_rounded(c, [side.get(m, 0) for side in sides], rounding) for m, c in remainder.items()):
        return {}
    return {} if 0 < len(remainder) <= SIMPLIFIED and _vanishes(remainder) else remainder


def _rounded(rest: sp.Expr, terms: list[Any], rounding: float) -> bool:
    """Whether what two terms differ by is what decimals lose when they are multiplied."""
    numbers = [sp.sympify(e) for e in (rest, *terms)]
    return all(e.is_number for e in numbers) and abs(rest) <= rounding * max(abs(e) for e in numbers[1:])


def indices_of(X: IndexedMatrix) -> tuple[Any, Any]:
    """The indices of any entry: p and q, and 1 where there is a single row or column."""
    rows, columns = X.sizes
    return (sp.Integer(1) if rows == 1 else P, sp.Integer(1) if columns == 1 else Q)


def equal(X: IndexedMatrix, Y: IndexedMatrix) -> Polynomial:
    """X[p, q] − Y[p, q] in normal form, for all p and q; empty if the matrices are equal. Raises ValueError for two shapes."""
    if X.sizes != Y.sizes:
        raise ValueError(f"shapes differ: {X.sizes[0]}×{X.sizes[1]} and {Y.sizes[0]}×{Y.sizes[1]}")
    return difference(X.entry(*indices_of(X)), Y.entry(*indices_of(X)))


def gradient_difference(
    L: sp.Expr,
    X: IndexedMatrix,
    claimed: IndexedMatrix,
    derivatives: Derivatives | None = None,
    rounding: float = 0,
) -> Polynomial:
    """∂L/∂X[p, q] − claimed[p, q] in normal form; empty if the claimed gradient is right for every size.

    X is a matrix of symbols, made by `IndexedMatrix.symbol` or `sparse`; of a sparse one, the derivative is taken with
    respect to the stored values. `rounding` as in `difference`. Raises ValueError for a gradient of another shape.
    """
    if X.sizes != claimed.sizes:
        raise ValueError(f"the gradient has shape {claimed.sizes[0]}×{claimed.sizes[1]}, X {X.sizes[0]}×{X.sizes[1]}")
    assert X.base is not None, "the gradient is taken with respect to a matrix of symbols"
    # First the normal form: what cancels in it (the maximum in a stable softmax) need not be differentiated.
    derivative = differentiate(to_sympy(normalize(L)), X.base, indices_of(X), derivatives)
    return difference(derivative, claimed.entry(*indices_of(X)), rounding)


def _vanishes(P: Polynomial) -> bool:
    """Whether a polynomial is 0 as a rational function of its atoms, a sum that stands in a power being no atom."""
    symbols: dict[Any, sp.Symbol] = {}

    def symbol(atom: Any) -> sp.Symbol:
        # Positive only if it is known to be: otherwise √(z²) would be z.
        sign = {"positive": True} if is_positive(atom) else {"real": True}
        return symbols.setdefault(atom, sp.Symbol(f"z{len(symbols)}", **sign))

    def expression(polynomial: Any) -> sp.Expr:
        return sp.Add(*(c * sp.Mul(*(factor(a) ** e for a, e in m)) for m, c in dict(polynomial).items()))

    def factor(atom: Any) -> sp.Expr:
        return expression(atom[1]) if atom[0] == "power" else symbol(atom)

    return sp.simplify(expression(P)) == 0
