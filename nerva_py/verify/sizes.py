"""Sizes that know what they are asked: how a function may depend on the size of a batch, and be proved all the same.

While `Questions` are noted, `X.shape` of a matrix of symbolic size consists of `Size`s. A question that holds for all sizes, or
for none, is answered. Another, such as N == 1 or N < 5, is answered as for most sizes, and noted with the sizes that it
singles out: for these the proof is repeated. What cannot be followed so (N % 5, a dictionary by size) is noted as open.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import sympy as sp

PACKAGE = str(Path(__file__).parents[1])
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


def plain(shape: tuple[Any, ...]) -> tuple[Any, ...]:
    """A shape without such numbers."""
    return tuple(sp.sympify(size) for size in shape)


def _value(x: Any) -> Any:
    """The expression of a size or number; None of anything else."""
    if isinstance(x, Size):
        return x.expression
    return sp.sympify(x) if isinstance(x, int | float | sp.Number) else None


def _arithmetic(operation: Callable[[Any, Any], Any], swapped: bool = False) -> Callable[[Size, Any], Any]:
    def method(self: Size, other: Any) -> Any:
        value = _value(other)
        if value is not None:
            return Size(operation(*((value, self.expression) if swapped else (self.expression, value))))
        if not isinstance(other, sp.Basic):
            return NotImplemented
        return operation(other, self.expression) if swapped else operation(self.expression, other)

    return method


class Size:
    """An expression in sizes, under the operations of Python's numbers. SymPy takes it for that expression."""

    def __init__(self, expression: Any):
        self.expression = sp.sympify(expression)

    def _sympy_(self) -> sp.Expr:
        return self.expression

    def __repr__(self) -> str:
        return str(self.expression)

    __add__, __radd__ = _arithmetic(lambda a, b: a + b), _arithmetic(lambda a, b: a + b, True)
    __sub__, __rsub__ = _arithmetic(lambda a, b: a - b), _arithmetic(lambda a, b: a - b, True)
    __mul__, __rmul__ = _arithmetic(lambda a, b: a * b), _arithmetic(lambda a, b: a * b, True)
    __truediv__, __rtruediv__ = _arithmetic(lambda a, b: a / b), _arithmetic(lambda a, b: a / b, True)
    __floordiv__, __rfloordiv__ = _arithmetic(lambda a, b: a // b), _arithmetic(lambda a, b: a // b, True)
    __mod__, __rmod__ = _arithmetic(lambda a, b: a % b), _arithmetic(lambda a, b: a % b, True)
    __pow__, __rpow__ = _arithmetic(lambda a, b: a**b), _arithmetic(lambda a, b: a**b, True)

    def __index__(self) -> int:
        if not self.expression.is_Integer:
            raise TypeError(f"the size {self} is no number here: a loop over it has no meaning for all sizes")
        return int(self.expression)

    def __neg__(self) -> Size:
        return Size(-self.expression)

    def __eq__(self, other: object) -> bool:
        value = _value(other)
        return value is not None and _is_zero(self.expression - value, f"whether {self} == {other}")

    def __bool__(self) -> bool:
        return not _is_zero(self.expression, f"whether {self} is 0")

    def __lt__(self, other: Any) -> bool:
        return _below(self, other, strict=True)

    def __le__(self, other: Any) -> bool:
        return _below(self, other, strict=False)

    def __gt__(self, other: Any) -> bool:
        return not _below(self, other, strict=False)

    def __ge__(self, other: Any) -> bool:
        return not _below(self, other, strict=True)

    def __hash__(self) -> int:
        _note(f"for the place of {self} in a table", None)
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
    symbols = sorted(difference.free_symbols, key=str)
    if not difference.is_polynomial(*symbols) or len(symbols) > 2:
        return None
    if len(symbols) == 1:
        roots = sp.roots(difference, symbols[0])
        if sum(roots.values()) != sp.degree(difference, symbols[0]):
            return None
        return [{symbols[0]: root} for root in roots if root.is_Integer and root > 0]
    a, b = symbols
    return [{b: a}] if sp.expand(difference - (a - b)) == 0 or sp.expand(difference - (b - a)) == 0 else None


def _below(size: Any, other: Any, strict: bool) -> bool:
    """size < other, or ≤: as for large sizes, if a comparison with a number does not hold for all."""
    value = _value(other)
    if value is None:
        raise TypeError(f"a size cannot be compared with {type(other).__name__}")
    difference = sp.expand(size.expression - value)
    holds = difference < 0 if strict else difference <= 0
    if holds in (sp.true, sp.false):
        return bool(holds)
    symbols = sorted(difference.free_symbols, key=str)
    what = f"whether {size} {'<' if strict else '<='} {other}"
    if len(symbols) == 1 and sp.degree(difference, symbols[0]) == 1 and difference.is_polynomial(symbols[0]):
        # From the number on at which its sign changes, a linear function keeps it.
        change = int(sp.floor(sp.solve(difference, symbols[0])[0])) + 1
        if change <= ENUMERATED:
            _note(what, [{symbols[0]: sp.Integer(n)} for n in range(1, change + 1)])
            return bool(sp.LC(difference, symbols[0]) < 0)
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
