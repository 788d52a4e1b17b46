"""Parts by name: what a specification, a saved file or the command line may name, and how a part of your own joins them.

A registry is a plain dictionary, one for each kind of part, in the module that has the parts; names are looked up without
regard to case. `register` adds to it. Modules that NERVA_IMPORT names (the command line's `--import`) are imported before a
name is called unknown, in every process that inherits the environment, so that workers know what their parent knows.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

from .errors import NervaError, unknown

__all__ = ["find", "import_named", "register", "registry_of"]

Part = TypeVar("Part")

IMPORT = "NERVA_IMPORT"
KINDS = {  # kind -> module, its registry, and the class in it of which parts are; functions that make one, where there is none
    "layer": ("nerva_py.network.building", "BETWEEN", "Layer"),
    "activation": ("nerva_py.network.building", "OUTPUTS", ""),
    "initializer": ("nerva_py.network.initializers", "INITIALIZERS", ""),
    "loss": ("nerva_py.equations.losses", "LOSSES", "Loss"),
    "optimizer": ("nerva_py.training.optimizers", "OPTIMIZERS", ""),
    "schedule": ("nerva_py.training.schedules", "SCHEDULES", ""),
    "distribution": ("nerva_py.sparse.densities", "DISTRIBUTIONS", ""),
    "backend": ("nerva_py.sparse.backends", "BACKENDS", "Backend"),
    "drop": ("nerva_py.topology.drop", "DROP_RULES", ""),
    "growth": ("nerva_py.topology.grow", "GROW_RULES", ""),
    "decay": ("nerva_py.topology.decays", "DECAYS", ""),
    "method": ("nerva_py.topology.methods", "METHODS", ""),
}
_own: dict[str, set[str]] = {kind: set() for kind in KINDS}  # names of registered parts, which may be registered again


@overload
def register(kind: str, *, name: str | None = None) -> Callable[[Part], Part]: ...
@overload
def register(kind: str, part: Part, *, name: str | None = None) -> Part: ...
def register(kind: str, part: Any = None, *, name: str | None = None) -> Any:
    """Give a part of your own a name, by which specifications, saved files and the command line then know it.

    `kind`: layer, activation, initializer, loss, optimizer, schedule, distribution, backend, drop, growth, decay or method.
    `part`: what the kind's own parts are: a subclass of `Layer`; a function that returns an activation, optimizer, schedule,
    rule or method from the arguments in parentheses; a `Loss`; a `Backend`. `name`: by default its `name` or `__name__`.
    Returns the part, so that `@nv.register("activation")` may stand above it. To register a name of yours again, as a cell that
    is run twice does, replaces the part. Raises NervaError for another kind, a part of another kind, and a name of nerva_py's.
    """
    if part is None:
        return lambda decorated: register(kind, decorated, name=name)
    if kind not in KINDS:
        raise unknown("kind of part", kind, KINDS)
    module, attribute, base = KINDS[kind]
    home = importlib.import_module(module)
    _check(kind, part, getattr(home, base) if base else None)
    registry, chosen = getattr(home, attribute), name or name_of(part)
    if not chosen.isidentifier():
        raise NervaError(f"name must be letters, digits and _, as it stands in specifications, not {chosen!r}")
    # Activations and layers stand in one specification.
    rivals = getattr(home, "LAYERS", registry)
    if (taken := match(chosen, rivals)) is not None and taken not in _own[kind]:
        raise NervaError(
            f"{taken!r} names a part of nerva_py's, or of another kind: register(..., name=...) with another name"
        )
    registry[taken or chosen] = part
    _own[kind].add(taken or chosen)
    return part


def registry_of(*parts: Part) -> dict[str, Part]:
    """The parts by their names."""
    return {name_of(part): part for part in parts}


def name_of(part: Any) -> str:
    """The `name` of an object, the `__name__` of a function or a class."""
    name = getattr(part, "__name__", None) or getattr(part, "name", None)
    if not isinstance(name, str):
        raise NervaError(f"{part!r} has no name: give one, register(..., name=...)")
    return name


def find(what: str, name: str, registry: Mapping[str, Any]) -> str:
    """The name as it is registered. Raises NervaError, which lists the known ones, if there is none."""
    known = match(name, registry)
    if known is None and import_named():
        known = match(name, registry)
    if known is None:
        raise unknown(what, name, registry)
    return known


def match(name: str, registry: Mapping[str, Any]) -> str | None:
    """The name as it is registered, looked up without regard to case; None if there is none."""
    return name if name in registry else {known.lower(): known for known in registry}.get(name.strip().lower())


def import_named() -> bool:
    """Import the modules that NERVA_IMPORT names, with the current directory among the places; whether there are any.

    Raises NervaError for one that cannot be imported.
    """
    names = [name.strip() for name in os.environ.get(IMPORT, "").split(",") if name.strip()]
    for name in names:
        if name not in sys.modules:
            if os.getcwd() not in sys.path:
                sys.path.append(os.getcwd())
            try:
                importlib.import_module(name)
            except (ImportError, ValueError) as error:
                raise NervaError(f"--import (or {IMPORT}): module {name!r} cannot be imported: {error}") from error
    return bool(names)


def _check(kind: str, part: Any, base: type | None) -> None:
    """Refuse what is no part of that kind."""
    if base is None:
        if not (isinstance(part, type | functools.partial) or inspect.isroutine(part)):
            raise NervaError(f"part must be a function (or a class) that makes a part of kind {kind!r}, not {part!r}")
    elif kind == "layer":
        if not (isinstance(part, type) and issubclass(part, base)):
            raise NervaError(f"part must be a subclass of {base.__name__}, not {part!r}")
    elif not isinstance(part, base):
        raise NervaError(f"part must be a {base.__name__}, not {part!r}")
