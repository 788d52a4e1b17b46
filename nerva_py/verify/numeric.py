"""The two functions of a layer on NumPy, in float64: each gradient against differences of `forward`.

What is proved on symbols holds for what the functions do with symbols. Here they do what they do in training, on arrays that
cannot be written to, each of them twice; so one that asks for sizes, counts its calls or changes its arguments is found out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

from nerva_py.errors import NervaError
from nerva_py.matrix import dense
from nerva_py.matrix import primitives as table

from .layer_functions import Shape, call_backward, call_forward, size_of

PRIMES = (2, 3, 5, 7, 11, 13)
LARGE = (100, 7, 3, 5, 2, 4)
STEPS = (1e-4, 1e-5, 1e-3, 1e-6)  # of a difference; one at which it fits is enough
FITS = 1e-6  # relative to the sum of magnitudes
DIRECTIONS = 2  # along which a whole gradient is compared, at each point
MOST_ENTRIES = 500  # of which the wrong one is looked for

Sizes = Mapping[str, int]


class Numbers(np.ndarray):
    """An array on which functions of one number are called as they are written; those that are called are noted."""


on_functions: list[dict[tuple[Callable[..., Any], tuple[Any, ...]], None]] = []


@table.apply.register(Numbers)
def apply(f: Callable[..., Any], X: np.ndarray, *parameters: float) -> np.ndarray:
    for noted in on_functions:
        noted[f, parameters] = None

    def value(x: float) -> float:
        try:
            return float(f(x, *parameters))
        except (OverflowError, ZeroDivisionError):
            return float("nan")
        except ValueError as error:  # of `math`, where a function is not defined
            if "math" in str(error):
                return float("nan")
            raise

    return np.fromiter(map(value, X.ravel().tolist()), np.float64, X.size).reshape(X.shape).view(Numbers)


table.hadamard_apply.register(Numbers)(table.hadamard_apply.definition)
table.columns_sum.register(Numbers)(dense.columns_sum)
table.row_repeat.register(Numbers)(lambda x, m: np.broadcast_to(x, (m, x.shape[1]), subok=True))
table.column_repeat.register(Numbers)(lambda x, n: np.broadcast_to(x, (x.shape[0], n), subok=True))
for _primitive, _made in ((table.zeros, dense.zeros), (table.ones, dense.ones), (table.identity, dense.identity)):
    _primitive.register(Numbers)(lambda *like, made=_made: made(*like).view(Numbers))


@dataclass(frozen=True)
class Shown:
    """A wrong entry of a gradient, counted from 1: its value by differences of `forward`, what is claimed, and where."""

    sizes: Sizes
    entry: tuple[int, int]
    expected: float
    given: float
    arguments: Mapping[str, np.ndarray | float] = field(repr=False)
    hint: str = ""

    def __str__(self) -> str:
        sizes = ", ".join(f"{name} = {number}" for name, number in self.sizes.items())
        lines = [f"entry ({self.entry[0]}, {self.entry[1]})" + (f" with {sizes}" if sizes else "")]
        lines += [f"  should be  {self.expected:.6g}, by differences of forward", f"  but is     {self.given:.6g}"]
        if sum(np.size(value) for value in self.arguments.values()) <= 60:
            lines += [f"  {name} = {_pasted(value)}" for name, value in self.arguments.items()]
        return "\n".join(lines)


@dataclass
class Comparison:
    """What was found on NumPy: wrong gradients; of each gradient at how many points it agrees; doubts about both functions."""

    wrong: dict[str, Shown] = field(default_factory=dict)
    odd: set[str] = field(default_factory=set)  # gradients that are no matrix of the right shape
    agreed: dict[str, int] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    functions: dict[tuple[Callable[..., Any], tuple[Any, ...]], None] = field(default_factory=dict)  # of one number
    undefined: bool = False  # at some points `forward` is not finite
    largest: dict[str, int] = field(default_factory=dict)


def compare(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    shapes: Mapping[str, Shape],
    trained: Mapping[str, Shape],
    names: Sequence[str],
    numbers: Iterable[float] = (),
    sizes: Iterable[Sizes] = (),
) -> Comparison:
    """Compare the gradient of each of `trained` at many points.

    `numbers` are those near which it should be tried too, such as thresholds; `sizes` are tried besides the usual ones.
    """
    result = Comparison(agreed=dict.fromkeys(trained, 0))
    near = sorted({float(sign * c) for c in numbers for sign in (1, -1)})
    whole = sorted({int(c) for c in near if c == int(c) and 1 <= c <= LARGE[0]})
    layer = _Layer(forward, backward, trained)
    for place, some in enumerate([*_usual_sizes(names, whole), *sizes]):
        with np.errstate(all="ignore"):
            for arguments, rng, overflows in _points(shapes, some, near, place):
                on_functions[:] = [result.functions]
                try:
                    point = layer.at(arguments, some, rng)
                except NervaError as error:
                    result.doubts.append(str(error))
                    break
                if point is None:
                    result.undefined = result.undefined or not overflows
                    continue
                for name in trained:
                    if name not in result.wrong and name not in result.odd:
                        point.judge(name, result)
    on_functions.clear()
    result.doubts += list(_otherwise_on_symbols(result.functions, near))
    return result


def _otherwise_on_symbols(
    functions: Iterable[tuple[Callable[..., Any], tuple[Any, ...]]], near: Sequence[float]
) -> Iterator[str]:
    """Functions of one number that take another value there than the expression which they make of a symbol.

    So does one that asks whether x == 0, as a symbol is not 0: what is proved is proved of another function.
    """
    x = sp.Symbol("x", real=True)
    for f, parameters in functions:
        for number in near:
            try:
                value = float(f(number, *parameters))
                expected = sp.N(sp.sympify(f(x, *parameters)).subs(x, sp.Rational(number)))
            except (ArithmeticError, ValueError, TypeError, NervaError):  # not defined there, or not on symbols
                continue
            if expected.is_number and expected.is_finite and abs(value - expected) > 1e-9 * (1 + abs(value)):
                name = getattr(f, "__name__", "a function")
                yield f"{name}({number:g}) is {value:g}, and of a symbol it makes what is {float(expected):g} there"


def _usual_sizes(names: Sequence[str], sizes: Iterable[int]) -> Iterator[Sizes]:
    """All different, all equal, primes, large ones, each once one of these sizes."""
    if not names:
        yield {}
        return
    n = len(names)
    for numbers in ((1, 2, 3, 4, 5, 6), (3,) * n, (1,) * n, PRIMES, PRIMES[:n][::-1], LARGE, LARGE[:n][::-1]):
        yield dict(zip(names, numbers, strict=False))
    for size in sizes:
        for one in range(n):
            yield {name: size if place == one else PRIMES[place] for place, name in enumerate(names)}


def _points(
    shapes: Mapping[str, Shape], sizes: Sizes, near: Sequence[float], place: int
) -> Iterator[tuple[dict[str, Any], np.random.Generator, bool]]:
    """Arguments of these sizes, of usual magnitude, positive, small, large, and near given numbers; whether they are so large
    that float64 need not hold what is made of them."""

    def huge(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        return rng.choice([-1, 1], shape) * rng.uniform(1, 400, shape)

    def mixed(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        return rng.choice(near, shape) + rng.choice([-1, 1], shape) * rng.uniform(0.01, 0.3, shape)

    kinds: list[Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = [
        lambda rng, shape: rng.normal(0, 1, shape),
        lambda rng, shape: rng.uniform(0.2, 2.5, shape),
        lambda rng, shape: rng.normal(0, 5, shape),
        lambda rng, shape: rng.normal(0, 0.03, shape),
        huge,
        *([mixed] * 2 if near else []),
    ]
    if max(sizes.values(), default=0) > PRIMES[-1]:
        kinds = kinds[::5]
    for kind, draw in enumerate(kinds):
        rng = np.random.default_rng((place, kind))
        arguments: dict[str, Any] = {}
        for name, shape in shapes.items():
            value = draw(rng, size_of(shape, sizes))
            arguments[name] = _fixed(value) if shape else float(value[0, 0])
        yield arguments, rng, draw is huge


def _fixed(value: np.ndarray) -> Numbers:
    fixed: Numbers = value.view(Numbers)
    fixed.setflags(write=False)
    return fixed


@dataclass
class _Layer:
    """The functions, called twice on arrays that cannot be written to."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    trained: Mapping[str, Shape]

    def Y(self, arguments: Mapping[str, Any], told: str) -> np.ndarray:
        return np.asanyarray(call_forward(self.forward, arguments, told), np.float64)

    def at(self, arguments: dict[str, Any], sizes: Sizes, rng: np.random.Generator) -> _Point | None:
        """The point, or None where `forward` is not finite. Raises NervaError for what is not a function."""
        told = "NumPy" + "".join(f", {name} = {number}" for name, number in sizes.items())
        Y = _fixed(self.Y(arguments, told).copy())
        if not np.isfinite(Y).all():
            return None
        DY = _fixed(rng.normal(0, 1, Y.shape))
        given = [self._gradients({**arguments, "DY": DY, "Y": Y}, told) for _ in range(2)]
        again = self.Y(arguments, told)
        if again.shape != Y.shape or not np.array_equal(again, Y):
            raise NervaError(f"forward returns something else when it is called again ({told})")
        if any(_differ(a, b) for a, b in zip(given[0].values(), given[1].values(), strict=True)):
            raise NervaError(f"backward returns something else when it is called again ({told})")
        return _Point(self, arguments, sizes, DY, given[0], rng, told)

    def _gradients(self, arguments: Mapping[str, Any], told: str) -> dict[str, Any]:
        claimed = call_backward(self.backward, arguments, self.trained, told)
        return {name: _as_array(value) for name, value in claimed.items()}


@dataclass
class _Point:
    """Where gradients are compared: L = Σ DY ⊙ forward(...), as a function of one of its arguments."""

    layer: _Layer
    arguments: dict[str, Any]
    sizes: Sizes
    DY: np.ndarray
    gradients: dict[str, Any]
    rng: np.random.Generator
    told: str

    def judge(self, name: str, result: Comparison) -> None:
        """Note what holds of one gradient here; nothing if it cannot be told, as near a kink."""
        gradient, value = self.gradients[name], np.atleast_2d(self.arguments[name])
        if gradient is None or gradient.shape != value.shape:
            result.odd.add(name)
            return
        verdicts = []
        for _ in range(DIRECTIONS):
            V = self.rng.normal(0, 1, value.shape)
            verdicts.append(self._fits(name, V, float((gradient * V).sum()), float(abs(gradient * V).sum())))
        if False in verdicts:
            if shown := self._entry(name):
                result.wrong[name] = shown
        elif True in verdicts:
            result.agreed[name] += 1
            result.largest = {key: max(size, result.largest.get(key, 0)) for key, size in self.sizes.items()}

    def _fits(self, name: str, V: np.ndarray, claimed: float, magnitude: float) -> bool | None:
        """Whether a derivative along V is what is claimed; None if differences do not settle on a number."""
        settled = []
        for h in STEPS:
            ahead, behind, here = (self._loss(name, V, step) for step in (h, -h, 0.0))
            if not all(np.isfinite(loss[0]) for loss in (ahead, behind, here)):
                continue
            noise = 1e-14 * here[1] / h
            scale = magnitude + abs(claimed) + abs(ahead[0] - behind[0]) / (2 * h)
            slope = (ahead[0] - behind[0]) / (2 * h)
            if noise > 1e-3 * scale + 1e-9:
                continue
            if not np.isfinite(claimed):
                return None
            if abs(slope - claimed) <= FITS * scale + noise + 1e-12:
                return True
            right, left = (ahead[0] - here[0]) / h, (here[0] - behind[0]) / h
            settled.append((slope, scale, abs(right - left) <= 0.02 * scale + 4 * noise))
        smooth = [(slope, scale) for slope, scale, both in settled if both]
        if len(smooth) < 2:
            return None
        slopes = [slope for slope, _ in smooth]
        scale = max(scale for _, scale in smooth)
        steady = max(slopes) - min(slopes) <= 1e-3 * abs(np.mean(slopes) - claimed)
        return False if steady and abs(np.mean(slopes) - claimed) > 1e-5 * scale / 10 else None

    def _loss(self, name: str, V: np.ndarray, step: float) -> tuple[float, float]:
        """L at argument + step V, and the sum of magnitudes of its terms."""
        value = self.arguments[name]
        moved = _fixed(value + step * V) if isinstance(value, np.ndarray) else value + step * float(V[0, 0])
        terms = self.DY * self.layer.Y({**self.arguments, name: moved}, self.told)
        return float(terms.sum()), float(abs(terms).sum())

    def _entry(self, name: str) -> Shown | None:
        """A single entry that is wrong, the worst of those that are looked at."""
        gradient = self.gradients[name]
        places = list(np.ndindex(gradient.shape))
        if len(places) > MOST_ENTRIES:
            order = np.argsort(-abs(gradient), axis=None)[:MOST_ENTRIES]
            places = [tuple(int(i) for i in np.unravel_index(k, gradient.shape)) for k in order]
        worst: Shown | None = None
        for place in places:
            V = np.zeros(gradient.shape)
            V[place] = 1
            claimed = float(gradient[place])
            if self._fits(name, V, claimed, 0.0) is not False:
                continue
            h = STEPS[0]
            slope = (self._loss(name, V, h)[0] - self._loss(name, V, -h)[0]) / (2 * h)
            if worst is None or not abs(slope - claimed) <= abs(worst.expected - worst.given):
                i, j = place
                worst = Shown(self.sizes, (i + 1, j + 1), slope, claimed, {**self.arguments, "DY": self.DY})
        return worst


def _as_array(value: Any) -> np.ndarray | None:
    """A gradient as an array of rank 2, a copy; None if it is no matrix of numbers."""
    if value is None or not (hasattr(value, "shape") or isinstance(value, int | float)):
        return None
    if hasattr(value, "toarray"):
        value = value.toarray()
    try:
        return np.atleast_2d(np.array(value, np.float64))
    except (TypeError, ValueError):
        return None


def _differ(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    return (a is None) != (b is None) or not (a is None or b is None or np.array_equal(a, b, equal_nan=True))


def _pasted(value: np.ndarray | float) -> str:
    return f"np.array({value.round(4).tolist()})" if isinstance(value, np.ndarray) else f"{value:.4f}"
