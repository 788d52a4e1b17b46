"""Gradients of SymPy matrices against a generic cotangent: of L = Σ DY ⊙ Y with DY a matrix of free symbols.

An equation that gives the gradient of this L is right for every loss. A special loss is not enough: with L = Σ Y every
gradient of batch norm and softmax is zero, and any wrong formula passes.
"""

from __future__ import annotations

import sympy as sp


def matrix(name: str, m: int, n: int, support=lambda i, j: True) -> sp.Matrix:
    """A matrix of free real symbols, 0 outside of the support."""
    return sp.Matrix(m, n, lambda i, j: sp.Symbol(f"{name}_{i}{j}", real=True) if support(i, j) else 0)


def gradient(Y: sp.Matrix, DY: sp.Matrix, X: sp.Matrix) -> sp.Matrix:
    """∂(Σ DY ⊙ Y)/∂X entry by entry, 0 at the structural zeros of X."""
    L = without_maxima(sp.Add(*DY.multiply_elementwise(Y)))
    return X.applyfunc(lambda x: sp.diff(L, x) if x != 0 else sp.Integer(0))


def assert_equal(A: sp.Matrix, B: sp.Matrix) -> None:
    """A = B, whatever the values of their symbols."""
    assert A.shape == B.shape
    for a, b in zip(without_maxima(A), without_maxima(B), strict=True):
        assert vanishes(a - b), f"{a} is not {b}"


def vanishes(e: sp.Expr) -> bool:
    """Whether e = 0. In terms of u = e^x, what is made of exponentials is a quotient of polynomials."""
    e = sp.expand_log(sp.sympify(e).rewrite(sp.tanh, sp.exp), force=True)
    if e.has(sp.exp):
        exponents = sorted(e.free_symbols, key=str)
        e = e.subs({x: sp.log(sp.Symbol(f"u_{x}", positive=True)) for x in exponents})
        e = sp.powsimp(sp.expand(e, power_exp=True))
    return sp.simplify(e) == 0


def without_maxima(E):
    """E with each maximum replaced by 0: the stable forms subtract the maximum of a row, and do not depend on its value.

    That they do not is shown, by the derivative with respect to it.
    """
    named = {m: sp.Symbol(f"max_{i}", real=True) for i, m in enumerate(sorted(E.atoms(sp.Max), key=str))}
    E = E.xreplace(named)
    for m in named.values():
        for e in E if isinstance(E, sp.MatrixBase) else [E]:
            assert vanishes(sp.diff(e, m)), "the result depends on the value of a maximum"
    return E.xreplace(dict.fromkeys(named.values(), sp.Integer(0)))
