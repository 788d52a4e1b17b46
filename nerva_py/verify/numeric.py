"""The two functions of a layer on NumPy, in float64: each gradient against differences of `forward`.

What is proved on symbols holds for what the functions do with symbols. Here they do what they do in training, on arrays that
cannot be written to, each of them twice; so one that asks for sizes, counts its calls or changes its arguments is found out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

from nerva_py.errors import NervaError

from .layer_functions import Shape, call_backward, call_forward, size_of
from .noted import Calls, Numbers, noting

PRIMES = (2, 3, 5, 7, 11, 13)
LARGE = (100, 7, 3, 5, 2, 4)
STEPS = (1e-4, 1e-5, 1e-3, 1e-6)  # of a difference; one at which it fits is enough
FITS = 1e-6  # relative to the sum of magnitudes
LOST = 1e-13
DIRECTIONS = 2  # along which a whole gradient is compared, at each point
MOST_ENTRIES = 500  # of which the wrong one is looked for

SCALARS = 40  # numbers that are given to inputs that are numbers
HUGE, EXACT = "huge", "exact"

Sizes = Mapping[str, int]
Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


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
    odd: dict[str, str] = field(default_factory=dict)  # gradients that are no matrix of the right shape
    agreed: dict[str, int] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    undefined: bool = False  # at some points `forward` is not finite
    infinite: set[str] = field(default_factory=set)  # gradients that are not finite at some where it is
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
            for arguments, rng, kind in _points(shapes, some, near, place):
                try:
                    point = layer.at(arguments, some, rng)
                except NervaError as error:
                    result.doubts.append(str(error))
                    break
                if point is None:
                    result.undefined = result.undefined or kind != HUGE
                    continue
                if kind == EXACT and layer.has_kinks:
                    continue  # each of two cases may be continued from its own side, and each of two that are largest be it
                for name in trained:
                    if name not in result.wrong and name not in result.odd:
                        point.judge(name, kind, result)
    result.doubts += list(_otherwise_on_symbols([*layer.of_forward.functions, *layer.of_backward.functions], near))
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
            name = getattr(f, "__name__", "a function")
            if expected.is_finite is False and math.isfinite(value):
                yield f"{name}({number:g}) is {value:g}, and of a symbol it makes what is not finite there"
            elif expected.is_number and expected.is_finite and abs(value - expected) > 1e-9 * (1 + abs(value)):
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
) -> Iterator[tuple[dict[str, Any], np.random.Generator, str]]:
    """Arguments of these sizes and their kind: of usual magnitude, positive, small, large (HUGE: so large that float64 need not
    hold what is made of them), near given numbers, or the numbers themselves (EXACT: of all arguments, else of scalars)."""

    def normal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        return rng.normal(0, 1, shape)

    def signed(rng: np.random.Generator, shape: tuple[int, int], low: float, high: float) -> np.ndarray:
        return rng.choice([-1, 1], shape) * rng.uniform(low, high, shape)

    kinds: list[tuple[str, Draw, Draw | None]] = [
        ("", normal, None),
        ("", lambda rng, shape: rng.uniform(0.2, 2.5, shape), None),
        ("", lambda rng, shape: rng.normal(0, 5, shape), None),
        ("", lambda rng, shape: rng.normal(0, 0.03, shape), None),
        (HUGE, lambda rng, shape: signed(rng, shape, 1, 400), None),
        ("", lambda rng, shape: rng.choice(near, shape) + signed(rng, shape, 0.01, 0.3), None),
        (EXACT, lambda rng, shape: rng.choice(near, shape), None),
        (EXACT, lambda rng, shape: np.zeros(shape), None),
    ]
    if max(sizes.values(), default=0) > PRIMES[-1]:
        kinds = [kinds[0], kinds[5]]  # usual ones and those near given numbers: functions are called number by number
    elif () in shapes.values() and place < 2:
        kinds += [("", normal, lambda rng, shape, c=c: np.full(shape, c)) for c in near[:SCALARS]]  # type: ignore[misc]
    for number, (kind, draw, draw_scalar) in enumerate(kinds):
        rng = np.random.default_rng((place, number))
        arguments: dict[str, Any] = {}
        for name, shape in shapes.items():
            value = (draw if shape else draw_scalar or draw)(rng, size_of(shape, sizes))
            arguments[name] = _fixed(value) if shape else float(value[0, 0])
        yield arguments, rng, kind


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
    of_forward: Calls = field(default_factory=Calls)
    of_backward: Calls = field(default_factory=Calls)

    @property
    def has_kinks(self) -> bool:
        """Whether `forward` takes a maximum, or calls functions of one number by cases, as far as can be seen."""
        if self.of_forward.maximum:
            return True
        x = sp.Symbol("x", real=True)
        for f, parameters in self.of_forward.functions:
            try:
                if sp.sympify(f(x, *parameters)).has(sp.Piecewise, sp.Abs, sp.sign, sp.Max, sp.Min):
                    return True
            except (ArithmeticError, ValueError, TypeError, NervaError):
                return True
        return False

    def Y(self, arguments: Mapping[str, Any], told: str) -> np.ndarray:
        with noting(self.of_forward):
            return np.asanyarray(call_forward(self.forward, arguments, told), np.float64)

    def at(self, arguments: dict[str, Any], sizes: Sizes, rng: np.random.Generator) -> _Point | None:
        """The point, or None where `forward` is not finite. Raises NervaError for what is not a function."""
        told = "NumPy" + "".join(f", {name} = {number}" for name, number in sizes.items())
        Y = _fixed(self.Y(arguments, told).copy())
        if not np.isfinite(Y).all():
            return None
        DY = _fixed(rng.normal(0, 1, Y.shape))
        given = [self._gradients({**arguments, "DY": DY, "Y": Y}, told)]
        again = self.Y(arguments, told)
        # As another batch may come between a batch's forward and its backward pass.
        self.Y({name: _other(value) for name, value in arguments.items()}, told)
        given.append(self._gradients({**arguments, "DY": DY, "Y": Y}, told))
        if again.shape != Y.shape or not np.array_equal(again, Y):
            raise NervaError(f"forward returns something else when it is called again ({told})")
        if any(_differ(a, b) for a, b in zip(given[0].values(), given[1].values(), strict=True)):
            raise NervaError(f"backward returns something else when it is called again ({told})")
        return _Point(self, arguments, sizes, DY, given[0], rng, told)

    def _gradients(self, arguments: Mapping[str, Any], told: str) -> dict[str, Any]:
        with noting(self.of_backward):
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

    def judge(self, name: str, kind: str, result: Comparison) -> None:
        """Note what holds of one gradient here; nothing if it cannot be told, as near a kink."""
        gradient, value = self.gradients[name], np.atleast_2d(self.arguments[name])
        at = "".join(f", {size} = {number}" for size, number in self.sizes.items())
        if gradient is None or gradient.shape != value.shape:
            is_ = "no matrix of numbers" if gradient is None else f"{gradient.shape[0]}×{gradient.shape[1]}"
            result.odd[name] = f"it is {is_}, and {name} is {value.shape[0]}×{value.shape[1]}{at}"
            return
        if not np.isfinite(gradient).all():
            if kind != HUGE:
                result.infinite.add(name)
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
            noise = 1e-14 * max(ahead[1], behind[1], here[1]) / h
            slope = (ahead[0] - behind[0]) / (2 * h)
            scale = magnitude + abs(claimed) + abs(slope)
            if abs(slope - claimed) <= FITS * scale + noise:
                return True
            if noise > 1e-3 * scale:
                continue
            right, left = (ahead[0] - here[0]) / h, (here[0] - behind[0]) / h
            if abs(right - left) <= 0.02 * (abs(right) + abs(left)) + 4 * noise:
                settled.append((slope, scale, noise))
        if len(settled) < 2:
            return None
        slopes, scales, noises = zip(*settled, strict=True)
        spread, off = max(slopes) - min(slopes), abs(float(np.mean(slopes)) - claimed)
        steady = spread <= 1e-3 * max(map(abs, slopes)) + 4 * max(noises)
        # What is so small beside DY may be what float64 has lost: 1 − σ(x) is 0 for x = 40.
        lost = LOST * float(abs(self.DY).sum())
        return False if steady and off > max(FITS * max(scales), 10 * spread, 4 * max(noises), lost) else None

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


def _other(value: Any) -> Any:
    """Another matrix or number of the same shape."""
    return _fixed(0.5 * value + 0.25) if isinstance(value, np.ndarray) else 0.5 * value + 0.25


def _differ(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    return (a is None) != (b is None) or not (a is None or b is None or np.array_equal(a, b, equal_nan=True))


def _pasted(value: np.ndarray | float) -> str:
    return f"np.array({value.round(4).tolist()})" if isinstance(value, np.ndarray) else f"{value:.4f}"
