"""The prover cannot prove what is wrong: expressions at random, evaluated with numbers at small sizes."""

from __future__ import annotations

import os

import numpy as np
import pytest
import sympy as sp
from hypothesis import HealthCheck, assume, given, settings

from nerva_py.verify import difference, normalize, to_sympy

from .evaluation import BASES, NUMBERS, SIZES, D, N, P, Q, R, expressions, value, values

MANY = int(os.environ.get("NERVA_EXAMPLES", "120"))  # `make verify-hard` asks for more
often = settings(max_examples=MANY, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def numbers(e: sp.Expr) -> np.ndarray:
    """The values of an expression, if they are of moderate size."""
    try:
        result = values(e)
    except OverflowError:
        assume(False)
    assume(np.isfinite(result).all() and abs(result).max() < 1e6)
    return result


def are_close(a: np.ndarray, b: np.ndarray) -> bool:
    return np.allclose(a, b, rtol=1e-8, atol=1e-8)


@often
@given(expressions(4))
def test_the_normal_form_has_the_same_value(e):
    normal = to_sympy(normalize(e))
    assert are_close(numbers(e), numbers(normal)), normal


def test_nothing_is_divided_by_what_may_be_0():
    """(N − 2)² stands first in the sum, and is 0 for the N = 2 of the evaluation."""
    e = 1 / ((N - 2) ** 2 + sp.exp(BASES["A"][P, Q]))
    assert are_close(values(e), values(to_sympy(normalize(e))))


@often
@given(expressions(2))
def test_an_expression_equals_its_normal_form(e):
    assume(not e.has(sp.sin))  # SymPy rewrites sin(−x) and sin(0) by itself
    assert difference(e, to_sympy(normalize(e))) == {}


SIMILAR = {
    "another row": lambda e: e.xreplace({P: R}),
    "rows swapped": lambda e: e.xreplace({P: R, R: P}),
    "another matrix": lambda e: e.xreplace({BASES["A"]: BASES["S_V"]}),
    "the root of its square": lambda e: sp.sqrt(e**2),
    "its square": lambda e: e**2,
    "its sum": lambda e: sp.Sum(e, (P, 1, N)),
    "its mean": lambda e: sp.Sum(e, (P, 1, N)) / N,
    "another size": lambda e: e.xreplace({N: D}) if not e.has(sp.Indexed) else -e,
    "its log": lambda e: sp.log(sp.exp(e) ** 2) / 2,
}


@settings(max_examples=MANY // 4, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@pytest.mark.parametrize("change", SIMILAR)
@given(e=expressions(2))
def test_what_is_proved_equal_is_equal(change, e):
    other = SIMILAR[change](e)
    if difference(e, other) == {}:
        assert are_close(numbers(e), numbers(other))


def test_the_evaluation_of_these_tests_is_right():
    i = sp.Symbol("i", integer=True)
    A = NUMBERS[BASES["A"]]
    e = sp.Sum(BASES["A"][i, Q] * sp.KroneckerDelta(i, P), (i, 1, N)) + N
    assert value(e, {**SIZES, P: 2, Q: 3}) == A[1, 2] + 2
    double = sp.Sum(BASES["A"][i, Q], (i, 1, N), (Q, 1, D))
    assert np.isclose(float(value(double, SIZES)), A.sum())
