"""Answers that know nothing of an exercise, made of the right one: what a student tries who guesses."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Function = Callable[..., Any]


def degenerate(right: Function) -> Iterator[tuple[str, Function]]:
    """(what it does, function). Where such an answer cannot be made of a result, that is not changed."""
    for change in (
        zero, negative, twice, nearly, one_more, transposed, reversed_order, all_alike, largest_is_zero, not_a_number,
    ):  # fmt: skip
        yield change.__name__, _changed(right, change)
    yield "always the first", _first(right)
    yield "the first argument", _named(right, lambda *arguments, **named: next(iter([*arguments, *named.values()]), 0))


def _changed(right: Function, change: Function) -> Function:
    return _named(right, lambda *arguments, **named: _each(change, right(*arguments, **named)))


def _named(right: Function, function: Function) -> Function:
    return functools.wraps(right)(function)


def _first(right: Function) -> Function:
    kept: list[Any] = []

    def first(*arguments: Any, **named: Any) -> Any:
        if not kept:
            kept.append(right(*arguments, **named))
        return kept[0]

    return _named(right, first)


def _each(change: Function, result: Any) -> Any:
    if isinstance(result, tuple):
        return tuple(_each(change, part) for part in result)
    if isinstance(result, list):
        return [_each(change, part) for part in result] if change is not reversed_order else result[::-1]
    return change(result)


def zero(x: Any) -> Any:
    return 0 * x


def negative(x: Any) -> Any:
    return not x if isinstance(x, bool | np.bool_) else -x


def twice(x: Any) -> Any:
    return 2 * x


def nearly(x: Any) -> Any:
    return x * 1.001


def one_more(x: Any) -> Any:
    return x + 1 if isinstance(x, int | float | np.ndarray | np.generic) else 3 * x


def transposed(x: Any) -> Any:
    return x.T if len(getattr(x, "shape", ())) > 1 else -x


def reversed_order(x: Any) -> Any:
    return x[..., ::-1] if isinstance(x, np.ndarray) and x.ndim and x.shape[-1] > 1 else -x


def all_alike(x: Any) -> Any:
    return np.full_like(x, x.mean()) if isinstance(x, np.ndarray) and x.size else 0 * x


def largest_is_zero(x: Any) -> Any:
    if not isinstance(x, np.ndarray) or not x.size:
        return 0 * x
    x = x.copy()
    x.flat[np.argmax(abs(x))] = 0
    return x


def not_a_number(x: Any) -> Any:
    return x * float("nan")
