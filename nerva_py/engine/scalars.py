"""Functions of one number inside compiled kernels: what those of `matrix.scalars`, and a user's own, compile to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.extending import overload, register_jitable

from nerva_py.matrix import scalars

_known: set[Callable[..., Any]] = set()
_seen: list[Callable[..., Any]] = []


def compilable(f: Callable[..., Any]) -> Callable[..., Any]:
    """f, which compiled kernels may call from now on."""
    if f not in _known:
        _known.add(f)
        register_jitable(f)
    return f


def know_scalar_functions() -> None:
    """Let kernels call everything that `scalar_function` has decorated."""
    for f in scalars.scalar_functions[len(_seen) :]:
        _seen.append(f)
        compilable(f)


@overload(scalars.where)  # LLVM inlines it; nested, Numba's own inlining loses variables
def _where(condition, a, b):
    return lambda condition, a, b: a if condition else b


@overload(scalars.maximum)
def _maximum(a, b):
    return lambda a, b: a if a > b else b


def _unary(function: Callable[..., Any], numeric: Callable[[float], float]) -> None:
    @overload(function)
    def compiled(x):
        return lambda x: numeric(x)


for _function, _numeric in scalars.UNARY.values():
    _unary(_function, _numeric)
