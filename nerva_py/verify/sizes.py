"""Numbers that know what they are asked: how a function may depend on the size of a batch, and be proved all the same.

While `Questions` are noted, `X.shape` of a matrix of symbolic size consists of `Size`s, and so are the sum of all its elements
and an input that is a number. A question that holds for all of them, or for none, is answered. Another, such as N == 1 or
N < 5, is answered as for most sizes, and noted with the sizes that it singles out: for these the proof is repeated. What
cannot be followed so (N % 5, a dictionary by size, whether a sum is 0) is noted as open.
"""

from __future__ import annotations

import math
import numbers
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import sympy as sp

PACKAGE = str(Path(__file__).parents[1])
ALMOST = sp.Rational(1, 10**9)
ENUMERATED = 12  # sizes that a comparison may single out


@dataclass
class Questions:
    """What was asked inside of the `with` block: substitutions to be followed, and open questions with the line that asks."""

    follow: list[Mapping[sp.Symbol, Any]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __enter__(self) -> Questions:
        _noted.append(self)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        _noted.remove(self)

    def note(self, what: str, cases: list[Mapping[sp.Symbol, Any]] | None) -> None:
        """A question that asks which of the cases it is; None if that cannot be told."""
        if cases is None:
            text = f"{_line()} asks {what}"
            self.open += [text] if text not in self.open else []
        else:
            self.follow += [case for case in cases if case not in self.follow]


_noted: list[Questions] = []


def asked(sizes: tuple[Any, ...]) -> tuple[Any, ...]:
    """The sizes, as numbers that are noted when they are asked something, if that is what happens just now."""
    return tuple(map(Size, sizes)) if _noted else sizes


def watched(value: Any) -> Any:
    """An expression as a number that is noted when it is asked something, if that is what happens just now."""
    return Size(value) if _noted else value


def plain(shape: tuple[Any, ...]) -> tuple[Any, ...]:
    """A shape without such numbers."""
    return tuple(sp.sympify(size) for size in shape)


def _value(x: Any) -> Any:
    """The expression of a size or number, exactly; None of anything else."""
    if isinstance(x, Size):
        return x.expression
    if isinstance(x, numbers.Rational | sp.Rational):
        return sp.Rational(x.numerator, x.denominator)
    return sp.Rational(float(x)) if isinstance(x, numbers.Real | sp.Float) and math.isfinite(x) else None


def _arithmetic(operation: Callable[[Any, Any], Any], swapped: bool = False) -> Callable[[Size, Any], Any]:
    def method(self: Size, other: Any) -> Any:
        value = _value(other)
        if value is not None:
            return Size(operation(*((value, self.expression) if swapped else (self.expression, value))))
        if not isinstance(other, sp.Basic):
            return NotImplemented  # of a float, say, of infinity
        return operation(other, self.expression) if swapped else operation(self.expression, other)

    return method


class Size:
    """An expression in sizes, under the operations of Python's numbers. SymPy takes it for that expression."""

    def __init__(self, expression: Any):
        self.expression = sp.sympify(expression)

    def _sympy_(self) -> sp.Expr:
        return self.expression

    def __repr__(self) -> str:
        _note(f"for the digits of {self.expression}", None)
        return str(self.expression)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):  # what a library looks for
            _note(f"whether {self.expression} has an attribute {name}", None)
        raise AttributeError(name)

    def sqrt(self) -> Size:
        """What `np.sqrt` calls."""
        return Size(sp.sqrt(self.expression))

    def log(self) -> Size:
        """What `np.log` calls."""
        return Size(sp.log(self.expression))

    def exp(self) -> Size:
        """What `np.exp` calls."""
        return Size(sp.exp(self.expression))

    __add__, __radd__ = _arithmetic(lambda a, b: a + b), _arithmetic(lambda a, b: a + b, True)
    __sub__, __rsub__ = _arithmetic(lambda a, b: a - b), _arithmetic(lambda a, b: a - b, True)
    __mul__, __rmul__ = _arithmetic(lambda a, b: a * b), _arithmetic(lambda a, b: a * b, True)
    __truediv__, __rtruediv__ = _arithmetic(lambda a, b: a / b), _arithmetic(lambda a, b: a / b, True)
    __floordiv__, __rfloordiv__ = _arithmetic(lambda a, b: a // b), _arithmetic(lambda a, b: a // b, True)
    __mod__, __rmod__ = _arithmetic(lambda a, b: a % b), _arithmetic(lambda a, b: a % b, True)
    __pow__, __rpow__ = _arithmetic(lambda a, b: a**b), _arithmetic(lambda a, b: a**b, True)

    def __index__(self) -> int:
        if not self.expression.is_Integer:
            _note(f"for the number {self.expression}", None)
            raise TypeError(
                f"{self.expression} is no number here, so there is no loop over it, and nothing for functions of math; use "
                "those of nerva_py.matrix.scalars"
            )
        return int(self.expression)

    __int__ = __index__

    def __float__(self) -> float:
        return float(self.expression) if self.expression.is_number else float(self.__index__())

    def __neg__(self) -> Size:
        return Size(-self.expression)

    def __eq__(self, other: object) -> bool:
        value = _value(other)
        if value is None:
            if other is not None and not isinstance(other, str | tuple | list | dict | set | float):
                _note(f"whether {self.expression} == an object of {type(other).__name__}", None)
            return False
        return _is_zero(self.expression - value, f"whether {self.expression} == {value}")

    def __bool__(self) -> bool:
        return not _is_zero(self.expression, f"whether {self.expression} is 0")

    def __lt__(self, other: Any) -> bool:
        return _below(self, other, strict=True)

    def __le__(self, other: Any) -> bool:
        return _below(self, other, strict=False)

    def __gt__(self, other: Any) -> bool:
        return not _below(self, other, strict=False)

    def __ge__(self, other: Any) -> bool:
        return not _below(self, other, strict=True)

    def __hash__(self) -> int:
        _note(f"for the place of {self.expression} in a table", None)
        return hash(self.expression)


def _note(what: str, cases: list[Mapping[sp.Symbol, Any]] | None) -> None:
    for questions in _noted:
        questions.note(what, cases)


def _is_zero(difference: sp.Expr, what: str) -> bool:
    """Whether two sizes are equal: as a rule they are not."""
    difference = sp.expand(difference)
    if difference.is_zero is not None:
        return bool(difference.is_zero)
    _note(what, _cases(difference))
    return False


def _cases(difference: sp.Expr) -> list[Mapping[sp.Symbol, Any]] | None:
    """Substitutions under which a difference of sizes is 0: N := 5, or N := D; None if they cannot be told."""
    if not _of_sizes(difference):
        return None
    symbols = sorted(difference.free_symbols, key=str)
    if len(symbols) == 1:
        roots = sp.roots(difference, symbols[0])
        if sum(roots.values()) != sp.degree(difference, symbols[0]):
            return None
        # As 0.1 · 30 == 3.0 in floating point, what is almost a whole number counts.
        whole = {root: sp.Integer(round(root)) for root in roots if root.is_real and root > sp.Rational(1, 2)}
        return [{symbols[0]: n} for root, n in whole.items() if abs(root - n) <= n * ALMOST]
    a, b = symbols
    return [{b: a}] if sp.expand(difference - (a - b)) == 0 or sp.expand(difference - (b - a)) == 0 else None


def _of_sizes(e: sp.Expr) -> bool:
    """Whether it is a polynomial in one or two sizes, and in nothing else."""
    symbols = e.free_symbols
    return 0 < len(symbols) < 3 and not e.has(sp.Indexed, sp.Sum) and bool(e.is_polynomial(*symbols))


def _below(size: Size, other: Any, strict: bool) -> bool:
    """size < other, or ≤: as for large sizes, if a comparison with a number does not hold for all."""
    value = _value(other)
    if value is None:
        if isinstance(other, sp.Basic):
            _note(f"whether {size.expression} < {other}", None)
            return False
        raise TypeError(f"a size cannot be compared with {type(other).__name__}")
    difference = sp.expand(size.expression - value)
    holds = difference < 0 if strict else difference <= 0
    if holds in (sp.true, sp.false):
        return bool(holds)
    what = f"whether {size.expression} {'<' if strict else '<='} {value}"
    if _of_sizes(difference) and len(difference.free_symbols) == 1:
        (n,) = difference.free_symbols
        if sp.degree(difference, n) == 1:
            slope = difference.coeff(n, 1)
            # From the number on at which its sign changes, a linear function keeps it.
            change = int(sp.floor(-difference.coeff(n, 0) / slope)) + 1
            if change <= ENUMERATED:
                _note(what, [{n: sp.Integer(number)} for number in range(1, change + 1)])
                return bool(slope < 0)
    _note(what, None)
    return False


def _line() -> str:
    """The line outside of this package, and of SymPy, that asks."""
    frame = sys._getframe(1)
    while frame.f_back and (
        frame.f_code.co_filename.startswith(PACKAGE) or "sympy" in frame.f_globals.get("__name__", "")
    ):
        frame = frame.f_back
    return f"line {frame.f_lineno} of {frame.f_code.co_name}"
