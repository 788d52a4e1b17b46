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
    implementation of its own. `on` is the position of the argument whose type decides.
    """

    def __init__(self, definition: Callable[..., Any], on: int = 0):
        functools.update_wrapper(self, definition)
        self.definition = definition
        self.on = on
        self._implementations: dict[type, Callable[..., Any]] = {}
        self._resolved: dict[type, Callable[..., Any]] = {}

    def __call__(self, *arguments: Any) -> Any:
        carrier = type(arguments[self.on])
        implementation = self._resolved.get(carrier)
        if implementation is None:
            implementation = self._resolved[carrier] = self.dispatch(carrier)
        return implementation(*arguments)

    def register(self, carrier: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorator: the implementation for one carrier."""

        def add(implementation: Callable[..., Any]) -> Callable[..., Any]:
            self._implementations[carrier] = implementation
            self._resolved.clear()
            return implementation

        return add

    def dispatch(self, carrier: type) -> Callable[..., Any]:
        """The implementation that serves `carrier`: its own, that of a base class, or the definition."""
        module = LAZY_CARRIERS.get(carrier.__module__.partition(".")[0])
        if module:
            importlib.import_module(module)
        for base in carrier.__mro__:
            if base in self._implementations:
                return self._implementations[base]
        return self.definition


def primitive(on: int = 0) -> Callable[[Callable[..., Any]], Primitive]:
    """Decorator: make a definition an entry of the table, dispatched on the argument at position `on`."""
    return lambda definition: Primitive(definition, on)


def undefined(name: str, carrier: Any) -> TypeError:
    """The error for a primitive that has no definition in terms of others and is not implemented for a carrier."""
    return TypeError(f"{name} is not implemented for matrices of type {type(carrier).__name__}")
