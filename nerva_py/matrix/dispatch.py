"""Dispatch of the primitives on the carrier, that is, on the type of matrix they are called with."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

# Carriers whose implementations are imported when the first matrix of that kind turns up: package of the type -> module.
LAZY_CARRIERS = {"sympy": "nerva_py.matrix.symbolic"}


class Primitive:
    """One entry of the table of primitives.

    The decorated function is its *definition*, in terms of other primitives; it serves every carrier that registers no
    implementation of its own. `on` is the position of the argument whose type decides; a product of two matrices that may
    both be stored in several ways has a second one, `also`, whose type decides among the implementations for the first.
    """

    def __init__(self, definition: Callable[..., Any], on: int = 0, also: int | None = None):
        functools.update_wrapper(self, definition)
        self.definition = definition
        self.on = on
        self.also = also
        self._implementations: dict[type, dict[type, Callable[..., Any]]] = {}
        self._resolved: dict[Any, Callable[..., Any]] = {}  # by a type, or by the two types

    def __call__(self, *arguments: Any) -> Any:
        carriers: Any = type(arguments[self.on])
        if self.also is not None:
            carriers = carriers, type(arguments[self.also])
        implementation = self._resolved.get(carriers) or self._resolve(carriers)
        return implementation(*arguments)

    def _resolve(self, carriers: Any) -> Callable[..., Any]:
        self._resolved[carriers] = self.dispatch(*(carriers if isinstance(carriers, tuple) else (carriers,)))
        return self._resolved[carriers]

    def __reduce__(self) -> str:
        """Pickled and copied as functions are: by its name, so there is one of it in a process."""
        return self.definition.__qualname__

    def register(self, carrier: type, other: type = object) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorator: the implementation for one carrier, and for one type of the argument at `also` if it is given."""

        def add(implementation: Callable[..., Any]) -> Callable[..., Any]:
            self._implementations.setdefault(carrier, {})[other] = implementation
            self._resolved.clear()
            return implementation

        return add

    def dispatch(self, carrier: type, other: type = object) -> Callable[..., Any]:
        """The implementation that serves these types: their own, that of a base class, or the definition."""
        module = LAZY_CARRIERS.get(carrier.__module__.partition(".")[0])
        if module:
            importlib.import_module(module)
        for base in carrier.__mro__:
            for other_base in other.__mro__:
                if other_base in self._implementations.get(base, {}):
                    return self._implementations[base][other_base]
        return self.definition


def primitive(on: int = 0, also: int | None = None) -> Callable[[Callable[..., Any]], Primitive]:
    """Decorator: make a definition an entry of the table, dispatched on the argument at position `on` (and at `also`)."""
    return lambda definition: Primitive(definition, on, also)


def undefined(name: str, carrier: Any) -> TypeError:
    """The error for a primitive that has no definition in terms of others and is not implemented for a carrier."""
    return TypeError(f"{name} is not implemented for matrices of type {type(carrier).__name__}")
