"""What counts as a number, wherever one is given: those of Python, NumPy and others, arrays without dimensions among them.

Truth values and texts are none. What is used, kept and written is always Python's own `int` or `float`, so that a run with
`np.float32(0.5)` is compiled, saved and resumed as one with 0.5.
"""

from __future__ import annotations

import math
import numbers
import operator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .errors import NervaError, ShapeError

REAL = "?bBhHiIlLqQfd"  # characters of the element types that are computed with, or converted to such


def as_integer(value: Any) -> int | None:
    """The integer that it is; None for anything else, a number such as 2.0 included."""
    value = _scalar(value)
    if isinstance(value, bool | np.bool_):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def as_real(value: Any) -> float | None:
    """The number that it is, which may be infinite or NaN; None for anything else."""
    value = _scalar(value)
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        return None
    number: Any = value
    try:
        return float(number)
    except OverflowError:  # an integer of more than 308 digits
        return math.inf if number > 0 else -math.inf


def integer(
    name: str, value: Any, least: int | None = None, most: int | None = None, allowed: str | None = None
) -> int:
    """`value` as an integer within these bounds. Raises NervaError, which names the argument and says what is allowed."""
    number = as_integer(value)
    if number is None or (least is not None and number < least) or (most is not None and number > most):
        bounds = (
            f" from {least} to {most}" if most is not None else f" of at least {least}" if least is not None else ""
        )
        raise NervaError(f"{name} must be {allowed or f'an integer{bounds}'}, not {value!r}")
    return number


def real(
    name: str,
    value: Any,
    least: float | None = None,
    most: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
    allowed: str | None = None,
) -> float:
    """`value` as a finite number within these bounds, of which `above` and `below` are not allowed themselves.

    Raises NervaError, which names the argument and says what is allowed.
    """
    number = as_real(value)
    inside = (
        number is not None
        and math.isfinite(number)
        and (least is None or number >= least)
        and (most is None or number <= most)
        and (above is None or number > above)
        and (below is None or number < below)
    )
    if number is None or not inside:
        raise NervaError(f"{name} must be {allowed or _bounds(least, most, above, below)}, not {value!r}")
    return number


def optional_integer(name: str, value: Any, least: int) -> int | None:
    """As `integer`; or None."""
    return None if value is None else integer(name, value, least)


def seed(value: Any) -> Any:
    """A seed as NumPy takes it: None, an integer of at least 0; or what makes random numbers already."""
    made = np.random.Generator | np.random.BitGenerator | np.random.SeedSequence
    return value if value is None or isinstance(value, made) else integer("seed", value, 0)


def element_type(dtype: DTypeLike, name: str = "dtype") -> np.dtype:
    """float32 or float64, in the order of this machine's bytes, whichever the given one has. Raises ShapeError."""
    try:
        given = np.dtype(dtype)
    except TypeError:
        raise ShapeError(f"{name} must be float32 or float64, not {dtype!r}") from None
    if given.char not in "fd":
        raise ShapeError(f"{name} must be float32 or float64, not {given}")
    return given.newbyteorder("=")


def real_array(name: str, array: np.ndarray, error: type[NervaError] = NervaError) -> np.ndarray:
    """The array, in the order of this machine's bytes. Raises `error` as `check_real` does."""
    check_real(name, array, error)
    return native(array)


def check_real(name: str, matrix: Any, error: type[NervaError] = NervaError) -> None:
    """Raises `error` unless the numbers of an array or a sparse matrix are float32, float64, integers or booleans."""
    if matrix.dtype.char not in REAL:
        given = f"shape {matrix.shape}, dtype {matrix.dtype}"
        raise error(f"{name}: {given}; float32, float64, integers and booleans are allowed, others after an astype")


def native(array: np.ndarray) -> np.ndarray:
    """The array in the order of this machine's bytes, copied only if it is not."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def plain(value: Any) -> Any:
    """A NumPy scalar as Python's number; anything else, a symbol for instance, as it is."""
    return value.item() if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 else value


def _scalar(value: Any) -> Any:
    """What is in an array, or tensor, without dimensions."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item") and not isinstance(value, np.number):
        return value.item()
    return value


def _bounds(least: float | None, most: float | None, above: float | None, below: float | None) -> str:
    if least is not None and most is not None:
        return f"a number from {least:g} to {most:g}"
    if above == 0 and most is None and below is None:
        return "a positive finite number"
    low = f"of at least {least:g}" if least is not None else f"of more than {above:g}" if above is not None else ""
    high = f"at most {most:g}" if most is not None else f"less than {below:g}" if below is not None else ""
    if not high:
        return f"a finite number {low}".rstrip()
    return f"a number {' and '.join(filter(None, [low, high]))}"
