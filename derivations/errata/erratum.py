"""What an erratum is: what is printed, evidence that it fails, what is right, and the proof of that.

Evidence is never a sentence: it is a call that a carrier refuses, or numbers at which the printed form gives something else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from derivations.book import NotProved
from nerva_py import matrix as table
from nerva_py.verify import concrete
from nerva_py.verify.expressions import to_sympy
from nerva_py.verify.indexed import IndexedMatrix
from nerva_py.verify.layer_functions import values_on
from nerva_py.verify.prover import equal, gradient_difference

# The sizes of the proofs, and no two equal numbers in their place, so that a mismatch cannot hide.
SIZES = {size: sp.Symbol(size, integer=True, positive=True) for size in "NDKmn"}
NUMBERS = {"N": 2, "D": 3, "K": 4, "m": 2, "n": 3}

DIMENSIONS, DIFFERENT, UNDEFINED, NOTATION = "dimension error", "counterexample", "undefined name", "notation"


@dataclass(frozen=True)
class Erratum:
    """An error in print. `fails` is the evidence, `holds` proves the corrected form; both raise NotProved."""

    line: str
    where: str
    printed: str  # in LaTeX
    corrected: str  # in LaTeX
    why: str
    fails: tuple[Callable[[], str], ...]
    holds: Callable[[], None]
    sizes: str = "all sizes"
    found_here: bool = False  # not in the list that we started from

    @property
    def name(self) -> str:
        return f"{self.line} ({self.where})"

    @property
    def kind(self) -> str:
        return self.fails[0].kind  # type: ignore[attr-defined, no-any-return]


# ----------------------------------------------------------------------------------------------------- kinds of evidence


@dataclass(frozen=True)
class Refused:
    """The printed form cannot be evaluated: this error, with this in its message."""

    form: Callable[[], Any]
    error: type[Exception]
    message: str
    kind: str

    def __call__(self) -> str:
        try:
            result = self.form()
        except self.error as refusal:
            if self.message not in str(refusal):
                raise NotProved(f"fails for another reason: {refusal}") from refusal
            return f"{type(refusal).__name__}: {refusal}"
        raise NotProved(f"can be evaluated: {result}")


@dataclass(frozen=True)
class Mismatch:
    """The shapes of the printed form do not fit: `refused` in symbols, and refused with numbers for the sizes too.

    Shapes are written as two letters, "ND" or "1K". The form is called with matrices, and with the sizes that it names.
    """

    form: Callable[..., Any]
    shapes: Mapping[str, str]
    refused: str
    kind: str = DIMENSIONS

    def __call__(self) -> str:
        in_symbols = self._refusal(SIZES, IndexedMatrix.symbol)
        if not in_symbols.endswith(f" {self.refused}"):
            raise NotProved(f"fails for another reason: {in_symbols}")
        return (
            f"{self.refused} do not fit; {used(self.shapes, self.refused)}: {self._refusal(NUMBERS, concrete.matrix)}"
        )

    def _refusal(self, sizes: Mapping[str, Any], make: Callable[..., Any]) -> str:
        wanted = inspect.signature(self.form).parameters
        arguments = {name: make(name, *(sizes.get(size, 1) for size in shape)) for name, shape in self.shapes.items()}
        try:
            self.form(**arguments, **{size: sizes[size] for size in sizes if size in wanted})
        except ValueError as refusal:  # SymPy's ShapeError is one
            return str(refusal)
        raise NotProved("the shapes of the printed form fit")


def used(shapes: Mapping[str, str], refused: str) -> str:
    """The numbers in place of the sizes that occur."""
    names = [size for size in NUMBERS if size in "".join(shapes.values()) + refused]
    return f"with {', '.join(names)} = {', '.join(str(NUMBERS[size]) for size in names)}"


@dataclass(frozen=True)
class Counterexample:
    """The printed form is another function: numbers, and an entry in which it differs from the right one."""

    printed: Callable[..., Any]
    right: Callable[..., Any]
    at: Mapping[str, Any]
    kind: str = DIFFERENT

    def __call__(self) -> str:
        arguments = {name: sp.Matrix(x) if isinstance(x, list) else x for name, x in self.at.items()}
        right, printed = as_matrix(self.right(**arguments)), as_matrix(self.printed(**arguments))
        numbers = ", ".join(f"{name} = {x.tolist() if isinstance(x, np.ndarray) else x}" for name, x in self.at.items())
        if right.shape != printed.shape:
            raise NotProved(f"at {numbers} the shapes differ: {printed.shape}, expected {right.shape}")
        for i in range(right.rows):
            for j in range(right.cols):
                if abs(sp.N(right[i, j] - printed[i, j], 30)) > sp.Float("1e-12"):
                    entry = f"entry ({i + 1}, {j + 1}) is" if len(right) > 1 else "expected"
                    return (
                        f"at {numbers}: {entry} {number(right[i, j])}, the printed form gives {number(printed[i, j])}"
                    )
        raise NotProved(f"at {numbers} the printed form gives the right value")


def as_matrix(x: Any) -> sp.Matrix:
    """A number as a 1×1 matrix."""
    return sp.Matrix(x) if hasattr(x, "shape") else sp.Matrix([[x]])


def number(x: sp.Expr) -> str:
    """A rational number as it is, another one with its first digits."""
    return str(x) if x.is_Rational else f"{sp.N(x, 6)}"


# -------------------------------------------------------------------------------------------------------------- how to prove


def matrices(**shapes: str) -> list[IndexedMatrix]:
    """Matrices of free symbols of every size: `X, b = matrices(X="ND", b="1K")`."""
    return [IndexedMatrix.symbol(name, *(SIZES.get(size, 1) for size in shape)) for name, shape in shapes.items()]


def prove_equal(left: IndexedMatrix, right: IndexedMatrix) -> None:
    """left = right, entry by entry and for every size."""
    if rest := equal(left, right):
        raise NotProved(f"left − right = {to_sympy(rest)}")


def prove_gradient(L: sp.Expr, X: IndexedMatrix, claimed: Any) -> None:
    """∂L/∂X = claimed, entry by entry and for every size."""
    if rest := gradient_difference(L, X, values_on(X, claimed)):
        raise NotProved(f"∂L/∂X − claimed = {to_sympy(rest)}")


def prove_zero(e: Any) -> None:
    """A SymPy expression is 0."""
    if not concrete.vanishes(sp.piecewise_fold(sp.sympify(e))):
        raise NotProved(f"{e} is not 0")


def evaluate(code: str, **names: Any) -> Any:
    """Code as it is printed: the table of matrix operations is defined, and these names, and nothing else."""
    known = {name: getattr(table, name) for name in table.__all__}
    return eval(code, {"__builtins__": {}, **known, **names})
