"""What can be read in the code of a function: the numbers that occur in it, and whether it may be more than a function."""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

# Names by which code asks what it is called with, or what was before. None of them is needed for an equation.
ASKS = {
    "isinstance", "issubclass", "type", "hasattr", "getattr", "setattr", "vars", "id", "globals", "locals", "eval", "exec",
    "__class__", "__dict__", "random", "default_rng", "time", "perf_counter",
}  # fmt: skip
WRITES = {"STORE_GLOBAL": "global variable", "DELETE_GLOBAL": "global variable", "STORE_ATTR": "attribute"}
LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_ATTR", "LOAD_METHOD")
LARGEST = 10**6


def numbers_in(*functions: Callable[..., Any]) -> set[float]:
    """The numbers that occur in functions and in what they call: thresholds may be among them. 0 and 1 always are."""
    found: set[float] = {0.0, 1.0}
    for code, reached in _reached(functions):
        values = [*code.co_consts, *reached]
        found |= {abs(float(x)) for x in values if type(x) in (int, float) and abs(x) <= LARGEST}
    return found


def what_it_keeps(*functions: Callable[..., Any]) -> list[str]:
    """Reasons to doubt that the result depends on the arguments alone, and in the same way on all carriers."""
    reasons = []
    for code, _ in _reached(functions):
        for step in dis.get_instructions(code):
            where = f"{code.co_name} {{}}: whether it is the same function on symbols and on numbers is not decided"
            if step.opname in WRITES:
                reasons.append(where.format(f"writes to the {WRITES[step.opname]} {step.argval}"))
            elif step.opname == "STORE_DEREF" and step.argval in code.co_freevars:
                reasons.append(where.format(f"writes to {step.argval}, a variable outside of it"))
            elif step.opname in LOADS and step.argval in ASKS:
                reasons.append(where.format(f"uses {step.argval}"))
    return reasons


def _reached(functions: tuple[Callable[..., Any], ...]) -> Iterator[tuple[CodeType, list[Any]]]:
    """The code of these functions and of those of the user that they reach, each with the values that it refers to."""
    seen: set[int] = set()
    waiting: list[Any] = list(functions)
    while waiting:
        function = waiting.pop()
        for inner in ("__wrapped__", "func", "__func__"):  # of a decorator, a partial function, a method
            function = getattr(function, inner, function)
        if not isinstance(function, FunctionType) or id(function) in seen or _of_a_library(function):
            continue
        seen.add(id(function))
        cells = [cell.cell_contents for cell in function.__closure__ or () if _filled(cell)]
        defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
        for code in _nested(function.__code__):
            values = [*cells, *defaults, *(function.__globals__[n] for n in code.co_names if n in function.__globals__)]
            yield code, values
            waiting += values


def _of_a_library(function: FunctionType) -> bool:
    return function.__module__.partition(".")[0] in ("nerva_py", "sympy", "numpy")


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
