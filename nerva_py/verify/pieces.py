"""Functions of one number that are defined by cases, decided interval by interval.

The roots of all conditions, from the inside out, cut the real line; on each interval every condition is decided at a sample
point, and what remains is a formula. |x|, sign, the larger and the smaller of two are cases, too, and conditions may be
nested, negated, and joined by "and" and "or".
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from typing import Any

import sympy as sp
from sympy.core.relational import Relational

MOST_NODES = 4  # cases in a function whose sides at a kink are combined


def by_cases(e: sp.Expr) -> sp.Expr:
    """e with |u|, sign(u), max and min written as cases."""
    e = e.replace(sp.Abs, lambda u: sp.Piecewise((u, u >= 0), (-u, True)))
    e = e.replace(sp.sign, lambda u: sp.Piecewise((1, u > 0), (-1, u < 0), (0, True)))
    for function, relation in ((sp.Max, sp.Ge), (sp.Min, sp.Le)):
        e = e.replace(function, lambda *us, relation=relation: _extreme(us, relation))
    return e


def _extreme(us: tuple[Any, ...], relation: Any) -> Any:
    first, *rest = us
    if not rest:
        return first
    other = _extreme(tuple(rest), relation)
    return sp.Piecewise((first, relation(first, other)), (other, True))


def kinks(x: sp.Symbol, *expressions: sp.Expr) -> list[sp.Expr]:
    """Where a condition in one of them changes, in order. Raises NotImplementedError if that cannot be found."""
    found: set[sp.Expr] = set()
    for e in expressions:
        for condition in _conditions(e):
            found |= _roots(condition.lhs - condition.rhs, x)
    return sorted(found)


def _conditions(e: Any) -> Iterator[Relational]:
    """The conditions in e that do not stand in another one."""
    if isinstance(e, Relational):
        yield e
    else:
        for part in e.args:
            yield from _conditions(part)


def _roots(e: sp.Expr, x: sp.Symbol) -> set[sp.Expr]:
    inner = kinks(x, e)
    found = set(inner)
    for left, at, right in intervals(inner):
        formula = resolved(e, x, at)
        if formula.has(x):
            roots = sp.solveset(formula, x, sp.S.Reals)
            if not isinstance(roots, sp.FiniteSet):
                raise NotImplementedError(f"the roots of {formula} are not found")
            found |= {r for r in roots if (left is None or r > left) and (right is None or r < right)}
    return found


def intervals(kinks: list[Any]) -> Iterator[tuple[Any, Any, Any]]:
    """The intervals between kinks, each with a number in its midst; None is infinite."""
    ends = [None, *kinks, None]
    for left, right in pairwise(ends):
        if left is None and right is None:
            at = sp.Rational(1, 3)
        elif left is None or right is None:
            at = right - 1 if left is None else left + 1
        else:
            at = (left + right) / 2
        yield left, at, right


def resolved(e: Any, x: sp.Symbol, at: Any) -> Any:
    """The formula of e on the interval around a number: each condition is decided there."""
    if isinstance(e, sp.Piecewise):
        for value, condition in e.args:
            if condition.subs(x, at) == True:  # noqa: E712
                return resolved(value, x, at)
        raise NotImplementedError(f"no case of {e} holds at {at}")
    return e.func(*(resolved(part, x, at) for part in e.args)) if e.args else e


def is_derivative(g: sp.Expr, f: sp.Expr, x: sp.Symbol) -> bool:
    """Whether g is f′ between kinks. At a kink of f it must lie between the derivatives on both sides, else it is refused.

    Where f is put together of several cases, as relu(x) − relu(−x), each may be continued from its own side.
    Raises ValueError for a g that is refused, NotImplementedError if it cannot be decided.
    """
    f, g = by_cases(f), by_cases(g)
    points = kinks(x, f, g)
    if not all(_same(sp.diff(resolved(f, x, at), x), resolved(g, x, at)) for _, at, _ in intervals(points)):
        return False
    for (_, before, point), (_, after, _) in pairwise(intervals(points)):
        sides = _sides(f, x, point, before, after)
        low, at, high = (float(value) for value in (min(sides), sp.N(g.subs(x, point)), max(sides)))
        if not low - 1e-9 <= at <= high + 1e-9:
            raise ValueError(
                f"what is the derivative elsewhere is {at:g} at the kink {x} = {point}, not between {low:g} and {high:g}"
            )
    return True


def _sides(f: sp.Expr, x: sp.Symbol, point: Any, before: Any, after: Any) -> list[Any]:
    """The derivatives of f at a kink, each of its cases continued from one side or the other."""
    nodes = sorted({e for e in sp.preorder_traversal(f) if isinstance(e, sp.Piecewise)} - set(_inner(f)), key=str)
    if len(nodes) > MOST_NODES:
        raise NotImplementedError("too many cases")
    marks = [sp.Dummy(real=True) for _ in nodes]
    skeleton = f.xreplace(dict(zip(nodes, marks, strict=True)))
    values = []
    for ats in product((before, after), repeat=len(nodes)):
        branches = [resolved(node, x, at) for node, at in zip(nodes, ats, strict=True)]
        slope = sp.diff(skeleton.xreplace(dict(zip(marks, branches, strict=True))), x)
        values.append(sp.N(slope.subs(x, point)))
    return values


def _inner(f: sp.Expr) -> Iterator[sp.Piecewise]:
    """The cases that stand within others."""
    for e in sp.preorder_traversal(f):
        if isinstance(e, sp.Piecewise):
            for part in e.args:
                yield from part.atoms(sp.Piecewise)


def _same(a: Any, b: Any) -> bool:
    difference = sp.sympify(a - b)
    if not difference.free_symbols:
        return bool(abs(sp.N(difference)) <= 1e-12 * (1 + abs(sp.N(a))))
    return difference == 0 or bool(sp.simplify(difference) == 0)
