"""Specification strings as Nerva has them: `Name`, `Name(0.9)`, `Name(a=1, b=2)`, and lists `ReLU;ReLU;Linear`."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from nerva_py.errors import NervaError
from nerva_py.parts import find

Built = TypeVar("Built")
# Names of arguments in Nerva's Python versions, and ours.
SYNONYMS = {
    "Momentum": {"momentum": "mu"},
    "Nesterov": {"momentum": "mu"},
    "Normal": {"a": "mean", "b": "std"},
}
_CALL = re.compile(r"\s*([A-Za-z]\w*)\s*(?:\((.*)\))?\s*", re.DOTALL)


def build(what: str, spec: str, registry: Mapping[str, Callable[..., Built]], **place: Any) -> Built:
    """Call the factory that a spec string names with the arguments that it gives.

    `what` says in errors what is being specified. `place` is what the part's place in the network decides: a factory gets those
    that it has a parameter of that name for, and no spec gives them.
    """
    name, positional, named = parse(what, spec)
    known = find(what, name, registry)
    factory = registry[known]
    named = {SYNONYMS.get(known, {}).get(key, key): value for key, value in named.items()}
    parameters = inspect.signature(factory).parameters
    placed = {key: value for key, value in place.items() if key in parameters}
    given = inspect.Signature([parameter for key, parameter in parameters.items() if key not in placed])
    try:
        bound = given.bind(*positional, **named)
    except TypeError as error:
        raise NervaError(f"{what} {spec!r}: {error}; expected {known}{_arguments(given)}") from error
    try:
        return factory(**bound.arguments, **placed) if placed else factory(*positional, **named)
    except (TypeError, ValueError) as error:
        raise NervaError(f"{what} {spec!r}: {error}") from error


def parse(what: str, spec: str) -> tuple[str, list[Any], dict[str, Any]]:
    """(name, positional arguments, named arguments) of a spec string.

    Arguments are numbers, names or lists. They are separated by commas; or by semicolons, as in
    `MultiStepLR(0.1;50,75;0.1)`, and then a comma makes a list. `50|75` is a list in both.
    """
    match = _CALL.fullmatch(spec)
    if not match:
        raise NervaError(f"{what} {spec!r} must look like Name or Name(arguments)")
    name, inside = match[1], match[2] or ""
    if ";" in inside:
        pieces = [piece.strip() for piece in inside.split(";")]
        inside = ", ".join(_as_list(piece) if "," in piece else piece for piece in pieces)
    try:
        call = ast.parse(f"f({inside})", mode="eval").body
        assert isinstance(call, ast.Call)
        positional = [_literal(argument) for argument in call.args]
        named = {keyword.arg: _literal(keyword.value) for keyword in call.keywords if keyword.arg}
    except (SyntaxError, ValueError, AssertionError) as error:
        raise NervaError(f"{what} {spec!r}: cannot read the arguments ({inside})") from error
    return name, positional, named


def split(specs: str) -> list[str]:
    """The parts of a list that is separated by semicolons or commas; those inside parentheses do not separate."""
    parts, depth = [""], 0
    for character in specs:
        depth += (character == "(") - (character == ")")
        if character in ";," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def numbers(what: str, text: str, kind: Callable[[str], float] = float) -> list[Any]:
    """A list of numbers separated by semicolons (or commas)."""
    try:
        return [kind(part) for part in re.split(r"[;,]", text) if part.strip()]
    except ValueError as error:
        raise NervaError(f"{what} must be numbers separated by semicolons, not {text!r}") from error


def _as_list(argument: str) -> str:
    """`50,75` as `[50,75]`, `milestones=50,75` as `milestones=[50,75]`."""
    name, equals, value = argument.rpartition("=")
    return argument if value.strip().startswith("[") else f"{name}{equals}[{value}]"


def _literal(node: ast.expr) -> Any:
    """A number, string or list; a bare name is a string, and 50|75 is a list."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        left = _literal(node.left)
        return [*(left if isinstance(left, list) else [left]), _literal(node.right)]
    return ast.literal_eval(node)


def _arguments(signature: inspect.Signature) -> str:
    names = [
        name if parameter.default is parameter.empty else f"{name}={parameter.default}"
        for name, parameter in signature.parameters.items()
    ]
    return f"({', '.join(names)})" if names else " without arguments"
