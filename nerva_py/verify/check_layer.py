"""Check a layer of your own: is each gradient right, and for which sizes?

def forward(X, W, b):          return swish(linear(X, W, b))
def backward(X, W, b, DY):     return DX, DW, Db

print(check_layer(forward, backward, inputs={"X": ("N", "D")}, parameters={"W": ("K", "D"), "b": (1, "K")}))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy as sp

from nerva_py.errors import NervaError

from . import concrete
from .cases import Cases
from .indexed import IndexedMatrix
from .layer_functions import Shape, call_backward, call_forward, check_arguments, exact, size_of
from .prover import Derivatives, gradient_difference, inner_product
from .verdicts import Counterexample, Problem, Report, Verdict, combined, shortened

# Numbers for the sizes: no two equal, so that a transpose or a wrong axis cannot hide; the smallest first, so that a
# counterexample is short.
SIZES = ((1, 2, 3, 4, 5, 6), (2, 3, 4, 5, 6, 7))


def check_layer(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Mapping[str, Shape],
    parameters: Mapping[str, Shape] | None = None,
    derivatives: Derivatives | None = None,
) -> Report:
    """Check the gradients that `backward` returns against those that follow from `forward`.

    `forward(**inputs, **parameters)` returns Y, a matrix. `backward` takes those of the same arguments that it needs, DY, the
    gradient of the loss with respect to Y, and perhaps Y. It returns the gradients as a tuple in the order of inputs and
    parameters, or as a dictionary by name, {"X": DX, ...} or {"DX": DX, ...}; each is a matrix or an `Outer`. A shape is a
    pair of names of sizes or numbers, ("N", "D") or (1, "K"); () is a number. Further arguments that have a default value are
    left alone.

    Both functions must be written over the primitives of `nerva_py.matrix`. The loss is L = Σ DY ⊙ Y with DY free, so a
    gradient that passes is right for every loss. At a kink, such as that of ReLU at 0, either one-sided derivative is right.
    `derivatives` declares those of undefined functions. Raises NervaError if the functions cannot be called as described.
    """
    shapes = {**inputs, **(parameters or {})}
    check_arguments(forward, backward, shapes)
    names = sorted({size for shape in shapes.values() for size in shape if isinstance(size, str)})
    if len(names) > len(SIZES[0]):
        raise NervaError(f"at most {len(SIZES[0])} names of sizes are allowed, not {', '.join(names)}")
    problems: dict[str, Problem | None] = dict.fromkeys(shapes)
    tried = []
    for numbers in SIZES if names else SIZES[:1]:
        sizes = dict(zip(names, numbers, strict=False))
        tried.append(", ".join(f"{name} = {number}" for name, number in sizes.items()) or "these sizes")
        for name, problem in _problems(forward, backward, shapes, sizes, tried[-1]).items():
            problems[name] = combined(problems[name], problem, names)
    right = [name for name in shapes if problems[name] is None]
    why = _why_not_all(forward, backward, shapes, right, derivatives) if names and right else dict.fromkeys(right, "")
    return Report(
        tuple(
            Verdict(
                name, bool(names and name in right and not why[name]), tuple(tried), problems[name], why.get(name, "")
            )
            for name in shapes
        )
    )


# ---------------------------------------------------------------------------------------------------------- at given sizes


def _problems(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    shapes: Mapping[str, Shape],
    sizes: Mapping[str, int],
    at: str,
) -> dict[str, Problem | None]:
    """For each gradient at these sizes: what is wrong with it, or None."""
    matrices = {name: concrete.matrix(name, *size_of(shape, sizes)) for name, shape in shapes.items()}
    arguments = {name: X if shapes[name] else X[0, 0] for name, X in matrices.items()}
    Y = call_forward(forward, arguments, f"symbols ({at})")
    DY = concrete.matrix("DY", *Y.shape)
    claimed = call_backward(backward, {**arguments, "DY": DY, "Y": Y}, shapes, f"symbols ({at})")
    try:
        L = exact(concrete.inner_product(DY, Y))
        expected = {name: concrete.gradient(L, X) for name, X in matrices.items()}
    except ValueError as error:
        raise NervaError(
            f"forward: {error}; write it with where(condition, a, b) of nerva_py.matrix.scalars"
        ) from error
    return {name: _compare(name, expected, claimed[name], sizes) for name in shapes}


def _compare(name: str, expected: Mapping[str, sp.Matrix], given: Any, sizes: Mapping[str, int]) -> Problem | None:
    """What is wrong with one gradient: its type, its shape, or its first wrong entry, and what it is instead."""
    right = expected[name]
    if given is None:
        return "backward returns None in its place"
    if not hasattr(given, "shape"):
        return f"backward returns {type(given).__name__} {given} in its place, not a matrix"
    given = sp.Matrix(given).applyfunc(exact)
    hint = next((f"it is D{other}" for other, X in expected.items() if other != name and _same(given, X)), "")
    if given.shape == right.T.shape and _same(given.T, right):
        hint = "it is the transpose of the right one" if given != right else ""
    if given.shape != right.shape:
        text = f"its shape is {given.rows}×{given.cols}, that of {name} is {right.rows}×{right.cols}"
        at = ", ".join(f"{size} = {number}" for size, number in sizes.items())
        return f"{hint or 'the shape does not fit'}: {text}" + (f" ({at})" if at else "")
    wrong = [(i, j) for i in range(right.rows) for j in range(right.cols) if not _equal(right[i, j], given[i, j])]
    if not wrong:
        return None
    i, j = wrong[0]
    a, b = right[i, j], given[i, j]
    numbers = concrete.differs_at(a - b, a.free_symbols | b.free_symbols)
    factor = None if hint or numbers is None else _factor(right, given, *(sp.N(e.subs(numbers), 30) for e in (a, b)))
    if not hint and factor is None:
        hint = _wrong_sign(a, b) or (
            f"{len(wrong)} of its {len(right)} entries are wrong" if len(wrong) < len(right) else ""
        )
    return Counterexample((i + 1, j + 1), a, b, numbers, sizes, hint, factor)


def _factor(right: sp.Matrix, given: sp.Matrix, expected: sp.Expr, value: sp.Expr) -> sp.Rational | None:
    """c with given = c right, if there is one. In a wrong entry these are the values."""
    if expected == 0:
        return None
    c = sp.nsimplify(sp.N(value / expected, 20), rational=True, tolerance=1e-15)
    return c if _same(given, c * right) else None


def _wrong_sign(right: sp.Expr, given: sp.Expr) -> str:
    """The term whose sign alone is wrong."""
    terms = sp.Add.make_args(given)
    term = next((term for term in terms if len(terms) < 10 and _equal(right, given - 2 * term)), None)
    return f"the sign of a term is wrong: {shortened(str(term))}" if term is not None else ""


def _equal(a: sp.Expr, b: sp.Expr) -> bool:
    return concrete.vanishes(a - b, at_kinks=False)


def _same(A: sp.Matrix, B: sp.Matrix) -> bool:
    return A.shape == B.shape and all(_equal(a, b) for a, b in zip(A, B, strict=True))


# -------------------------------------------------------------------------------------------------------------- every size


def _why_not_all(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    shapes: Mapping[str, Shape],
    names: Sequence[str],
    derivatives: Derivatives | None,
) -> dict[str, str]:
    """For each of these gradients: why it is not proved for every size, empty if it is."""
    symbols = {
        n: sp.Symbol(n, integer=True, positive=True) for shape in shapes.values() for n in shape if isinstance(n, str)
    }
    matrices = {name: IndexedMatrix.symbol(name, *size_of(shape, symbols)) for name, shape in shapes.items()}
    arguments = {name: X if shapes[name] else X.entry(1, 1) for name, X in matrices.items()}
    reasons = {}
    with Cases() as cases:
        try:
            Y = call_forward(forward, arguments, "symbolic size")
            DY = IndexedMatrix.symbol("DY", *Y.shape)
            claimed = call_backward(backward, {**arguments, "DY": DY, "Y": Y}, shapes, "symbolic size")
            L = exact(inner_product(DY, Y))
            gradients = {name: _exact(claimed[name]) for name in names}
            declared = cases.derivatives(gradients.values(), derivatives)
        except Exception as error:  # noqa: BLE001  a function may fail in any way on symbolic sizes
            return dict.fromkeys(names, str(error) or type(error).__name__)
        for name, claim in gradients.items():
            try:
                rest = gradient_difference(L, matrices[name], claim, declared)
                reasons[name] = "the prover could not show that the two sides are equal" if rest else ""
            except Exception as error:  # noqa: BLE001
                reasons[name] = str(error) or type(error).__name__
    return reasons


def _exact(X: IndexedMatrix) -> IndexedMatrix:
    return IndexedMatrix(*X.shape, lambda i, j: exact(X.entry(i, j)))
