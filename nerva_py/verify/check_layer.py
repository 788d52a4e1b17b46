"""Check a layer of your own: is each gradient right, and for which sizes?

    def forward(X, W, b):          return swish(linear(X, W, b))
    def backward(X, W, b, DY):     return DX, DW, Db

    print(check_layer(forward, backward, inputs={"X": ("N", "D")}, parameters={"W": ("K", "D"), "b": (1, "K")}))
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from nerva_py.errors import NervaError

from . import concrete
from .indexed import IndexedMatrix
from .prover import Derivatives, gradient_difference, inner_product

Shape = tuple[Any, Any]

# Sizes of the concrete check: no two equal, so that a transpose or a wrong axis cannot hide; the smallest first, so that a
# counterexample is short.
SIZES = ((1, 2, 3), (2, 3, 4))


@dataclass(frozen=True)
class Counterexample:
    """An entry of a gradient that is wrong, and numbers at which one sees it."""

    entry: tuple[int, int]
    expected: sp.Expr
    given: sp.Expr
    numbers: Mapping[sp.Symbol, Any] | None = None

    def __str__(self) -> str:
        i, j = self.entry
        lines = [
            f"entry ({i + 1}, {j + 1}) should be   {self.expected}",
            f"but your function returns {self.given}",
        ]
        if self.numbers:
            used = ", ".join(f"{symbol} = {value}" for symbol, value in self.numbers.items())
            right, wrong = (sp.N(e.subs(self.numbers), 8) for e in (self.expected, self.given))
            lines.append(f"for example at {used}: {right} against {wrong}")
            if concrete.vanishes(self.given + self.expected):
                lines.append("the two differ by their sign only")
            elif right != 0 and concrete.vanishes(self.given - (ratio := sp.nsimplify(wrong / right, rational=True)) * self.expected):
                lines.append(f"yours is {ratio} times the right one")
        return "\n".join(lines)


@dataclass(frozen=True)
class Verdict:
    """What is known of one gradient: proved for all sizes, for some sizes, or a counterexample or error."""

    name: str
    all_sizes: bool = False
    sizes: tuple[str, ...] = ()
    problem: Counterexample | str | None = None
    why_not_all: str = ""

    @property
    def correct(self) -> bool:
        """No counterexample and no error."""
        return self.problem is None

    def __str__(self) -> str:
        if self.problem is not None:
            text = str(self.problem).replace("\n", "\n    ")
            return f"✗ D{self.name}: wrong\n    {text}"
        if self.all_sizes:
            return f"✓ D{self.name}: proved for all sizes"
        return f"✓ D{self.name}: proved for {', '.join(self.sizes)}; not for all sizes ({self.why_not_all})"


@dataclass(frozen=True)
class Report:
    """The verdicts of all gradients; true if each is right."""

    verdicts: tuple[Verdict, ...]

    def __bool__(self) -> bool:
        return all(verdict.correct for verdict in self.verdicts)

    def __getitem__(self, name: str) -> Verdict:
        return next(verdict for verdict in self.verdicts if verdict.name == name)

    def __str__(self) -> str:
        return "\n".join(map(str, self.verdicts))

    __repr__ = __str__


def check_layer(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Mapping[str, Shape],
    parameters: Mapping[str, Shape] | None = None,
    derivatives: Derivatives | None = None,
) -> Report:
    """Check the gradients that `backward` returns against those that follow from `forward`.

    `forward(**inputs, **parameters)` returns Y, a matrix. `backward` takes the same arguments and DY, the gradient of the
    loss with respect to Y (and Y, if it names it), in any order, and returns the gradients as a dictionary by name, or as a
    tuple in the order of inputs and parameters. Shapes are pairs of names of sizes or numbers, ("N", "D") or (1, "K").
    Both must be written over the primitives of `nerva_py.matrix`. The loss is L = Σ DY ⊙ Y with DY free, so a gradient that
    passes is right for every loss. `derivatives` declares those of undefined functions.
    """
    shapes = {**inputs, **(parameters or {})}
    check_arguments(forward, backward, shapes)
    verdicts: dict[str, Verdict] = {}
    sizes = sorted({size for shape in shapes.values() for size in shape if isinstance(size, str)})
    for numbers in SIZES:
        chosen = {size: numbers[k % len(numbers)] + k // len(numbers) * 4 for k, size in enumerate(sizes)}
        text = "×".join(sizes) + " = " + "×".join(str(chosen[size]) for size in sizes)
        for name, problem in _concrete_problems(forward, backward, shapes, chosen).items():
            before = verdicts.get(name, Verdict(name))
            verdicts[name] = Verdict(name, sizes=(*before.sizes, text), problem=before.problem or problem)
    for name, why in _indexed_problems(forward, backward, shapes, derivatives).items():
        if verdicts[name].correct:
            verdicts[name] = Verdict(name, not why, verdicts[name].sizes, why_not_all=why)
    return Report(tuple(verdicts.values()))


def check_arguments(forward: Callable[..., Any], backward: Callable[..., Any], shapes: Mapping[str, Shape]) -> None:
    """Refuse functions whose arguments have other names than the matrices."""
    for function, more in ((forward, set()), (backward, {"DY", "Y"})):
        names = set(inspect.signature(function).parameters)
        if not names <= set(shapes) | more or not set(shapes) - names <= (set() if function is forward else set(shapes)):
            known = ", ".join([*shapes, *sorted(more)])
            raise NervaError(f"{function.__name__} has arguments {', '.join(sorted(names))}; they must be among {known}")
    for name, shape in shapes.items():
        if not (isinstance(shape, tuple) and len(shape) == 2 and all(isinstance(size, str | int) for size in shape)):
            raise NervaError(f"the shape of {name} must be a pair such as ('N', 'D') or (1, 'K'), not {shape!r}")


def gradients_of(backward: Callable[..., Any], arguments: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Call `backward` with the arguments that it names; its gradients by name."""
    wanted = inspect.signature(backward).parameters
    result = backward(**{name: value for name, value in arguments.items() if name in wanted})
    if isinstance(result, Mapping):
        result = {str(name).removeprefix("D") if name not in names else name: g for name, g in result.items()}
        missing = [name for name in names if name not in result]
        if missing:
            raise NervaError(f"{backward.__name__} returns no gradient of {', '.join(missing)}")
        return {name: result[name] for name in names}
    gradients = result if isinstance(result, tuple) else (result,)
    if len(gradients) != len(names):
        raise NervaError(f"{backward.__name__} returns {len(gradients)} gradients; there are {len(names)}: {', '.join(names)}")
    return dict(zip(names, gradients, strict=True))


def _concrete_problems(
    forward: Callable[..., Any], backward: Callable[..., Any], shapes: Mapping[str, Shape], sizes: Mapping[str, int]
) -> dict[str, Counterexample | str | None]:
    """For each gradient at these sizes: a counterexample, the text of an error, or None."""
    arguments = {name: concrete.matrix(name, *(sizes.get(n, n) for n in shape)) for name, shape in shapes.items()}
    try:
        Y = forward(**arguments)
        DY = concrete.matrix("DY", *Y.shape)
        claimed = gradients_of(backward, {**arguments, "DY": DY, "Y": Y}, list(shapes))
    except (ValueError, TypeError, sp.ShapeError) as error:
        if isinstance(error, NervaError):
            raise
        return dict.fromkeys(shapes, f"{type(error).__name__}: {error}")
    L = concrete.inner_product(DY, Y)
    return {name: _compare(concrete.gradient(L, X), claimed[name]) for name, X in arguments.items()}


def _compare(expected: sp.Matrix, given: Any) -> Counterexample | str | None:
    if getattr(given, "shape", None) != expected.shape:
        return f"it must have shape {expected.shape}, as what it is the gradient of; yours is {getattr(given, 'shape', given)}"
    at = concrete.first_difference(expected, given)
    if at is None:
        return None
    right, wrong = expected[at], given[at]
    numbers = concrete.differs_at(right - wrong, right.free_symbols | wrong.free_symbols)
    return Counterexample(at, right, wrong, numbers)


def _indexed_problems(
    forward: Callable[..., Any], backward: Callable[..., Any], shapes: Mapping[str, Shape], derivatives: Derivatives | None
) -> dict[str, str]:
    """For each gradient: why it is not proved for every size, empty if it is."""
    symbols = {size: sp.Symbol(size, integer=True, positive=True) for shape in shapes.values() for size in shape
               if isinstance(size, str)}  # fmt: skip
    arguments = {
        name: IndexedMatrix.symbol(name, *(symbols.get(size, size) for size in shape)) for name, shape in shapes.items()
    }
    reasons = {}
    try:
        Y = forward(**arguments)
        DY = IndexedMatrix.symbol("DY", *Y.shape)
        claimed = gradients_of(backward, {**arguments, "DY": DY, "Y": Y}, list(shapes))
        L = inner_product(DY, Y)
    except Exception as error:  # noqa: BLE001  a student's function may fail in any way on symbolic sizes
        return dict.fromkeys(shapes, f"{type(error).__name__}: {error}")
    for name, X in arguments.items():
        try:
            rest = gradient_difference(L, X, claimed[name], derivatives)
            reasons[name] = "the prover could not show that the two sides are equal" if rest else ""
        except Exception as error:  # noqa: BLE001
            reasons[name] = f"{type(error).__name__}: {error}"
    return reasons
