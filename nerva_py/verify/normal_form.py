"""A normal form for expressions with sums of symbolic length, in which equal expressions become equal.

An expression becomes a polynomial: a dictionary from monomials to coefficients. A coefficient is a SymPy expression in
sizes and scalars. A monomial is a sorted tuple of (atom, exponent), and an atom is a tuple:

    ("entry", X, (i, j))            an entry of a matrix
    ("delta", i, j)                 the Kronecker delta of two free indices
    ("sum", level, bounds, m)       Σ m over the indices in bounds, a monomial that does not fall apart into two sums
    ("exp", m)                      e^m, m a monomial; e^(c m) is its power c
    ("log", P), ("power", P)        log P, and P itself where P^e cannot be multiplied out, P a polynomial
    ("function", f, (P, ...))       another function f, undefined or of SymPy

Constants go out of sums, sums of sums become one sum, a sum over a Kronecker delta is carried out, bound indices are
renamed canonically, e^(a + b) becomes e^a e^b, and e^(c log P) becomes P^c.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, reduce
from itertools import groupby, permutations, product
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.functions.elementary.hyperbolic import HyperbolicFunction

from . import deadline
from .indexed import INDICATORS, fresh_index
from .maxima import without_places
from .places import contains as _contains
from .places import places_of

Atom = tuple[Any, ...]
Monomial = tuple[tuple[Atom, sp.Expr], ...]
Polynomial = dict[Monomial, sp.Expr]
Frozen = tuple[tuple[Monomial, sp.Expr], ...]

ONE: Polynomial = {(): sp.Integer(1)}


# ------------------------------------------------------------------------------------------------- from SymPy's expressions


def normalize(expression: Any) -> Polynomial:
    """The normal form of a SymPy expression. Raises TypeError for what it has no rule for (a maximum, a case distinction)."""
    e = sp.sympify(expression)
    if isinstance(e, sp.Indexed):
        return _atom(("entry", e.base, tuple(e.indices)))
    if isinstance(e, sp.KroneckerDelta):
        return _delta(*e.args)
    if e.is_Add:
        return add(normalize(term) for term in e.args)
    if e.is_Mul:
        return reduce(multiply, (normalize(factor) for factor in e.args), ONE)
    if isinstance(e, sp.exp):
        return exponential(normalize(e.exp))
    if e.is_Pow and _has_matrix(e.exp):  # b^x = e^(x log b)
        return exponential(multiply(normalize(e.exp), logarithm(normalize(e.base))))
    if e.is_Pow and _has_matrix(e):
        return power(normalize(e.base), e.exp)
    if isinstance(e, sp.Sum):
        body, bounds = e.function, []
        for index, first, last in e.limits:
            if first != 1:
                raise TypeError(f"a sum must start at 1: {e}")
            fresh = fresh_index()
            body = body.xreplace({index: fresh})
            bounds.append((fresh, last))
        result = normalize(body)
        for index, size in bounds:
            result = sum_over(result, index, size)
        return result
    if isinstance(e, sp.log):
        return logarithm(normalize(e.args[0]))
    if isinstance(e, HyperbolicFunction):
        z = sp.Dummy()  # so that only the outermost function is rewritten
        return normalize(e.func(z).rewrite(sp.exp).xreplace({z: e.args[0]}))
    if isinstance(e, AppliedUndef) or (
        isinstance(e, sp.Function) and not isinstance(e, sp.Piecewise) and _has_matrix(e)
    ):
        return _atom(("function", e.func, tuple(freeze(normalize(argument)) for argument in e.args)))
    if _has_matrix(e):
        raise TypeError(f"the prover has no rule for {type(e).__name__}: {e}")
    return {(): e} if e != 0 else {}


def _has_matrix(e: sp.Expr) -> bool:
    return e.has(sp.Indexed, sp.Sum, sp.KroneckerDelta, AppliedUndef)


# -------------------------------------------------------------------------------------------------- arithmetic of polynomials


def add(polynomials: Iterable[Polynomial]) -> Polynomial:
    """P + Q + ..."""
    total: dict[Monomial, sp.Expr] = {}
    for polynomial in polynomials:
        for monomial, coefficient in polynomial.items():
            total[monomial] = total.get(monomial, sp.Integer(0)) + coefficient
    return {monomial: c for monomial, coefficient in total.items() if (c := sp.expand(coefficient)) != 0}


def scale(polynomial: Polynomial, c: Any) -> Polynomial:
    """c P"""
    return add([{monomial: c * coefficient for monomial, coefficient in polynomial.items()}])


def multiply(P: Polynomial, Q: Polynomial) -> Polynomial:
    """P Q"""
    deadline.check()
    return add(scale(_reduced(_merge((*m, *n))), a * b) for (m, a), (n, b) in product(P.items(), Q.items()))


def power(P: Polynomial, exponent: sp.Expr) -> Polynomial:
    """P^e: multiplied out for a natural e, factor by factor for a single term, otherwise an atom with that exponent."""
    if not P:
        return {} if exponent.is_positive else {(): sp.zoo}
    if exponent.is_Integer and exponent > 0:
        return reduce(multiply, [P] * int(exponent), ONE)
    common, rest = _common_factor(P, integer=bool(exponent.is_integer))
    outside: Polynomial = {_merge(tuple((atom, e * exponent) for atom, e in common)): sp.Integer(1)}
    if len(rest) == 1:
        ((monomial, coefficient),) = rest.items()
        if monomial == ():
            return multiply(outside, {(): coefficient**exponent})
        if exponent.is_integer:
            return multiply(
                outside, {_merge(tuple((atom, e * exponent) for atom, e in monomial)): coefficient**exponent}
            )
    frozen = freeze(rest)
    # (c P)^e = c^e P^e, but not where c may be 0, as N − 2 may.
    leading = next((c for _, c in frozen if (c.is_nonzero if exponent.is_integer else c.is_positive)), sp.Integer(1))
    frozen = freeze(scale(rest, 1 / leading))
    return multiply(outside, {((("power", frozen), exponent),): leading**exponent})


def exponential(P: Polynomial) -> Polynomial:
    """e^P = Π e^(c m) over the terms c m of P"""
    result = ONE
    for monomial, coefficient in P.items():
        if len(monomial) == 1 and monomial[0][0][0] == "log" and monomial[0][1] == 1:
            result = multiply(result, power(dict(monomial[0][0][1]), coefficient))
        elif monomial == ():
            result = scale(result, sp.exp(coefficient))
        else:
            result = multiply(result, {((("exp", monomial), coefficient),): sp.Integer(1)})
    return result


def logarithm(P: Polynomial) -> Polynomial:
    """log P; of a product of factors that are positive, the sum of their logarithms"""
    common, rest = _common_factor(P, integer=False)
    parts: list[Polynomial] = []
    if len(rest) == 1:
        ((monomial, coefficient),) = rest.items()
        if coefficient.is_positive and all(is_positive(atom) for atom, _ in monomial):
            common, rest = (*common, *monomial), {(): coefficient}
    for atom, exponent in common:
        inner = {atom[1]: sp.Integer(1)} if atom[0] == "exp" else _log_atom({((atom, sp.Integer(1)),): sp.Integer(1)})
        parts.append(scale(inner, exponent))
    if rest != ONE:
        parts.append(_log_atom(rest) if set(rest) != {()} else {(): sp.log(rest[()])})
    return add(parts)


def sum_over(P: Polynomial, index: sp.Symbol, size: Any) -> Polynomial:
    """Σ P over index = 1, ..., size"""
    return add(_sum_monomial(monomial, coefficient, index, size) for monomial, coefficient in P.items())


def substitute(P: Polynomial, old: sp.Symbol, new: Any) -> Polynomial:
    """P with another index"""
    return add(scale(_substitute_monomial(monomial, old, new), coefficient) for monomial, coefficient in P.items())


def freeze(P: Polynomial) -> Frozen:
    """P as a sorted tuple"""
    return tuple(sorted(P.items(), key=lambda term: (len(repr(term[0])), repr(term[0]))))


# ------------------------------------------------------------------------------------------------------------------ monomials


def _merge(factors: tuple[tuple[Atom, Any], ...]) -> Monomial:
    """Sort the factors and add the exponents of equal ones; an entry that is 0 or 1 is its own square."""
    exponents: dict[Atom, Any] = {}
    for atom, exponent in factors:
        exponents[atom] = exponents.get(atom, sp.Integer(0)) + exponent
    kept = []
    for atom, exponent in exponents.items():
        idempotent = atom[0] == "delta" or (atom[0] == "entry" and atom[1] in INDICATORS)
        e = sp.Integer(1) if idempotent and exponent.is_positive else sp.expand(exponent)
        if e != 0:
            kept.append((atom, e))
    return tuple(sorted(kept, key=repr))


def _reduced(monomial: Monomial) -> Polynomial:
    """The monomial without m P^(−n) where P = c m + R: that is (P^(1−n) − R P^(−n)) / c.

    So e^(−z) / (1 + e^(−z)) becomes 1 − 1 / (1 + e^(−z)), and what differs by such a step only becomes equal. The monomial
    m is the longest of P, so that P is divided out as long as it divides.
    """
    for atom, exponent in monomial:
        if atom[0] != "power" or not exponent.is_Integer or exponent > 0:
            continue
        longest, c = atom[1][-1]
        present = dict(monomial)
        if longest and all(_divides(e, present.get(a)) for a, e in longest):
            quotient = _merge((*monomial, *((a, -e) for a, e in longest)))
            rest = {m: -k / c for m, k in atom[1][:-1]}
            raised = _merge((*quotient, (atom, sp.Integer(1))))
            return add([scale(_reduced(raised), 1 / c), multiply(rest, {quotient: sp.Integer(1)})])
    return {monomial: sp.Integer(1)}


def _divides(part: sp.Expr, whole: sp.Expr | None) -> bool:
    """Whether a power contains another: equal to it, or both positive and large enough, or both negative."""
    if whole is None or not (part.is_number and whole.is_number):
        return part == whole
    return bool(0 < part <= whole if part.is_positive else whole <= part < 0)


def _atom(atom: Atom) -> Polynomial:
    return {((atom, sp.Integer(1)),): sp.Integer(1)}


def _delta(i: Any, j: Any) -> Polynomial:
    if i == j:
        return ONE
    return _atom(("delta", *sorted((i, j), key=str)))


def _log_atom(P: Polynomial) -> Polynomial:
    return _atom(("log", freeze(P)))


def is_positive(atom: Atom) -> bool:
    """Whether an atom is known to be positive: exponentials, and sums and powers of what is."""
    if atom[0] == "sum":
        return all(is_positive(inner) for inner, _ in atom[3])
    if atom[0] == "power":
        return all(c.is_positive and all(is_positive(inner) for inner, _ in m) for m, c in atom[1])
    return atom[0] == "exp"


def _common_factor(P: Polynomial, integer: bool) -> tuple[Monomial, Polynomial]:
    """(m, Q) with P = m Q: atoms that all terms share; unless `integer`, positive ones only, as (a b)^e = a^e b^e needs."""
    first, *others = (dict(monomial) for monomial in P)
    shared = []
    for atom, exponent in first.items():
        if not (integer or is_positive(atom)):
            continue
        exponents = [exponent, *(other[atom] for other in others if atom in other)]
        if len(exponents) == len(P) and all(e.is_number for e in exponents):
            shared.append((atom, min(exponents)))
    inverse = tuple((atom, -exponent) for atom, exponent in shared)
    return tuple(shared), add({_merge((*monomial, *inverse)): c} for monomial, c in P.items())


def _sum_monomial(monomial: Monomial, coefficient: sp.Expr, index: sp.Symbol, size: Any) -> Polynomial:
    """Σ c m over one index."""
    if coefficient.has(index):
        raise TypeError(f"an index outside of an entry: {coefficient}")
    for position, (atom, _) in enumerate(monomial):
        if atom[0] == "delta" and index in atom:
            other = atom[2] if atom[1] == index else atom[1]
            rest = monomial[:position] + monomial[position + 1 :]
            return scale(_substitute_monomial(rest, index, other), coefficient)
    inside = [factor for factor in monomial if _contains(factor[0], index)]
    outside = [factor for factor in monomial if not _contains(factor[0], index)]
    if not inside:
        return {monomial: coefficient * size}
    bounds = [(index, size)]
    factors: list[tuple[Atom, Any]] = []
    for atom, exponent in inside:
        if atom[0] == "sum" and exponent.is_Integer and exponent > 0:
            for _ in range(int(exponent)):
                more, inner = _opened(atom)
                bounds += more
                factors += inner
        else:
            factors.append((atom, exponent))
    result = []
    for reduced, c in _reduced(_merge(tuple(factors))).items():
        left, remaining = without_places(bounds, reduced)
        # Reduction may have removed all that an index stood in: then its sum is a multiple.
        idle = sp.Mul(*(size for i, size in left if not _contains(remaining, i)))
        result.append({_merge((*outside, *_split_sum(left, remaining))): coefficient * c * idle})
    return add(result)


def _opened(block: Atom) -> tuple[list[tuple[sp.Symbol, Any]], Monomial]:
    """Bounds and monomial of a sum, with fresh indices."""
    _, _, bounds, monomial = block
    renamed = []
    for index, size in bounds:
        fresh = fresh_index()
        ((monomial, _),) = _substitute_monomial(monomial, index, fresh).items()
        renamed.append((fresh, size))
    return renamed, monomial


def _split_sum(bounds: list[tuple[sp.Symbol, Any]], factors: Monomial) -> Monomial:
    """The sum of a monomial as the product of the sums into which it falls apart: factors that bound indices connect stay
    together, those without a bound index stand outside."""
    groups: list[tuple[set[sp.Symbol], list[tuple[Atom, Any]]]] = []
    outside: list[tuple[Atom, Any]] = []
    for factor in factors:
        indices = {index for index, _ in bounds if _contains(factor[0], index)}
        if not indices:
            outside.append(factor)
            continue
        touching = [group for group in groups if group[0] & indices]
        groups = [group for group in groups if not group[0] & indices]
        groups.append((indices.union(*(g[0] for g in touching)), [f for g in touching for f in g[1]] + [factor]))
    sums = [_canonical([bound for bound in bounds if bound[0] in indices], tuple(inner)) for indices, inner in groups]
    return _merge((*outside, *((one, sp.Integer(1)) for one in sums)))


@cache
def _bound_index(level: int, number: int) -> sp.Symbol:
    """The name of a bound index: always the same, and no name of a free one."""
    return sp.Dummy(f"b{level}_{number}", integer=True)


def _canonical(bounds: list[tuple[sp.Symbol, Any]], factors: Monomial) -> Atom:
    """The sum with its indices renamed: of all ways to number the indices of a size that stand in the same places, the one
    that prints first.

    The names carry a level above that of all sums inside, so that no index is captured.
    """
    level = 1 + max((_level(atom) for atom, _ in factors), default=0)
    places = places_of(bounds, factors)
    bounds = sorted(bounds, key=lambda bound: places[bound[0]])
    groups = [list(group) for _, group in groupby(bounds, key=lambda bound: places[bound[0]])]
    best: tuple[str, Atom] | None = None
    for choice in product(*(permutations(group) for group in groups)):
        ordered = [bound for group in choice for bound in group]
        monomial = factors
        names = []
        for number, (index, size) in enumerate(ordered):
            name = _bound_index(level, number)
            ((monomial, _),) = _substitute_monomial(monomial, index, name).items()
            names.append((name, size))
        atom = ("sum", level, tuple(names), monomial)
        if best is None or repr(atom) < best[0]:
            best = (repr(atom), atom)
    assert best is not None
    return best[1]


# ---------------------------------------------------------------------------------------------------- walking through an atom


def _level(value: Any) -> int:
    if not isinstance(value, tuple):
        return 0
    own = value[1] if value and value[0] == "sum" else 0
    return max([own, *(_level(part) for part in value)])


def _substitute_monomial(monomial: Monomial, old: sp.Symbol, new: Any) -> Polynomial:
    result = ONE
    for atom, exponent in monomial:
        if not _contains(atom, old):
            factor: Polynomial = {((atom, exponent),): sp.Integer(1)}
        else:
            replaced = _substitute_atom(atom, old, new)
            simple = len(replaced) == 1 and next(iter(replaced)) != ()
            factor = (
                {tuple((a, e * exponent) for a, e in next(iter(replaced))): next(iter(replaced.values())) ** exponent}
                if simple
                else power(replaced, exponent)
            )
        result = multiply(result, factor)
    return result


def _substitute_atom(atom: Atom, old: sp.Symbol, new: Any) -> Polynomial:
    kind = atom[0]
    if kind == "entry":
        return _atom((kind, atom[1], tuple(new if index == old else index for index in atom[2])))
    if kind == "delta":
        return _delta(*(new if index == old else index for index in atom[1:]))
    if kind == "sum":
        ((monomial, coefficient),) = _substitute_monomial(atom[3], old, new).items()
        assert coefficient == 1
        bounds, inner = _opened((kind, atom[1], atom[2], monomial))
        return {_split_sum(bounds, inner): sp.Integer(1)}
    if kind == "exp":
        return exponential(substitute({atom[1]: sp.Integer(1)}, old, new))
    if kind == "function":
        arguments = tuple(freeze(substitute(dict(argument), old, new)) for argument in atom[2])
        return _atom((kind, atom[1], arguments))
    inner_polynomial = substitute(dict(atom[1]), old, new)
    return logarithm(inner_polynomial) if kind == "log" else _atom((kind, freeze(inner_polynomial)))
