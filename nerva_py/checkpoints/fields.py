"""Reading the fields of a tree that somebody else may have written: each getter checks, and raises DataError."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nerva_py.errors import DataError

LARGEST = 1 << 62
_MISSING = object()


def field(tree: Any, key: str) -> Any:
    """What stands under the key."""
    value = tree.get(key, _MISSING) if isinstance(tree, dict) else _MISSING
    if value is _MISSING:
        raise DataError(f"malformed: has no {key!r} where one is needed")
    return value


def integer(tree: Any, key: str, least: int = 0) -> int:
    """An integer of at least `least`."""
    value = field(tree, key)
    if type(value) is not int or not least <= value < LARGEST:
        raise DataError(f"malformed: {key} is {value!r}; an integer of at least {least} is needed")
    return value


def number(tree: Any, key: str) -> float:
    """A finite number."""
    value = field(tree, key)
    if type(value) not in (int, float) or not math.isfinite(value):
        raise DataError(f"malformed: {key} is {value!r}; a number is needed")
    return float(value)


def optional_number(tree: Any, key: str) -> float | None:
    """A number, which a run that went wrong may have as infinite or NaN, or None."""
    value = field(tree, key)
    if value is not None and type(value) not in (int, float):
        raise DataError(f"malformed: {key} is {value!r}; a number or nothing is needed")
    return None if value is None else float(value)


def text(tree: Any, key: str) -> str:
    """A string."""
    value = field(tree, key)
    if not isinstance(value, str):
        raise DataError(f"malformed: {key} is {value!r}; a string is needed")
    return value


def flag(tree: Any, key: str) -> bool:
    """True or false."""
    value = field(tree, key)
    if type(value) is not bool:
        raise DataError(f"malformed: {key} is {value!r}; true or false is needed")
    return value


def items(tree: Any, key: str) -> list[Any]:
    """A list."""
    value = field(tree, key)
    if not isinstance(value, list):
        raise DataError(f"malformed: {key} is no list")
    return value


def sizes(tree: Any, key: str, count: int | None = None) -> list[int]:
    """Positive integers, `count` of them."""
    values = items(tree, key)
    good = all(type(n) is int and 0 < n < LARGEST for n in values)
    if not good or not values or (count is not None and len(values) != count):
        raise DataError(f"malformed: {key} is {values!r}; positive integers are needed")
    return values


def array(tree: Any, key: str, shape: tuple[int, ...] | None, kinds: str) -> np.ndarray:
    """An array of that shape (any vector for None) whose dtype is of one of these kinds; "f" is float32 or float64, and
    finite."""
    value = field(tree, key)
    if not isinstance(value, np.ndarray):
        raise DataError(f"malformed: {key} is no array")
    right_type = value.dtype.kind in kinds and (value.dtype.kind != "f" or value.dtype.char in "fd")
    if not right_type or (value.ndim != 1 if shape is None else value.shape != shape):
        wanted = "a vector" if shape is None else f"shape {shape}"
        raise DataError(f"malformed: {key} has shape {value.shape}, dtype {value.dtype}; {wanted} is needed")
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        raise DataError(f"{key} has values that are not finite")
    return value
