"""What the chapters prove on matrices of symbolic size, evaluated with numbers: by an evaluator that unrolls the sums and knows
nothing of the normal form, a gradient against differences of L."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import mpmath
import pytest
import sympy as sp

from derivations import book, proving
from nerva_py.verify.indexed import INDICATORS, IndexedMatrix
from nerva_py.verify.maxima import MAXIMA, PLACES
from nerva_py.verify.prover import Derivatives
from tests.verify.evaluation import value

DIGITS = 40
STEP = mpmath.mpf(10) ** -14
ENTRIES = 2  # of a matrix that are looked at
FEW = {"network": 2, "layers": 10}  # claims that `make test` tries, where the sums are long
CHAPTERS = book.CHAPTERS[: book.CHAPTERS.index("network") + 1]  # those that prove on symbolic sizes


@dataclass
class Numbers:
    """Random numbers for every symbol: sizes from 1 to 3, entries, 0 or 1 for supports; and a function for each name."""

    seed: int
    derivatives: Derivatives | None = None
    moved: tuple[sp.IndexedBase, tuple[int, ...], Any] | None = None
    names: dict[sp.Symbol, Any] = field(default_factory=dict)

    def _random(self, *key: Any) -> random.Random:
        return random.Random(f"{self.seed} {key}")

    def name(self, symbol: sp.Symbol) -> Any:
        """A size, or a number; the same for the same symbol."""
        drawn = self._random(symbol)
        if symbol not in self.names:
            self.names[symbol] = drawn.randint(1, 3) if symbol.is_integer else mpmath.mpf(drawn.uniform(0.1, 0.9))
        return self.names[symbol]

    def entry(self, base: sp.IndexedBase, indices: tuple[int, ...]) -> Any:
        if base in MAXIMA or base in PLACES:
            return self._largest(base, indices)
        drawn = self._random(base, indices)
        if base in INDICATORS:
            return mpmath.mpf(drawn.randint(0, 1))
        number = mpmath.mpf(drawn.uniform(-1, 1))
        return number + self.moved[2] if self.moved and self.moved[:2] == (base, indices) else number

    def _largest(self, base: sp.IndexedBase, indices: tuple[int, ...]) -> Any:
        maximum = next(m for b, m in MAXIMA.items() if base in (b, m.place))
        of = sp.Integer(indices[0])
        row = [self.value(maximum.element(of, sp.Integer(j + 1))) for j in range(int(self.value(maximum.length)))]
        return max(row) if base in MAXIMA else mpmath.mpf(row.index(max(row)) + 1 == indices[1])

    def value(self, e: sp.Expr) -> Any:
        e = sp.sympify(e)
        free = {symbol for symbol in e.free_symbols if isinstance(symbol, sp.Symbol)}
        bases = {base.label for base in e.atoms(sp.IndexedBase)}
        return value(e, {symbol: self.name(symbol) for symbol in free - bases}, self.entry, _Functions(self))


class _Functions(dict[str, Any]):
    """An undefined function is tanh(c + Σ c_k x_k); what is declared to be its derivative is the derivative of that."""

    def __init__(self, numbers: Numbers):
        super().__init__()
        self.numbers = numbers
        for f, its in (numbers.derivatives._partials if numbers.derivatives else {}).items():
            for k, partial in enumerate(its):
                self[str(partial)] = lambda *x, f=str(f), k=k: self._slope(f, k, x)

    def __contains__(self, f: object) -> bool:
        return super().__contains__(f) or not hasattr(mpmath, str(f))

    def __missing__(self, f: str) -> Any:
        return lambda *x: mpmath.tanh(self._inner(f, x))

    def _factor(self, f: str, k: int) -> Any:
        return mpmath.mpf(self.numbers._random("function", f, k).uniform(0.5, 1.5))

    def _inner(self, f: str, x: tuple[Any, ...]) -> Any:
        return mpmath.mpf("0.3") + mpmath.fsum(self._factor(f, k) * number for k, number in enumerate(x))

    def _slope(self, f: str, k: int, x: tuple[Any, ...]) -> Any:
        return self._factor(f, k) * (1 - mpmath.tanh(self._inner(f, x)) ** 2)


@dataclass(frozen=True)
class Told:
    """What a claim told the prover: that two matrices are equal, or that one is the gradient of L by X."""

    left: Any
    right: Any
    X: IndexedMatrix | None = None
    derivatives: Derivatives | None = None

    def check(self, seed: int) -> None:
        """Compare a few entries."""
        n = Numbers(seed, self.derivatives)
        shape = self.right if isinstance(self.right, IndexedMatrix) else None
        places = list(_places(shape, n)) if shape is not None else [None]
        assert places
        random.Random(seed).shuffle(places)
        for place in places[:ENTRIES]:
            right = n.value(_at(self.right, place))
            left = n.value(_at(self.left, place)) if self.X is None else self._slope(n, place)
            assert mpmath.almosteq(left, right, 1e-9, 1e-9), (place, left, right)

    def _slope(self, n: Numbers, place: Any) -> Any:
        assert self.X is not None
        assert self.X.base is not None
        n.moved = None
        sides = []
        for step in (STEP, -STEP):
            n.moved = (self.X.base, _indices_in_base(self.X, place), step)
            sides.append(n.value(self.left))
        n.moved = None
        return (sides[0] - sides[1]) / (2 * STEP)


def _at(matrix: Any, place: Any) -> Any:
    return matrix.entry(*map(sp.Integer, place)) if isinstance(matrix, IndexedMatrix) else matrix


def _places(matrix: IndexedMatrix, n: Numbers) -> Iterator[tuple[int, int]]:
    rows, columns = (int(n.value(size)) for size in matrix.sizes)
    return ((i, j) for i in range(1, rows + 1) for j in range(1, columns + 1))


def _indices_in_base(X: IndexedMatrix, place: tuple[int, int]) -> tuple[int, ...]:
    """The symbol of a matrix that stands at a place of it."""
    found = [e for e in X.entry(*map(sp.Integer, place)).atoms(sp.Indexed) if e.base == X.base]
    assert len(found) == 1
    return tuple(int(index) for index in found[0].indices)


@cache
def told_in(chapter: str) -> list[tuple[str, Told]]:
    """All that the claims of a chapter tell the prover on matrices of symbolic size."""
    result: list[tuple[str, Told]] = []
    claim = [""]

    def gradient(L: Any, X: Any, claimed: Any, derivatives: Any = None, rounding: float = 0) -> Any:
        result.append((claim[0], Told(L, claimed, X, derivatives)))
        return {}

    def equal(X: Any, Y: Any) -> Any:
        result.append((claim[0], Told(X, Y)))
        return {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proving, "gradient_difference", gradient)
        patch.setattr(proving, "equal", equal)
        for one in book.claims([chapter]):
            if one.carrier == book.INDEXED:
                claim[0] = one.equation
                one.prove()
    return result


def check_some(chapter: str, number: int, seed: int) -> list[str]:
    """Try so many of the claims of a chapter on numbers; the names of those that do not hold."""
    told = told_in(chapter)
    wrong = []
    with mpmath.workdps(DIGITS):
        for claim, one in random.Random(seed).sample(told, min(number, len(told))):
            try:
                one.check(seed)
            except AssertionError as error:
                wrong.append(f"{chapter}: {claim}: {error}")
    return wrong


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_what_is_proved_holds_in_numbers(chapter: str) -> None:
    assert check_some(chapter, FEW.get(chapter, 15), seed=3) == []


def test_what_is_wrong_does_not() -> None:
    X = IndexedMatrix.symbol("X", proving.N, proving.D)
    L = sp.sympify(proving.inner_product(X, X)) / 2
    with mpmath.workdps(DIGITS):
        Told(L, X, X).check(1)
        with pytest.raises(AssertionError):
            Told(L, X * 2, X).check(1)
        with pytest.raises(AssertionError):
            Told(X, -X).check(1)


if __name__ == "__main__":  # make verify-hard
    failures = [line for seed in range(int(sys.argv[1])) for one in CHAPTERS for line in check_some(one, 1000, seed)]
    claims = sum(map(len, map(told_in, CHAPTERS)))
    sys.exit("\n".join([*failures, f"{len(failures)} of {claims} claims are wrong in numbers"]) if failures else 0)
