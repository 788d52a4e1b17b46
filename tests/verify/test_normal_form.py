"""The laws by which equal expressions become equal; and what must not become equal."""

from __future__ import annotations

import pytest
import sympy as sp
from sympy import Function, KroneckerDelta, Rational, Sum, exp, log, sqrt

from nerva_py.verify import Derivatives, difference, normalize, sparse, to_sympy
from nerva_py.verify.prover import differentiate

N, K = sp.symbols("N K", integer=True, positive=True)
i, j, k, p, q = sp.symbols("i j k p q", integer=True)
x, y, z, w = sp.symbols("x y z w", cls=sp.IndexedBase)
f = Function("f")
epsilon = sp.Symbol("epsilon", positive=True)
sparse("V", N, K)
S = sp.IndexedBase("S_V")

EQUAL = {
    "factors commute": (x[i] * y[j] * 3, y[j] * 3 * x[i]),
    "products are multiplied out": ((x[i] + 1) * (x[i] - 1), x[i] ** 2 - 1),
    "bound indices have no name": (Sum(x[i], (i, 1, N)), Sum(x[k], (k, 1, N))),
    "constants go out of sums": (Sum(2 * y[j] * x[i], (i, 1, N)), 2 * y[j] * Sum(x[i], (i, 1, N))),
    "the sum of a constant is a multiple": (Sum(y[j], (i, 1, N)), N * y[j]),
    "sums of sums merge, in any order": (
        Sum(x[i] * Sum(y[i, j], (j, 1, K)), (i, 1, N)),
        Sum(Sum(x[i] * y[i, j], (i, 1, N)), (j, 1, K)),
    ),
    "two limits are two sums": (Sum(y[i, j], (i, 1, N), (j, 1, K)), Sum(Sum(y[i, j], (i, 1, N)), (j, 1, K))),
    "a sum that falls apart is a product": (
        Sum(Sum(x[i] * y[j], (i, 1, N)), (j, 1, K)),
        Sum(x[i], (i, 1, N)) * Sum(y[j], (j, 1, K)),
    ),
    "the square of a sum is a double sum": (Sum(x[i], (i, 1, N)) ** 2, Sum(Sum(x[i] * x[k], (i, 1, N)), (k, 1, N))),
    "two indices of one size can be swapped": (
        Sum(Sum(x[i] * y[i, k] * z[k], (i, 1, N)), (k, 1, N)),
        Sum(Sum(x[k] * y[k, i] * z[i], (i, 1, N)), (k, 1, N)),
    ),
    "a delta selects": (Sum(KroneckerDelta(i, p) * x[i] * y[i, j], (i, 1, N)), x[p] * y[p, j]),
    "a delta selects inside of functions": (Sum(KroneckerDelta(i, p) * exp(x[i]), (i, 1, N)), exp(x[p])),
    "a delta of bound indices joins two sums": (
        Sum(Sum(KroneckerDelta(i, k) * x[i] * y[k], (i, 1, N)), (k, 1, N)),
        Sum(x[i] * y[i], (i, 1, N)),
    ),
    "a delta is symmetric, and its own square": (KroneckerDelta(p, q) ** 2, KroneckerDelta(q, p)),
    "an indicator is its own square": (Sum(S[i, j] ** 3 * x[i], (i, 1, N)), Sum(S[i, j] * x[i], (i, 1, N))),
    "exp of a sum is a product": (exp(x[i] - 2 * y[j]), exp(x[i]) * exp(y[j]) ** -2),
    "exp undoes log": (exp(3 * log(x[i])), x[i] ** 3),
    "log undoes exp": (log(exp(x[i])), x[i]),
    "log of a product of exponentials": (log(exp(x[i]) * exp(y[j]) ** 2), x[i] + 2 * y[j]),
    "log of a common factor": (
        log(Sum(exp(x[i] - y[j]), (i, 1, N))),
        log(Sum(exp(x[i]), (i, 1, N))) - y[j],
    ),
    "powers of a base": (2 ** x[i] * 2 ** y[j], 2 ** (x[i] + y[j])),
    "hyperbolic functions are exponentials": (sp.tanh(x[i]), 1 - 2 / (1 + exp(2 * x[i]))),
    "a quotient is reduced": (exp(x[i]) / (1 + exp(x[i])), 1 - 1 / (1 + exp(x[i]))),
    "quotients cancel": ((x[i] + y[j]) / (x[i] + y[j]), 1),
    "a square root squared": (sqrt(Sum(x[i] ** 2, (i, 1, N)) + epsilon) ** 2, Sum(x[i] ** 2, (i, 1, N)) + epsilon),
    "powers of one base": ((x[i] + epsilon) ** Rational(-3, 2) * (x[i] + epsilon), (x[i] + epsilon) ** Rational(-1, 2)),
    "arguments of functions": (f((x[i] + 1) ** 2), f(x[i] ** 2 + 2 * x[i] + 1)),
}  # fmt: skip

DIFFERENT = {
    "a sign": (x[i] - y[j], x[i] + y[j]),
    "a transpose": (x[p, q], x[q, p]),
    "a transpose under sums that are not over both": (Sum(x[p, k] * y[k], (k, 1, N)), Sum(x[k, p] * y[k], (k, 1, N))),
    "sizes": (Sum(x[i], (i, 1, N)), Sum(x[i], (i, 1, K))),
    "free and bound indices": (Sum(x[i] * y[i], (i, 1, N)), x[i] * Sum(y[k], (k, 1, N))),
    "the square of a sum, the sum of squares": (Sum(x[i], (i, 1, N)) ** 2, Sum(x[i] ** 2, (i, 1, N))),
    "a delta of free indices": (KroneckerDelta(p, q), sp.Integer(1)),
    "a square that is no indicator's": (x[i] ** 2, x[i]),
    "the root of a square": (sqrt(x[i] ** 2), x[i]),
    "the logarithm of a square": (log(x[i] ** 2), 2 * log(x[i])),
    "the logarithm of a product": (log(x[i] * y[i]), log(x[i]) + log(y[i])),
    "the root of a product": (sqrt(x[i] * y[i]), sqrt(x[i]) * sqrt(y[i])),
    "the reciprocal of a sum": (1 / Sum(x[i], (i, 1, N)), Sum(1 / x[i], (i, 1, N))),
    "exp of a sum, the sum of exp": (exp(Sum(x[i], (i, 1, N))), Sum(exp(x[i]), (i, 1, N))),
    "a function of a sum": (f(Sum(x[i], (i, 1, N))), Sum(f(x[i]), (i, 1, N))),
    "functions": (f(x[i]), Function("g")(x[i])),
    "epsilon": (1 / sqrt(x[i] + epsilon), 1 / sqrt(x[i])),
    "tanh of entries is no constant": (Sum(sp.tanh(x[i]), (i, 1, N)), N * sp.tanh(x[i])),
    "nor is another function": (Sum(sp.sin(x[i]), (i, 1, N)), N * sp.sin(x[i])),
    "nor is a power": (Sum(2 ** x[i], (i, 1, N)), N * 2 ** x[i]),
}


@pytest.mark.parametrize("name", EQUAL)
def test_equal(name):
    left, right = EQUAL[name]
    assert difference(left, right) == {}
    if name not in ("hyperbolic functions are exponentials", "quotients cancel"):
        assert normalize(left) == normalize(right)  # the normal form alone does it


@pytest.mark.parametrize("name", DIFFERENT)
def test_different(name):
    assert difference(*DIFFERENT[name])


def test_no_index_is_captured():
    """The free index has the name that the normal form gives to bound ones."""
    b = next(iter(to_sympy(normalize(Sum(x[k], (k, 1, N)))).bound_symbols)).name
    b = sp.Symbol(b, integer=True)
    e = x[b] * Sum(y[k, b], (k, 1, N))
    assert difference(e, x[b] * Sum(y[i, b], (i, 1, N))) == {}
    assert difference(e, x[b] * Sum(y[i, i], (i, 1, N)))
    inner = 1 / (1 + Sum(y[p, i], (i, 1, N)))
    once = to_sympy(normalize(Sum(inner * x[p], (p, 1, N))))
    assert normalize(once) == normalize(Sum(x[k] / (1 + Sum(y[k, j], (j, 1, N))), (k, 1, N)))


def test_indices_of_different_sizes_are_not_swapped():
    left = Sum(Sum(x[i, k], (i, 1, N)), (k, 1, K))
    assert difference(left, Sum(Sum(x[k, i], (i, 1, N)), (k, 1, K)))


@pytest.mark.parametrize(
    "e",
    [
        Sum(i, (i, 1, N)),
        Sum(x[i], (i, 2, N)),
        Sum(sp.Max(x[i], 0), (i, 1, N)),
        Sum(sp.Piecewise((0, x[i] < 0), (x[i], True)), (i, 1, N)),
        sp.Max(x[i], y[i]),
    ],
)
def test_what_has_no_rule_is_refused(e):
    with pytest.raises(TypeError):
        normalize(e)


def test_zero_and_scalars():
    assert normalize(0) == {}
    assert normalize(x[i] - x[i]) == {}
    assert to_sympy(normalize(sqrt(N) * epsilon)) == sqrt(N) * epsilon


# ------------------------------------------------------------------------------------------------------------ derivatives


@pytest.mark.parametrize(
    ("e", "derivative"),
    [
        (x[i], KroneckerDelta(i, p)),
        (y[i], 0),
        (Sum(x[i] * y[i], (i, 1, N)), y[p]),
        (Sum(x[i], (i, 1, N)) ** 2, 2 * Sum(x[i], (i, 1, N))),
        (exp(x[i]), KroneckerDelta(i, p) * exp(x[i])),
        (log(Sum(exp(x[i]), (i, 1, N))), exp(x[p]) / Sum(exp(x[i]), (i, 1, N))),
        (1 / x[i], -KroneckerDelta(i, p) / x[i] ** 2),
        (2 ** x[i], KroneckerDelta(i, p) * log(2) * 2 ** x[i]),
        (Sum(sp.sin(x[i]), (i, 1, N)), sp.cos(x[p])),
        (sp.tanh(x[i]), KroneckerDelta(i, p) * (1 - sp.tanh(x[i]) ** 2)),
    ],
)
def test_derivatives(e, derivative):
    assert difference(differentiate(e, x, (p,)), derivative) == {}


def test_the_derivative_of_an_undefined_function_must_be_declared():
    with pytest.raises(ValueError, match="the derivative of f by its argument 1 has not been declared"):
        differentiate(f(x[i]), x, (p,))
    derivatives = Derivatives()
    derivatives.declare(f, Function("g"))
    assert difference(differentiate(Sum(f(x[i]), (i, 1, N)), x, (p,), derivatives), Function("g")(x[p])) == {}
    # A parameter that does not depend on x needs no derivative, one that does needs it.
    assert differentiate(f(x[i], y[i]), x, (p,), derivatives) == Function("g")(x[i], y[i]) * KroneckerDelta(i, p)
    with pytest.raises(ValueError, match="by its argument 2"):
        differentiate(f(y[i], x[i]), x, (p,), derivatives)


def test_what_cannot_be_differentiated_is_refused():
    for e in (sp.Max(x[i], 0), sp.Piecewise((0, x[i] < 0), (x[i], True))):
        with pytest.raises(TypeError, match="cannot differentiate"):
            differentiate(e, x, (p,))
