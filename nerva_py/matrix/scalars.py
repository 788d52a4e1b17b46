"""Functions of one number, from which activations and updates are written.

Each works on a Python or NumPy number, on a SymPy expression, and inside a compiled kernel: the same function is executed
by the trainer and differentiated by SymPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from numba.extending import overload, register_jitable

scalar_function = register_jitable
"""Decorator: allow a function of numbers, written in plain Python, inside compiled kernels."""


def _is_symbolic(x: Any) -> bool:
    return type(x).__module__.partition(".")[0] == "sympy"


def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, else b."""
    if _is_symbolic(condition):
        from sympy import Piecewise

        return Piecewise((a, condition), (b, True))
    return a if condition else b


@overload(where)  # LLVM inlines it; nested, Numba's own inlining loses variables
def _where(condition, a, b):  # type: ignore[no-untyped-def]
    return lambda condition, a, b: a if condition else b


def maximum(a: Any, b: Any) -> Any:
    """The larger one of a and b."""
    if _is_symbolic(a):
        from sympy import Max

        return Max(a, b)
    return a if a > b else b


@overload(maximum)
def _maximum(a, b):  # type: ignore[no-untyped-def]
    return lambda a, b: a if a > b else b


def _unary(name: str, numeric: Callable[[float], float]) -> Callable[[Any], Any]:
    def function(x: Any) -> Any:
        if _is_symbolic(x):
            import sympy

            return getattr(sympy, name)(x) if hasattr(sympy, name) else sympy.log(1 + x)
        return numeric(x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{name}(x) of a number or a SymPy expression."

    @overload(function)
    def _compiled(x):  # type: ignore[no-untyped-def]
        return lambda x: numeric(x)

    return function


exp = _unary("exp", math.exp)
log = _unary("log", math.log)
log1p = _unary("log1p", math.log1p)
sqrt = _unary("sqrt", math.sqrt)
tanh = _unary("tanh", math.tanh)
cos = _unary("cos", math.cos)
