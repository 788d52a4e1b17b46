"""What `check_layer` answers: a verdict for each gradient, written for someone who has just made a sign error."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import sympy as sp

from .numeric import Shown

LONGEST = 200  # characters of an expression that are shown
MOST = 8  # numbers that are shown


@dataclass(frozen=True)
class Counterexample:
    """An entry of a gradient that is wrong, counted from 1, and numbers at which one sees it.

    `factor` is c where the whole gradient is c times the right one.
    """

    entry: tuple[int, int]
    expected: sp.Expr
    given: sp.Expr
    numbers: Mapping[sp.Symbol, sp.Rational] | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    hint: str = ""
    factor: sp.Rational | None = None

    @property
    def values(self) -> tuple[str, str]:
        """The expected and the given value at these numbers, with enough digits to tell them apart."""
        right, wrong = (complex(sp.N(e.subs(self.numbers or {}), 17)) for e in (self.expected, self.given))
        for digits in (6, 10, 17):
            texts = tuple(f"{x.real if x.imag == 0 else x:.{digits}g}" for x in (right, wrong))
            if texts[0] != texts[1]:
                break
        return texts[0], texts[1]

    def __str__(self) -> str:
        lines = [self.hint] if self.hint else []
        if self.factor is not None:
            told = {-1: "its sign is wrong: it is −1 times the right one", 0: "it is zero"}
            lines.append(told.get(self.factor, f"it is {self.factor} times the right one"))
        sizes = ", ".join(f"{name} = {number}" for name, number in self.sizes.items())
        lines.append(f"entry ({self.entry[0]}, {self.entry[1]})" + (f" with {sizes}" if sizes else ""))
        for label, e in (("should be", self.expected), ("but is", self.given)):
            lines.append(f"  {label:10s} {shortened(str(e))}")
        if self.numbers is None:
            lines.append(
                "no numbers were found at which the two differ: they may be equal in a way that is not recognised"
            )
        else:
            right, wrong = self.values
            used = [f"{symbol} = {value}" for symbol, value in self.numbers.items()]
            more = f", and {len(used) - MOST} more" if len(used) > MOST else ""
            lines.append(
                f"for example {right} and not {wrong}" + (f" at {', '.join(used[:MOST])}{more}" if used else "")
            )
        return "\n".join(lines)


Problem = Counterexample | Shown | str


def combined(first: Problem | None, second: Problem | None, names: Iterable[str]) -> Problem | None:
    """What was found at two choices of sizes: the first problem. A factor that is a size is named."""
    if not (isinstance(first, Counterexample) and isinstance(second, Counterexample)):
        return first or second
    c, d = first.factor, second.factor
    if c is None or d is None or c == d:
        return replace(first, factor=c if c == d else None)
    for name in names:
        for symbol in (factor := sp.Symbol(name), -factor, 1 / factor, -1 / factor):
            if (symbol.subs(name, first.sizes[name]), symbol.subs(name, second.sizes[name])) == (c, d):
                return replace(first, factor=symbol)
    return replace(first, factor=None)


@dataclass(frozen=True)
class Verdict:
    """What is known of one gradient: right (✓), wrong (✗: `problem`), or not decided (?: `why_not`).

    `all_sizes`: proved for all sizes, else for the given ones. `assumed`: under which conditions. `agrees`: at how many
    points on NumPy it is what differences of `forward` say. `kind` stands before the name: D of a gradient.
    """

    name: str
    right: bool = False
    all_sizes: bool = False
    problem: Problem | None = None
    why_not: str = ""
    assumed: tuple[str, ...] = ()
    agrees: int = 0
    largest: Mapping[str, int] = field(default_factory=dict)
    kind: str = "D"

    def __str__(self) -> str:
        if self.problem is not None:
            return f"✗ {self.kind}{self.name} is wrong\n" + textwrap.indent(_wrapped(str(self.problem)), "    ")
        if self.right:
            where = "all sizes" if self.all_sizes else "these sizes"
            return f"✓ {self.kind}{self.name} is right: proved for {where}" + "".join(
                f", {what}" for what in self.assumed
            )
        why = _wrapped(shortened(self.why_not))
        if self.agrees:
            sizes = ", ".join(f"{name} = {number}" for name, number in self.largest.items())
            up_to = f" with sizes up to {sizes}" if sizes else ""
            why += "\n" + _wrapped(f"it agrees with differences of forward at {self.agrees} points{up_to}")
        return f"? {self.kind}{self.name} is not decided\n" + textwrap.indent(why, "    ")


@dataclass(frozen=True)
class Report:
    """The verdicts of all gradients, by name; true if each is right: one that is not decided is not."""

    verdicts: tuple[Verdict, ...]

    def __bool__(self) -> bool:
        return all(verdict.right for verdict in self.verdicts)

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.verdicts)

    def __getitem__(self, name: str) -> Verdict:
        for verdict in self.verdicts:
            if name in (verdict.name, f"{verdict.kind}{verdict.name}"):
                return verdict
        raise KeyError(name)

    def __str__(self) -> str:
        return "\n".join(map(str, self.verdicts))

    __repr__ = __str__


def shortened(text: str) -> str:
    """The text without its middle if it is long."""
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST * 2 // 3]} ... {text[-LONGEST // 3 :]}   [{len(text)} characters]"


def _wrapped(text: str) -> str:
    """Lines of at most 110 characters; what goes on is indented."""
    lines = (
        textwrap.wrap(line, 110, subsequent_indent=" " * 13 if line.startswith("  ") else "  ", break_on_hyphens=False)
        for line in text.splitlines()
    )
    return "\n".join("\n".join(line) for line in lines)
