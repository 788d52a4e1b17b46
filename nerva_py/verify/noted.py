"""Arrays on which functions of one number are called as they are written, one number at a time; what is called is noted.

Nothing is compiled, and a function may be any Python: where it is not defined, the result is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nerva_py.matrix import dense
from nerva_py.matrix import primitives as table


class Numbers(np.ndarray):
    """An array on which functions of one number are called as they are written; those that are called are noted."""


@dataclass
class Calls:
    """What is called: functions of one number with their parameters, in order, and whether a maximum is taken."""

    functions: dict[tuple[Callable[..., Any], tuple[Any, ...]], None] = field(default_factory=dict)
    maximum: bool = False


_noted: list[Calls] = []


@contextmanager
def noting(calls: Calls) -> Iterator[None]:
    """Inside of the `with` block, what is called is noted."""
    _noted.append(calls)
    try:
        yield
    finally:
        _noted.pop()


@table.apply.register(Numbers)
def apply(f: Callable[..., Any], X: np.ndarray, *parameters: float) -> np.ndarray:
    for noted in _noted[-1:]:
        noted.functions[f, parameters] = None

    def value(x: float) -> float:
        try:
            result = f(x, *parameters)
            return float("nan") if isinstance(result, complex) else float(result)
        except (OverflowError, ZeroDivisionError):
            return float("nan")
        except ValueError as error:  # of `math`, where a function is not defined
            if "math" in str(error):
                return float("nan")
            raise

    return np.fromiter(map(value, X.ravel().tolist()), np.float64, X.size).reshape(X.shape).view(Numbers)


table.hadamard_apply.register(Numbers)(table.hadamard_apply.definition)
table.columns_sum.register(Numbers)(dense.columns_sum)
table.row_repeat.register(Numbers)(lambda x, m: np.broadcast_to(x, (m, x.shape[1]), subok=True))
table.column_repeat.register(Numbers)(lambda x, n: np.broadcast_to(x, (x.shape[0], n), subok=True))


def _largest(X: np.ndarray, axis: int) -> np.ndarray:
    for noted in _noted[-1:]:
        noted.maximum = True
    largest: np.ndarray = np.maximum.reduce(X, axis=axis, keepdims=True)
    return largest


table.rows_max.register(Numbers)(lambda X: _largest(X, 1))
table.columns_max.register(Numbers)(lambda X: _largest(X, 0))
for _primitive, _made in ((table.zeros, dense.zeros), (table.ones, dense.ones), (table.identity, dense.identity)):
    _primitive.register(Numbers)(lambda *like, made=_made: made(*like).view(Numbers))
