"""What can be read in the code of a function: the numbers that occur in it, and whether it may be more than a function."""

from __future__ import annotations

import dis
from collections import deque
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

# Names by which code asks what it is called with, or what was before. None of them is needed for an equation.
ASKS = {
    "isinstance", "issubclass", "type", "hasattr", "getattr", "setattr", "vars", "id", "globals", "locals", "eval", "exec",
    "__class__", "__dict__", "random", "default_rng", "time", "perf_counter",
}  # fmt: skip
# What changes an object that other calls see, too.
CHANGES = {
    "append", "appendleft", "extend", "insert", "pop", "popleft", "remove", "clear", "update", "setdefault", "add",
}  # fmt: skip
MUTABLE = (list, dict, set, bytearray, deque, np.ndarray)
WRITES = {"STORE_GLOBAL": "global variable", "DELETE_GLOBAL": "global variable", "STORE_ATTR": "attribute"}
LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_ATTR", "LOAD_METHOD")
LARGEST = 10**6


def numbers_in(*functions: Callable[..., Any]) -> set[float]:
    """The numbers that occur in functions and in what they call: thresholds may be among them. 0 and 1 always are."""
    found: set[float] = {0.0, 1.0}
    for code, reached in _reached(functions):
        for value in _parts([*code.co_consts, *reached.values()]):
            if type(value) in (int, float) and abs(value) <= LARGEST:
                found.add(abs(float(value)))
    return found


def _parts(values: list[Any], depth: int = 2) -> Iterator[Any]:
    """The values, and what stands in small containers and in objects of the user."""
    for value in values:
        yield value
        if depth and isinstance(value, tuple | list | set | frozenset | dict) and len(value) <= 20:
            inner = [*value, *value.values()] if isinstance(value, dict) else list(value)
            yield from _parts(inner, depth - 1)
        elif depth and not isinstance(value, FunctionType | ModuleType | CodeType) and not _of_a_library(type(value)):
            yield from _parts(list(getattr(value, "__dict__", {}).values())[:20], depth - 1)


def what_it_keeps(*functions: Callable[..., Any]) -> list[str]:
    """Reasons to doubt that the result depends on the arguments alone, and in the same way on all carriers."""
    reasons = []
    for code, reached in _reached(functions):
        shared = {name for name, value in reached.items() if isinstance(value, MUTABLE)}
        steps = list(dis.get_instructions(code))
        for place, step in enumerate(steps):
            if what := _doubtful(code, step) or _writes(steps[place : place + 3], shared):
                reasons.append(
                    f"{code.co_name} {what}: whether it is the same function on symbols and on numbers is not decided"
                )
    return reasons


def _doubtful(code: CodeType, step: dis.Instruction) -> str:
    if step.opname in WRITES:
        return f"writes to the {WRITES[step.opname]} {step.argval}"
    if step.opname == "STORE_DEREF" and step.argval in code.co_freevars:
        return f"writes to {step.argval}, a variable outside of it"
    if step.opname in LOADS and step.argval in ASKS:
        return f"uses {step.argval}"
    return {"MATCH_CLASS": "matches the type of an object", "PUSH_EXC_INFO": "catches exceptions"}.get(step.opname, "")


def _writes(steps: list[dis.Instruction], shared: set[str]) -> str:
    """Whether three instructions change one of these objects: by a method, or object, key and store (for += a copy of both)."""
    first, *rest = steps
    if len(rest) < 2 or first.opname not in ("LOAD_GLOBAL", "LOAD_DEREF") or first.argval not in shared:
        return ""
    by_method = rest[0].opname in LOADS and rest[0].argval in CHANGES
    by_key = rest[1].opname in ("STORE_SUBSCR", "DELETE_SUBSCR", "COPY")
    return f"writes to {first.argval}, an object outside of it" if by_method or by_key else ""


def _reached(functions: tuple[Callable[..., Any], ...]) -> Iterator[tuple[CodeType, dict[str, Any]]]:
    """The code of these functions and of those of the user that they reach, each with what it refers to, by name."""
    seen: set[int] = set()
    waiting: list[Any] = list(functions)
    while waiting:
        function = waiting.pop()
        for inner in ("__wrapped__", "func", "__func__"):  # of a decorator, a partial function, a method
            function = getattr(function, inner, function)
        if not isinstance(function, FunctionType | type):  # an object that can be called
            function = vars(type(function)).get("__call__", function)
        if not isinstance(function, FunctionType) or id(function) in seen or _of_a_library(function):
            continue
        seen.add(id(function))
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        outside = {name: cell.cell_contents for name, cell in cells if _filled(cell)}
        outside |= {f"default {k}": value for k, value in enumerate(function.__defaults__ or ())}
        outside |= function.__kwdefaults__ or {}
        for code in _nested(function.__code__):
            values = outside | {n: function.__globals__[n] for n in code.co_names if n in function.__globals__}
            modules = [value for value in values.values() if isinstance(value, ModuleType) and not _of_a_library(value)]
            values |= {f"{m.__name__}.{n}": vars(m)[n] for m in modules for n in code.co_names if n in vars(m)}
            yield code, values
            waiting += values.values()


def _of_a_library(what: Any) -> bool:
    name = what.__name__ if isinstance(what, ModuleType) else getattr(what, "__module__", None) or ""
    return name.partition(".")[0] in ("nerva_py", "sympy", "numpy", "scipy", "math", "builtins")


def _filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)
