"""Check the answer to an exercise: is the function right, and if not, what is wrong?

def my_linear(X, W, b):  return X @ W + b

print(check_function(my_linear, linear, {"X": ("N", "D"), "W": ("K", "D"), "b": (1, "K")}))
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nerva_py.errors import NervaError
from nerva_py.matrix import Outer

from .check_layer import check_layer
from .layer_functions import Shape, values_on
from .prover import Derivatives

# Numbers for the sizes: no two equal, so that a transpose or a wrong axis cannot hide, and each of the first three once 1.
SIZES = ((2, 3, 4, 5, 6, 7), (1, 3, 2, 4, 5, 6), (3, 1, 2, 4, 5, 6), (3, 2, 1, 4, 5, 6), (5, 4, 3, 1, 2, 6))
LONGEST_ARGUMENTS = 300  # characters of the arguments that are shown


@dataclass(frozen=True)
class FunctionCheck:
    """What `check_function` or `check_backward` found. It is true if the function is right; as a string, it says what is wrong.

    `answered` is false if the function still returns None. `arguments` are those at which it went wrong.
    """

    name: str
    right: bool
    message: str
    answered: bool = True
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        return self.message

    __repr__ = __str__


def check_function(
    function: Callable[..., Any],
    reference: Callable[..., Any],
    inputs: Mapping[str, Any],
    *,
    hint: str = "",
    seed: int = 0,
    rtol: float = 1e-6,
) -> FunctionCheck:
    """Call `function` and `reference` with the same arguments, in the order of `inputs`, and compare what they return.

    An input is a shape in names of sizes and numbers, such as ("N", "D") or (1, "K"), () for a number: float64 numbers are
    drawn for it, at several sizes that all differ. Or it is a callable rng -> value, or a value of its own. What is returned
    may be a number, an array, a sparse matrix, an `Outer`, or a tuple of these; an `Outer` counts with its values, those on
    the support if an argument of its shape has one. `rtol` is relative to the largest expected number.
    `hint` is added to what is said of a wrong answer. Raises NervaError for a shape that is none.
    """
    name = getattr(function, "__name__", "the function")
    letters = _letters(inputs)
    modified = None
    tried = []
    for trial, numbers in enumerate(SIZES):
        sizes = dict(zip(letters, numbers, strict=False))
        arguments = _arguments(inputs, sizes, np.random.default_rng((seed, trial)))
        expected = _values(reference(*copy.deepcopy(arguments).values()), arguments)
        given_to = copy.deepcopy(arguments)
        try:
            given = _values(function(*given_to.values()), arguments)
        except Exception as error:  # noqa: BLE001  a student's function may fail in any way
            problem = f"raises {type(error).__name__}: {error}{_at(sizes)}"
        else:
            if given is None:
                return _unanswered(name)
            problem = _problem(expected, given, rtol, sizes)
        if problem:
            message = f"✗ {name} {problem}\n    {_told(arguments)}"
            return FunctionCheck(name, False, _with_hint(message, hint), True, arguments)
        modified = modified or next((key for key in inputs if _differs(arguments[key], given_to[key])), None)
        tried.append(numbers[: len(letters)])
    if modified:
        message = f"✗ {name} returns what it should, but modifies its argument {modified}; work on a copy"
        return FunctionCheck(name, False, _with_hint(message, hint))
    return FunctionCheck(name, True, f"✓ {name} is right" + _where(letters, tried))


def check_backward(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Mapping[str, Shape],
    parameters: Mapping[str, Shape] | None = None,
    *,
    hint: str = "",
    derivatives: Derivatives | None = None,
) -> FunctionCheck:
    """`check_layer` for an exercise, with the same arguments: proves the gradients of `backward` for every size.

    A function that still returns None is not answered; what `check_layer` raises is told. `hint` is added to what is said of
    a wrong answer.
    """
    name = getattr(backward, "__name__", "the function")
    unanswered = []

    def watched(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)  # check_layer looks at the names of its arguments
        def call(*arguments: Any, **named: Any) -> Any:
            result = function(*arguments, **named)
            if result is None:
                unanswered.append(getattr(function, "__name__", "the function"))
            return result

        return call

    try:
        report = check_layer(watched(forward), watched(backward), inputs, parameters, derivatives)
    except NervaError as error:
        if unanswered:
            return _unanswered(unanswered[0])
        return FunctionCheck(name, False, _with_hint(f"✗ {name}: {error}", hint))
    return FunctionCheck(name, bool(report), str(report) if report else _with_hint(str(report), hint))


def _unanswered(name: str) -> FunctionCheck:
    return FunctionCheck(name, False, f"not answered yet: `{name}` returns None", answered=False)


# ----------------------------------------------------------------------------------------------------------- the arguments


def _letters(inputs: Mapping[str, Any]) -> list[str]:
    """The names of sizes, in the order in which they occur."""
    letters: dict[str, None] = {}
    for name, shape in inputs.items():
        if not isinstance(shape, tuple):
            continue
        for size in shape:
            if not (size.isidentifier() if isinstance(size, str) else isinstance(size, int) and size >= 0):
                raise NervaError(f"the shape of {name} must be a tuple such as ('N', 'D') or (1, 'K'), not {shape!r}")
        letters.update(dict.fromkeys(size for size in shape if isinstance(size, str)))
    if len(letters) > len(SIZES[0]):
        raise NervaError(f"at most {len(SIZES[0])} names of sizes are allowed, not {', '.join(letters)}")
    return list(letters)


def _arguments(inputs: Mapping[str, Any], sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, Any]:
    """A value for each input. Two decimals are enough to tell functions apart, and can be read in a message; no −0."""
    arguments = {}
    for name, what in inputs.items():
        if isinstance(what, tuple):
            numbers = rng.standard_normal([sizes[size] if isinstance(size, str) else size for size in what])
            arguments[name] = np.round(numbers, 2) + 0.0 if what else float(np.round(numbers, 2))
        else:
            arguments[name] = what(rng) if callable(what) else copy.deepcopy(what)
    return arguments


# ---------------------------------------------------------------------------------------------------------- the comparison


def _values(result: Any, arguments: Mapping[str, Any]) -> Any:
    """What was returned, with the values of each `Outer` in its place."""
    if isinstance(result, tuple | list) and any(isinstance(one, Outer) for one in result):
        return tuple(_values(one, arguments) for one in result)
    if not isinstance(result, Outer):
        return result
    weights = (X for X in arguments.values() if hasattr(X, "support") and X.shape == result.shape)
    return values_on(next(weights, None), result)


def _problem(expected: Any, given: Any, rtol: float, sizes: Mapping[str, int]) -> str:
    """What is wrong with what was returned, empty if nothing is."""
    if not isinstance(expected, tuple):
        return _problem_of_one(expected, given, rtol, sizes)
    if not isinstance(given, tuple | list):
        return f"must return {len(expected)} values, not {_described(given)}{_at(sizes)}"
    if len(given) != len(expected):
        return f"must return {len(expected)} values, not {len(given)}{_at(sizes)}"
    for position, (right, one) in enumerate(zip(expected, given, strict=True), 1):
        problem = _problem_of_one(right, one, rtol, sizes)
        if problem:
            return f"returns a wrong value {position} of {len(expected)}: {problem}"
    return ""


def _problem_of_one(expected: Any, given: Any, rtol: float, sizes: Mapping[str, int]) -> str:
    at = _at(sizes)
    right = _as_array(expected)
    if right is None:
        return "" if expected == given else f"returns {given!r}, expected {expected!r}{at}"
    array = _as_array(given)
    if array is None:
        return f"returns {_described(given)}, but {_kind(right)} is expected{at}"
    if array.shape != right.shape:
        guess = _guess_of_shape(right, array, rtol)
        return f"has shape {array.shape}, but {right.shape} is expected{at}{guess}"
    wrong = ~_close(right, array, rtol)
    if not wrong.any():
        return ""
    entry = tuple(int(i) for i in np.argwhere(wrong)[0])
    a, b = _distinct(array[entry], right[entry])
    place = f"has entry {entry} = {a}" if entry else f"returns {a}"
    share = "" if wrong.all() or wrong.size == 1 else f"; {wrong.sum()} of {wrong.size} entries are wrong"
    return f"{place}, expected {b}{at}{share}{_guess_of_value(right, array, rtol, sizes)}"


def _guess_of_shape(right: np.ndarray, array: np.ndarray, rtol: float) -> str:
    if array.shape == right.shape[::-1] and array.ndim == 2:
        return " (it is the transpose)" if _close(right, array.T, rtol).all() else " (is something transposed?)"
    if array.size == right.size and array.ndim < right.ndim:
        return " (keepdims=True or reshape make a matrix of it)"
    return " (is a sum over one of its indices missing, or one too many?)" if array.ndim == right.ndim else ""


def _guess_of_value(right: np.ndarray, array: np.ndarray, rtol: float, sizes: Mapping[str, int]) -> str:
    """What is wrong with all entries at once, where that can be said."""
    if right.ndim == 2 and right.shape == array.T.shape and _close(right, array.T, rtol).all():
        return " (it is the transpose)"
    if right.size == 1 or not (np.isfinite(right).all() and np.isfinite(array).all() and right.any()):
        return ""
    factor = float(np.vdot(right, array).real / np.vdot(right, right).real)
    if not array.any() or not _close(factor * right, array, rtol).all():
        return ""
    if abs(factor + 1) < rtol:
        return " (the sign of all entries is wrong)"
    known = {**sizes, **{f"1/{letter}": 1 / number for letter, number in sizes.items()}}
    size = next(
        (f", and {letter} is that number" for letter, number in known.items() if abs(factor - number) < rtol), ""
    )
    return f" (it is {factor:.6g} times the right one{size})"


def _close(right: np.ndarray, array: np.ndarray, rtol: float) -> Any:
    """Entry by entry; what is not finite must be the same."""
    finite = np.abs(right[np.isfinite(right)])
    return np.isclose(array, right, rtol=rtol, atol=rtol * float(finite.max(initial=0)), equal_nan=True)


def _as_array(value: Any) -> np.ndarray | None:
    """An array of numbers, None if it is none. A sparse matrix becomes a dense one."""
    if value is None or isinstance(value, str | bytes | Mapping):
        return None
    try:
        array = np.asarray(value.toarray() if hasattr(value, "toarray") else value)
    except ValueError:  # rows of different lengths
        return None
    return array.astype(complex if array.dtype.kind == "c" else float) if array.dtype.kind in "biufc" else None


def _differs(before: Any, after: Any) -> bool:
    """Whether an array was modified; of other arguments nothing is said."""
    first, second = (
        _as_array(value) if hasattr(value, "shape") or isinstance(value, list) else None for value in (before, after)
    )
    if first is None or second is None:
        return (first is None) != (second is None)
    return first.shape != second.shape or not np.array_equal(first, second, equal_nan=True)


# --------------------------------------------------------------------------------------------------------------- the words


def _at(sizes: Mapping[str, int]) -> str:
    return " at " + ", ".join(f"{letter}={number}" for letter, number in sizes.items()) if sizes else ""


def _kind(array: np.ndarray) -> str:
    return f"an array of shape {array.shape}" if array.shape else "a number"


def _described(value: Any) -> str:
    if value is None:
        return "None"
    return f"an array of shape {value.shape}" if hasattr(value, "shape") else f"{type(value).__name__} {value!r}"


def _distinct(a: Any, b: Any) -> tuple[str, str]:
    """Two numbers with enough digits to tell them apart."""
    texts = (f"{a:.4g}", f"{b:.4g}")
    return next((pair for d in (4, 8, 17) if len(set(pair := (f"{a:.{d}g}", f"{b:.{d}g}"))) == 2), texts)


def _told(arguments: Mapping[str, Any]) -> str:
    """The arguments on one line; if they are long, where they can be found."""
    long = any(isinstance(value, np.ndarray) and value.size > LONGEST_ARGUMENTS for value in arguments.values())
    line = "" if long else ", ".join(f"{name} = {_written(value)}" for name, value in arguments.items())
    if long or len(line) > LONGEST_ARGUMENTS:
        return "with the inputs in the `arguments` of this check"
    return f"with {line}"


def _written(value: Any) -> str:
    if inspect.isroutine(value):
        return f"a function {value.__name__}"
    text = np.array2string(value, separator=", ") if isinstance(value, np.ndarray) else repr(value)
    return " ".join(text.split())


def _where(letters: Sequence[str], tried: Sequence[tuple[int, ...]]) -> str:
    if not letters:
        return ""
    values = dict.fromkeys(", ".join(map(str, numbers)) for numbers in tried)
    return f" for {', '.join(letters)} in {', '.join(values if len(letters) == 1 else map('({})'.format, values))}"


def _with_hint(message: str, hint: str) -> str:
    return f"{message}\n    hint: {hint}" if hint else message
