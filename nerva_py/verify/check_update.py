"""Check an optimizer's step, written for one number, against its definition, written for matrices.

def lion(w, g, m, eta, beta):           return w - eta * sign(...), ...
def definition(W, G, M, eta, beta):     return W - eta * apply(sign, ...), ...

print(check_update(lion, definition, states=("M",), constants=("eta", "beta")))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from nerva_py.errors import NervaError
from nerva_py.matrix import updated

from .indexed import IndexedMatrix
from .noted import Numbers
from .prover import equal
from .verdicts import Report, Verdict

N, D = sp.symbols("N D", integer=True, positive=True)
SHAPES = ((1, 1), (3, 4), (5, 2))
MAGNITUDES = (1.0, 1e-3, 30.0, 0.0)
FITS = 1e-9


def check_update(
    update: Callable[..., Any],
    definition: Callable[..., Any],
    states: Sequence[str] = (),
    constants: Sequence[str] = (),
) -> Report:
    """Check that `update(w, g, *states, *constants)`, of numbers, is what `definition(W, G, *states, *constants)` says.

    Both return the new weight and the new states: `update` as numbers, as an `Optimizer` takes it, `definition` as matrices
    (N, D) over the primitives of `nerva_py.matrix`. `states` and `constants` are names. The report has a verdict for W and each
    state: ✓ if it is proved for all sizes, and agrees on NumPy for constants between 0 and 1; ✗ if numbers show that it
    differs. The new weight of w = g = 0 with states 0 must be 0, or a sparse layer would not do what a masked one does.
    Raises NervaError for functions that return something else.
    """
    names = ("W", *states)
    wrong = _by_numbers(update, definition, names, constants)
    return Report(
        tuple(
            Verdict(name, problem=wrong[name], kind="")
            if name in wrong
            else Verdict(name, right=not reason, all_sizes=True, why_not=reason, kind="")
            for name, reason in _why_not(update, definition, names, constants).items()
        )
    )


def _why_not(update: Any, definition: Any, names: Sequence[str], constants: Sequence[str]) -> dict[str, str]:
    """For the weight and each state: why it is not proved, empty if it is."""
    W, *states = (IndexedMatrix.symbol(name, N, D) for name in names)
    G = IndexedMatrix.symbol("G", N, D)
    numbers = [sp.Symbol(name, positive=True) for name in constants]
    try:
        new, new_states = updated(update, W, G, tuple(states), tuple(numbers))
        expected = _results(definition(W, G, *states, *numbers), names, "definition")
        return {
            name: "" if not equal(a, b) else "the prover could not show that the two sides are equal"
            for name, a, b in zip(names, (new, *new_states), expected, strict=True)
        }
    except NervaError:
        raise
    except Exception as error:  # noqa: BLE001  a function may fail in any way on symbols
        return dict.fromkeys(names, str(error) or type(error).__name__)


def _by_numbers(update: Any, definition: Any, names: Sequence[str], constants: Sequence[str]) -> dict[str, str]:
    """What is wrong on NumPy, by name."""
    wrong: dict[str, str] = {}
    for rng, shape, magnitude, squares in _points():
        W, G, *states = (magnitude * rng.normal(size=shape) for _ in range(len(names) + 1))
        if squares:
            states = [abs(state) for state in states]  # a sum of squares, an age
        numbers = rng.uniform(0.05, 0.95, len(constants)).tolist()
        with np.errstate(all="ignore"):
            matrices = [matrix.view(Numbers) for matrix in (W, G, *states)]
            expected = _results(definition(*matrices, *numbers), names, "definition")
        for place in np.ndindex(shape):
            entries = [float(matrix[place]) for matrix in (W, G, *states)]
            try:
                results = _results(update(*entries, *numbers), names, "update")
            except (ValueError, ArithmeticError):  # of `math`: the root of a negative number
                continue
            for name, given, matrix in zip(names, results, expected, strict=True):
                if np.shape(matrix) != shape:
                    raise NervaError(f"definition returns {name} of shape {np.shape(matrix)}, and W has {shape}")
                if _differs(float(given), float(matrix[place])) and name not in wrong:
                    told = zip(("w", "g", *names[1:], *constants), [*entries, *numbers], strict=True)
                    at = ", ".join(f"{what} = {value:.6g}" for what, value in told)
                    wrong[name] = f"it should be {float(matrix[place]):.8g}\nbut is       {float(given):.8g}\nat {at}"
    nothing = _results(update(*[0.0] * (len(names) + 1), *[0.5] * len(constants)), names, "update")
    if nothing[0] != 0:
        wrong.setdefault("W", f"of w = g = 0 it makes {nothing[0]:g}: a sparse layer keeps 0 where it has no weight")
    return wrong


def _points() -> Iterator[tuple[np.random.Generator, tuple[int, int], float, bool]]:
    """Random numbers, a shape, a magnitude, and whether states are at least 0."""
    for seed, (shape, magnitude, squares) in enumerate(product(SHAPES, MAGNITUDES, (True, False))):
        yield np.random.default_rng(seed), shape, magnitude, squares


def _results(result: Any, names: Sequence[str], role: str) -> tuple[Any, ...]:
    """The new weight and states. Raises NervaError if there are more or fewer."""
    values = result if isinstance(result, tuple) else (result,)
    if len(values) != len(names) or any(value is None for value in values):
        raise NervaError(f"{role} must return the new {', '.join(names)}, not {result!r}")
    return values


def _differs(given: float, expected: float) -> bool:
    if not math.isfinite(expected):
        return False
    return not abs(given - expected) <= FITS * (1 + abs(expected))
