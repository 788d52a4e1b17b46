"""Compiled kernels are kept on disk, and found again only while everything that they were compiled from is unchanged.

Numba looks at the file that a kernel stands in. A kernel here also calls functions of numbers from other files (a user's
own among them), and helpers that the compiler replaces by code of this package: an edit there must be noticed too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from numba.core.caching import FunctionCache


class KernelCache(FunctionCache):
    """Numba's cache with a key that covers the functions which a kernel calls, and the options it is compiled with."""

    def __init__(self, function: Callable[..., Any], options: Mapping[str, Any]):
        super().__init__(function)
        self._options = repr(
            [(name, sorted(value) if isinstance(value, set) else value) for name, value in sorted(options.items())]
        )

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        own = fingerprint(self._py_func), _package_fingerprint(), self._options
        return (*super()._index_key(sig, codegen), *own)


def fingerprint(function: Callable[..., Any]) -> str:
    """A hash of the code of a function and of all Python functions that it reaches through names and closures."""
    digest = hashlib.sha256()
    seen: set[int] = set()

    def visit(value: Any) -> None:
        if isinstance(value, CodeType):
            digest.update(value.co_code + repr(value.co_names).encode())
            for constant in value.co_consts:
                visit(constant)
        elif isinstance(value, FunctionType):
            if id(value) in seen:
                return
            seen.add(id(value))
            visit(value.__code__)
            for cell in value.__closure__ or ():
                visit(cell.cell_contents)
            for name in sorted(_names(value.__code__)):
                visit(value.__globals__.get(name))
        elif isinstance(value, int | float | str | tuple):
            digest.update(repr(value).encode())

    visit(function)
    return digest.hexdigest()


def _names(code: CodeType) -> set[str]:
    """Global names that the code or code nested in it refers to."""
    nested = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*(_names(constant) for constant in nested))


@cache
def _package_fingerprint() -> str:
    """A hash of this folder's sources, where the replacements for `column`, `where`, `exp` and so on are defined."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
