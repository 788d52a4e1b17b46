"""Calling the two functions of a layer that someone else wrote, with messages for what they may have got wrong."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from nerva_py.errors import NervaError, unknown
from nerva_py.matrix import Outer, ones

from .indexed import IndexedMatrix
from .sizes import Size, plain

Shape = tuple[int | str, int | str] | tuple[()]


def check_arguments(forward: Callable[..., Any], backward: Callable[..., Any], shapes: Mapping[str, Shape]) -> None:
    """Refuse shapes that are none, and functions whose arguments are not the matrices."""
    for role, function in (("forward", forward), ("backward", backward)):
        try:
            kinds = {argument.kind for argument in _arguments(function).values()}
        except (TypeError, ValueError) as error:
            raise NervaError(f"{role} must be a function whose arguments have names, not {function!r}") from error
        if inspect.Parameter.POSITIONAL_ONLY in kinds:
            raise NervaError(f"{role}: its arguments are given by name, so there may be no / among them")
    for name, shape in shapes.items():
        if not (isinstance(shape, tuple) and len(shape) in (0, 2) and all(map(_is_size, shape))):
            raise NervaError(f"the shape of {name} must be a pair such as ('N', 'D') or (1, 'K'), not {shape!r}")
        if name in ("DY", "Y"):
            raise NervaError(f"{name} is what forward and backward are about; give the input another name")
        if f"D{name}" in shapes:
            raise NervaError(f"D{name} is what the gradient of {name} is called; give the input another name")
    for role, function, known in (("forward", forward, {*shapes}), ("backward", backward, {*shapes, "DY", "Y"})):
        for name, argument in _arguments(function).items():
            if name not in known and argument.default is inspect.Parameter.empty:
                raise unknown(f"argument of {role}", name, known)
    unused = [name for name in shapes if name not in _arguments(forward)]
    if unused:
        raise NervaError(f"forward has no argument {' and no argument '.join(unused)}")


def call_forward(forward: Callable[..., Any], arguments: Mapping[str, Any], sizes: str) -> Any:
    """Y = forward(...), which must be a matrix."""
    Y = _call("forward", forward, arguments, sizes)
    if not isinstance(Y, IndexedMatrix | sp.MatrixBase | np.ndarray) or len(Y.shape) != 2:
        what = f"a tuple of {len(Y)}; return Y alone" if isinstance(Y, tuple) else _described(Y)
        raise NervaError(f"forward must return Y, a matrix, not {what}")
    return Y


def call_backward(
    backward: Callable[..., Any], arguments: Mapping[str, Any], shapes: Mapping[str, Shape], sizes: str
) -> dict[str, Any]:
    """The gradients that backward(...) returns, by name: that of a number as a 1×1 matrix, of an `Outer` its values."""
    names = list(shapes)
    result = _call("backward", backward, arguments, sizes)
    if isinstance(result, Mapping):
        gradients = {}
        for given, gradient in result.items():
            name = given if given in names else str(given).removeprefix("D")
            if name not in names:
                raise unknown("gradient returned by backward", str(given), [f"D{name}" for name in names])
            if name in gradients:
                raise NervaError(f"backward returns the gradient of {name} twice")
            gradients[name] = gradient
        missing = [f"D{name}" for name in names if name not in gradients]
        if missing:
            raise NervaError(f"backward returns no {', '.join(missing)}")
    else:
        values = list(result) if isinstance(result, tuple | list) else [result]
        wanted = ", ".join(f"D{name}" for name in names)
        if result is None:
            raise NervaError(f"backward must return {wanted}, not {_described(None)}")
        if len(values) != len(names):
            count = "1 gradient" if len(values) == 1 else f"{len(values)} gradients"
            raise NervaError(f"backward returns {count}; it must return {len(names)}: {wanted}")
        gradients = dict(zip(names, values, strict=True))
    with _told("backward", sizes):
        gradients = {name: values_on(arguments[name] if shapes[name] else None, gradients[name]) for name in names}
    symbolic = isinstance(arguments["DY"], IndexedMatrix)
    return {name: gradients[name] if shapes[name] else _as_matrix(gradients[name], symbolic) for name in names}


def values_on(X: Any, gradient: Any) -> Any:
    """What is claimed to be the gradient of X, as a matrix: of an `Outer` the values on the support of X.

    One that has another shape than X, or where X is no matrix, is asked for all its values.
    """
    if not isinstance(gradient, Outer):
        return gradient
    fits = X is not None and plain(X.shape) == plain(gradient.shape)
    return gradient.on(X if fits else ones(gradient.terms[0].DZ, *gradient.shape))


def size_of(shape: Shape, sizes: Mapping[str, Any]) -> tuple[Any, Any]:
    """Rows and columns; a number is a 1×1 matrix."""
    rows, columns = (sizes[size] if isinstance(size, str) else size for size in shape or (1, 1))
    return rows, columns


def exact(e: Any) -> sp.Expr:
    """An expression with fractions for its decimal numbers: 0.5 is 1/2, 0.044715 is 8943/200000."""
    e = sp.sympify(e)
    return e.xreplace({decimal: _fraction(float(decimal)) for decimal in e.atoms(sp.Float)})


def _fraction(x: float) -> sp.Expr:
    near = Fraction(x).limit_denominator(10**6)
    return (
        sp.Rational(near.numerator, near.denominator) if abs(float(near) - x) <= 1e-14 * abs(x) else sp.Rational(str(x))
    )


def _call(role: str, function: Callable[..., Any], arguments: Mapping[str, Any], sizes: str) -> Any:
    """The function of those arguments that it names."""
    signature = inspect.signature(function)
    bound = signature.bind(**{name: value for name, value in arguments.items() if name in signature.parameters})
    with _told(role, sizes):
        return function(*bound.args, **bound.kwargs)


@contextmanager
def _told(role: str, sizes: str) -> Iterator[None]:
    """What goes wrong inside is told with a hint; its traceback is kept."""
    try:
        yield
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        hints = [hint for pattern, hint in HINTS.items() if re.search(pattern, message)]
        told = f"{role} fails on matrices of {sizes}: {message}"
        raise NervaError("; ".join([told, *hints[:1]])) from error


# A pattern of a message -> what was probably meant.
OF_NUMPY = "use the functions of nerva_py.matrix, such as exp and apply, not those of NumPy"
OF_MATH = "use the functions of nerva_py.matrix.scalars, such as exp, not those of math"
COMPARE = "compare numbers, in a function that apply takes, not matrices"
CHOOSE = "choose between two cases with where(condition, a, b) of nerva_py.matrix.scalars"
UNCHANGED = "a function may not change its arguments; make a new matrix"
HADAMARD = "for the product element by element use hadamard, as * is for scalars"
HINTS = {
    "Cannot set values|read-only|not support item assignment": UNCHANGED,
    "truth value of Relational": CHOOSE,
    r"unsupported operand type.*(Than|Relational|Equality|Boolean)": CHOOSE,
    r"mismatch: (\(\d+, \d+\)) \* \1": HADAMARD,
    r"mismatch: .* \* ": "in A @ B, A must have as many columns as B has rows; is the transpose B.T meant?",
    r"mismatch: .* \+ ": "a row (1, D) is added to each of N rows by row_repeat(b, N), a column by column_repeat",
    "NonSquareMatrix": "the square of each element is hadamard(X, X)",
    "no attribute 'mean'": "means are columns_mean(X), (1, D), and rows_mean(X), (N, 1)",
    "no attribute 'sum'": "sums are columns_sum(X), (1, D), rows_sum(X), (N, 1), and elements_sum(X)",
    "no attribute 'max'": "maxima are rows_max(X), (N, 1), and columns_max(X), (1, D)",
    "for [+-]: ": "a matrix and a number cannot be added or subtracted; use ones or row_repeat",
    "Invalid comparison|not supported between instances of": COMPARE,
    "loop of ufunc": OF_NUMPY,
    "must be real number|annot convert expression to float": OF_MATH,
}


def _arguments(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters


def _is_size(size: Any) -> bool:
    return (
        size > 0
        if isinstance(size, int) and not isinstance(size, bool)
        else isinstance(size, str) and size.isidentifier()
    )


def _described(value: Any) -> str:
    return "None: does its last line lack a return?" if value is None else f"{type(value).__name__} {value}"


def _as_matrix(value: Any, symbolic: bool) -> Any:
    """A number as a 1×1 matrix; what already is a matrix, or no number, as it is."""
    if isinstance(value, Size):
        value = value.expression
    if value is None or hasattr(value, "shape"):
        return value
    return IndexedMatrix(1, 1, lambda i, j: sp.sympify(value)) if symbolic else sp.Matrix([[value]])
