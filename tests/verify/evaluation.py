"""Expressions in indices, evaluated with numbers: what a normal form must not change. And such expressions at random."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy as np
import sympy as sp
from hypothesis import strategies as st

from nerva_py.verify.indexed import INDICATORS, sparse
from nerva_py.verify.maxima import PLACES

N, D, K = sp.symbols("N D K", integer=True, positive=True)
SIZES = {N: 2, D: 3, K: 2}
P, Q, R = sp.symbols("p q r", integer=True)  # free indices: two rows of a batch, and a column
FREE = ((P, N), (R, N), (Q, D))

_rng = np.random.default_rng(11)
SHAPES = {"A": (N, D), "B": (D, K), "C": (N, N), "x": (1, D), "S_V": (N, D), "M": (N, D)}
BASES = {name: sp.IndexedBase(name) for name in SHAPES}
sparse("V", N, D)  # declares that the entries of S_V are 0 or 1
PLACES.add(BASES["M"])  # a single 1 in each row, as the place of a maximum
INDICATORS.add(BASES["M"])
NUMBERS = {BASES[name]: _rng.uniform(-1, 1, [SIZES.get(n, n) for n in shape]) for name, shape in SHAPES.items()}
NUMBERS |= {BASES["S_V"]: _rng.integers(0, 2, (2, 3)), BASES["M"]: np.eye(3)[[2, 0]]}


Entry = Callable[[sp.IndexedBase, tuple[int, ...]], Any]
Functions = Mapping[str, Callable[..., Any]]


F_IS_COS: Functions = {"f": mpmath.cos}


def given(base: sp.IndexedBase, indices: tuple[int, ...]) -> Any:
    """An entry of the matrices above; indices count from 1."""
    return mpmath.mpf(float(NUMBERS[base][tuple(index - 1 for index in indices)]))


def value(e: sp.Expr, names: Mapping[sp.Symbol, Any], entry: Entry = given, functions: Functions = F_IS_COS) -> Any:
    """The number that an expression is, for these sizes and free indices, entries of matrices and undefined functions."""

    def of(part: sp.Expr) -> Any:
        return value(part, names, entry, functions)

    if e.is_number:
        return mpmath.mpmathify(e.evalf(mpmath.mp.dps))
    if e.is_Symbol:
        return names[e]
    if isinstance(e, sp.Sum):
        index, first, last = e.limits[-1]
        inner = sp.Sum(e.function, *e.limits[:-1]) if len(e.limits) > 1 else e.function
        span = range(int(first), int(of(last)) + 1)
        return mpmath.fsum(value(inner, {**names, index: i}, entry, functions) for i in span)
    if isinstance(e, sp.Indexed):
        return entry(e.base, tuple(int(of(index)) for index in e.indices))
    if isinstance(e, sp.Piecewise):
        return next(of(branch) for branch, condition in e.args if condition == True or holds(condition, of))  # noqa: E712
    numbers = [of(part) for part in e.args]
    if isinstance(e, sp.KroneckerDelta):
        return mpmath.mpf(numbers[0] == numbers[1])
    if e.is_Add:
        return mpmath.fsum(numbers)
    if e.is_Mul:
        return mpmath.fprod(numbers)
    if e.is_Pow:
        return mpmath.power(*numbers)
    if abs(numbers[0]) > 1e6:
        raise OverflowError("no digit of the result would be right")
    name = e.func.__name__
    return functions[name](*numbers) if name in functions else getattr(mpmath, name)(*numbers)


def holds(condition: Any, of: Callable[[sp.Expr], Any]) -> bool:
    """A comparison of two numbers."""
    return bool(condition.func(*(sp.Float(str(of(side)), mpmath.mp.dps) for side in condition.args)))


def values(e: sp.Expr) -> np.ndarray:
    """At all values of the free indices."""
    spans = [range(1, SIZES[size] + 1) for _, size in FREE]
    names = [dict(zip((index for index, _ in FREE), point, strict=True)) for point in itertools.product(*spans)]
    with mpmath.workdps(60):
        return np.array([complex(value(e, {**SIZES, **point})) for point in names])


@st.composite
def expressions(draw: Any, depth: int = 3, scope: tuple[tuple[sp.Symbol, sp.Symbol], ...] = FREE) -> sp.Expr:
    """Sums, products, powers and functions of entries and deltas."""
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return draw(_leaves(scope))
    kind = draw(st.sampled_from(["add", "multiply", "sum", "sum", "sum", "function", "positive"]))
    if kind == "sum":
        index, size = sp.Dummy("i", integer=True), draw(st.sampled_from(list(SIZES)))
        return sp.Sum(draw(expressions(depth - 1, (*scope, (index, size)))), (index, 1, size))
    first = draw(expressions(depth - 1, scope))
    if kind == "function":
        return draw(st.sampled_from([lambda e: e**2, sp.exp, sp.Function("f"), sp.tanh, sp.sin, lambda e: 2**e]))(first)
    second = draw(expressions(depth - 1, scope))
    if kind == "positive":
        positive = sp.exp(first) + draw(st.sampled_from([sp.Integer(1), sp.exp(second), second**2]))
        return draw(st.sampled_from([lambda e: 1 / e, sp.sqrt, sp.log, lambda e: e ** sp.Rational(-3, 2)]))(positive)
    return first + second if kind == "add" else first * second


def _leaves(scope: tuple[tuple[sp.Symbol, sp.Symbol], ...]) -> st.SearchStrategy[sp.Expr]:
    """A number, a size, the delta of two indices of one size, or an entry at indices of the right sizes."""
    of_size = {size: [index for index, its in reversed(scope) if its == size] for size in (N, D, K)}
    entries = [
        BASES[name][indices]
        for name, shape in SHAPES.items()
        for indices in itertools.product(*(of_size.get(size, [sp.Integer(1)]) for size in shape))
    ]
    deltas = [sp.KroneckerDelta(*pair) for indices in of_size.values() for pair in itertools.combinations(indices, 2)]
    constants = [sp.Integer(-2), sp.Rational(1, 2), sp.Integer(1), N, D]
    return st.one_of(
        st.sampled_from(entries), st.sampled_from(entries), st.sampled_from(deltas), st.sampled_from(constants)
    )
