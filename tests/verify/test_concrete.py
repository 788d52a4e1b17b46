"""Matrices of symbols at given sizes: when an expression is 0, and numbers that show that it is not."""

from __future__ import annotations

import time

import pytest
import sympy as sp

from nerva_py.equations.softmax import shifted, softmax
from nerva_py.verify import concrete

x, y, z = sp.symbols("x y z", real=True)
p = sp.Symbol("p", positive=True)
f = sp.Function("f")


@pytest.mark.parametrize(
    "e",
    [
        sp.Integer(0),
        (x + y) ** 2 - x**2 - 2 * x * y - y**2,
        sp.exp(x) * sp.exp(-x) - 1,
        sp.tanh(x) - (1 - sp.exp(-2 * x)) / (1 + sp.exp(-2 * x)),
        sp.log(sp.exp(x)) - x,
        sp.sqrt(x**2 + 1) ** 2 - x**2 - 1,
        sp.Max(x, y) - sp.Max(y, x),
        sp.Max(x, y) + z - sp.Max(x, y) - z,
        sp.Piecewise((x, x <= 0), (y, True)) - sp.Piecewise((y, x > 0), (x, True)),
        sp.Piecewise((x, x < 0), (y, True)) - sp.Piecewise((y, x >= 0), (x, True)),
        2 * sp.Piecewise((x, x <= 0), (y, True)) - sp.Piecewise((2 * x, x <= 0), (2 * y, True)),
        f(x + 1) - f(1 + x),
        sp.sin(x) ** 2 + sp.cos(x) ** 2 - 1,
        sp.log(p**2) - 2 * sp.log(p),
    ],
)
def test_vanishes(e):
    assert concrete.vanishes(e)


@pytest.mark.parametrize(
    "e",
    [
        sp.Integer(1),
        x - y,
        sp.Rational(1, 10**9) * x,
        sp.sqrt(x**2) - x,
        sp.Max(x, y) - y,
        sp.Piecewise((x, x <= 0), (y, True)) - sp.Piecewise((y, x <= 0), (x, True)),
        sp.Piecewise((x, x < 0), (y, True)) - sp.Piecewise((x, x <= 0), (y, True)),  # at 0
        f(x) - f(y),
        sp.Derivative(f(x), x) - f(x),
        1 / x,
        sp.nan,
    ],
)
def test_does_not_vanish(e):
    assert not concrete.vanishes(e)


def test_kinks():
    e = sp.Piecewise((x, x < 0), (y, True)) - sp.Piecewise((x, x <= 0), (y, True))
    assert concrete.vanishes(e, at_kinks=False)
    assert not concrete.vanishes(e + x, at_kinks=False)


def test_differs_at():
    e = sp.exp(x) - y / p
    numbers = concrete.differs_at(e, {z})
    assert set(numbers) == {x, y, z, p}
    assert numbers[p] > 0
    assert abs(e.subs(numbers).evalf()) > 1e-12
    assert numbers == concrete.differs_at(e, {z})  # the same in every run
    assert concrete.differs_at(x - x) is None
    assert concrete.differs_at((x + y) ** 2 - x**2 - y * (2 * x + y)) is None
    assert concrete.differs_at(sp.Integer(2)) == {}
    assert concrete.differs_at(f(x)) is None  # no number is known


def test_zero_is_seen_quickly():
    """`evalf` takes minutes to find that no digit of this is left."""
    terms = sp.symbols("a:6", real=True)
    total = sum(sp.exp(t) for t in terms)
    e = sum(sp.exp(t) / total for t in terms) - 1
    start = time.perf_counter()
    assert concrete.vanishes(e**2 + e)
    assert time.perf_counter() - start < 5


def test_matrices_and_their_support():
    X = concrete.matrix("X", 2, 3, lambda i, j: j != 1)
    a, b, c, d = sp.symbols("X_11 X_13 X_21 X_23", real=True)
    assert sp.Matrix([[a, 0, b], [c, 0, d]]) == X
    assert concrete.matrix("P", 1, 1, positive=True)[0].is_positive
    L = concrete.inner_product(X, X)
    assert concrete.gradient(L, X) == 2 * X


def test_first_difference():
    X = concrete.matrix("X", 2, 2)
    assert concrete.first_difference(X, X) is None
    assert concrete.first_difference(X, X.T) == (0, 1)
    with pytest.raises(ValueError, match="shapes differ: 2×2 and 1×2"):
        concrete.first_difference(X, X[0, :])


def test_maxima():
    X = concrete.matrix("X", 1, 3)
    shift = shifted(X)[0]
    with pytest.raises(ValueError, match="depends on the value of a maximum"):
        concrete.without_maxima(shift)
    assert not concrete.without_maxima(softmax(X)[0]).has(sp.Max)
