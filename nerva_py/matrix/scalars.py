"""Functions of one number, from which activations and updates are written.

Each works on a Python or NumPy number, on a SymPy expression, and inside a compiled kernel: the same function is executed
by the trainer and differentiated by SymPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Scalar = Callable[..., Any]
scalar_functions: list[Scalar] = []  # in the order in which they are decorated; `engine` compiles them


def scalar_function(f: Scalar) -> Scalar:
    """Decorator: allow a function of numbers, written in plain Python, inside compiled kernels."""
    scalar_functions.append(f)
    return f


def _is_symbolic(x: Any) -> bool:
    return type(x).__module__.partition(".")[0] == "sympy" or hasattr(x, "_sympy_")


def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, else b."""
    if _is_symbolic(condition):
        from sympy import Piecewise

        return Piecewise((a, condition), (b, True))
    return a if condition else b


def reciprocal(x: Any) -> Any:
    """1 / x"""
    return 1 / x


def maximum(a: Any, b: Any) -> Any:
    """The larger one of a and b."""
    if _is_symbolic(a) or _is_symbolic(b):
        from sympy import Max

        return Max(a, b)
    return a if a > b else b


UNARY: dict[
    str, tuple[Scalar, Callable[[float], float]]
] = {}  # by name: the function, and what computes it for a float


def _unary(name: str, numeric: Callable[[float], float]) -> Scalar:
    def function(x: Any) -> Any:
        if _is_symbolic(x):
            import sympy

            value = sympy.sympify(x)
            result = getattr(sympy, name)(value) if hasattr(sympy, name) else sympy.log(1 + value)
            return type(x)(result) if hasattr(x, "_sympy_") else result  # a size knows what it is asked
        return numeric(x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{name}(x) of a number or a SymPy expression."
    UNARY[name] = function, numeric
    return function


exp = _unary("exp", math.exp)
log = _unary("log", math.log)
log1p = _unary("log1p", math.log1p)
sqrt = _unary("sqrt", math.sqrt)
tanh = _unary("tanh", math.tanh)
cos = _unary("cos", math.cos)
