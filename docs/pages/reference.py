"""The API reference: a page for each public package, an entry for each public name.

Public is what stands in `__all__`; in a module without it (the modules of `equations`, `errors`, `threads`, ...) what it
defines under a name without an underscore.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from nerva_py.matrix.dispatch import Primitive

from . import docstrings

ROOT = "nerva_py"
# In the order of the arrows: what a package imports stands before it.
PACKAGES = (
    "matrix", "engine", "equations", "sparse", "network", "data", "training", "topology", "checkpoints", "estimators",
    "exchange", "distributed", "plots", "verify", "parts", "quantities", "errors", "threads",
)  # fmt: skip
FORMULAS = ("nerva_py.equations", "nerva_py.matrix.primitives")  # where the first paragraph is a formula


def modules() -> list[ModuleType]:
    """Every module that has a page of its own."""
    found = []
    for name in PACKAGES:
        package = importlib.import_module(f"{ROOT}.{name}")
        found.append(package)
        if not hasattr(package, "__all__") and hasattr(package, "__path__"):
            found += [
                importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)
            ]
        found += [value for value in contents(package).values() if inspect.ismodule(value)]
    return found


def contents(module: ModuleType) -> dict[str, Any]:
    """The public names of a module and what they stand for."""
    if hasattr(module, "__all__"):
        return {name: getattr(module, name) for name in module.__all__}
    return {name: value for name, value in vars(module).items() if not name.startswith("_") and _defined(module, value)}


def _defined(module: ModuleType, value: Any) -> bool:
    if inspect.isroutine(value) or inspect.isclass(value) or isinstance(value, Primitive):
        return getattr(value, "__module__", None) == module.__name__
    return is_registry(value)


def is_registry(value: Any) -> bool:
    """A dictionary of what specification strings can name."""
    return isinstance(value, dict) and bool(value) and all(isinstance(key, str) for key in value)


def targets() -> dict[str, str]:
    """Under which full name each public name is documented; a name in several modules stays with the first."""
    found: dict[str, str] = {}
    for module in modules():
        for name, value in contents(module).items():
            if not inspect.ismodule(value):
                full = f"{module.__name__}.{name}"
                found.setdefault(name, full)
                found[full.removeprefix(f"{ROOT}.")] = full
                if inspect.isclass(value):
                    found |= {f"{name}.{member}": f"{full}.{member}" for member in vars(value) if member[0] != "_"}
    return found


def defined_as() -> dict[str, str]:
    """From the place where something is defined, as annotations name it, to its entry."""
    found = {}
    for module in modules():
        for name, value in contents(module).items():
            if inspect.isroutine(value) or inspect.isclass(value):
                found.setdefault(f"{value.__module__}.{value.__qualname__}", f"{module.__name__}.{name}")
    return found


# ---------------------------------------------------------------------------------------------------------------- pages


def pages() -> dict[str, str]:
    """The path of each page, below the documentation's folder, and its text."""
    found = {f"api/{_page(module)}.rst": "\n".join(page(module)) + "\n" for module in modules()}
    found["api/nerva_py.rst"] = "\n".join(root_page()) + "\n"
    return found


def _page(module: ModuleType) -> str:
    return module.__name__.removeprefix(f"{ROOT}.")


def page(module: ModuleType) -> Iterator[str]:
    title = _page(module)
    yield from (f".. py:module:: {module.__name__}", "", title, "=" * len(title), "")
    yield from _introduction(module)
    children = [value for value in contents(module).values() if inspect.ismodule(value)]
    if not hasattr(module, "__all__") and hasattr(module, "__path__"):
        children = [other for other in modules() if other.__name__.startswith(f"{module.__name__}.")]
    if children:
        yield from (".. toctree::", "   :maxdepth: 1", "", *(f"   {_page(child)}" for child in children), "")
    for name, value in contents(module).items():
        if not inspect.ismodule(value):
            yield from entry(module, name, value)


def entry(module: ModuleType, name: str, value: Any) -> Iterator[str]:
    """The directive for one public name."""
    full = f"{module.__name__}.{name}"
    if inspect.isclass(value):
        yield from (f".. autoclass:: {full}", f"   :members: {', '.join(members(value))}".rstrip())
    elif callable(value):
        yield f".. autofunction:: {full}"
    else:
        yield from (f".. py:data:: {full}", "", *(f"   {line}" for line in _about_data(value)))
    yield ""


def arguments(value: Any) -> set[str]:
    """What a function, or the making of an object, is given."""
    try:
        return set(inspect.signature(value).parameters)
    except (TypeError, ValueError):
        return set()


def members(value: type) -> list[str]:
    """Public methods and properties that are ours and have a docstring, inherited ones included, in the order of the source."""
    found = {}
    for kind in reversed([kind for kind in value.__mro__ if kind.__module__.startswith(ROOT)]):
        for name, member in vars(kind).items():
            inner = getattr(member, "__func__", getattr(member, "fget", member))
            ours = (getattr(inner, "__module__", None) or "").startswith(ROOT)
            if name[0] != "_" and ours and inspect.getdoc(getattr(value, name)) and not inspect.isclass(member):
                found[name] = None
    return list(found)


def _about_data(value: Any) -> Iterator[str]:
    known = targets()
    if is_registry(value):
        names = (f":py:obj:`{key} <{known[key]}>`" if key in known else f"``{key}``" for key in value)
        yield f"What a name or a specification string can stand for: {', '.join(names)}."
    else:
        yield f"The value is ``{value!r}``."


def root_page() -> Iterator[str]:
    """The names of `import nerva_py as nv`, each with where it is described and what it is."""
    package, known = importlib.import_module(ROOT), targets()
    yield from (".. py:module:: nerva_py", "", "nerva_py", "========", "")
    yield "What ``import nerva_py as nv`` has, so that most programs need no other import. It takes under a second and"
    yield "imports neither SymPy, PyTorch, matplotlib nor MKL; each name is imported when it is first used. Everything else"
    yield "is reached through its package, such as ``nv.training.CSVLogger``."
    yield from ("", ".. list-table::", "   :widths: 30 70", "   :class: names", "")
    for name in package.__all__:
        if name in known:
            yield f"   * - :py:obj:`nv.{name} <{known[name]}>`"
            yield f"     - {summary(getattr(package, name), docstrings.resolver(known, known[name]))}"
    yield ""


def _introduction(module: ModuleType) -> Iterator[str]:
    """The docstring of the module; and of the module with the table of primitives, which stands on its package's page."""
    resolve = docstrings.resolver(targets(), module.__name__)
    yield from docstrings.converted(module.__doc__ or "", resolve, formula=False)
    if module.__name__ == "nerva_py.matrix":
        yield from docstrings.converted(inspect.getmodule(module.hadamard).__doc__ or "", resolve, formula=False)


def summary(value: Any, resolve: docstrings.Resolve) -> str:
    """The first sentence of a docstring, or its formula."""
    text, _ = docstrings.without_errors(inspect.getdoc(value) or "")
    first = " ".join(line.strip() for line in docstrings.paragraphs(text)[0])
    return docstrings.prose(docstrings.GAP.split(first)[0], resolve)


# ------------------------------------------------------------------------------------------------------------ in Sphinx


def process(known: Mapping[str, str], latex: Mapping[str, tuple[str, ...]]) -> Any:
    """The handler of autodoc's event: what it passes to numpydoc afterwards."""

    def handler(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
        if not any(lines) or not name.startswith(ROOT):
            return
        module = getattr(value, "__module__", None) or ""
        formula = True if what == "function" and module.startswith(FORMULAS) else None
        resolve = docstrings.resolver(known, module, arguments(value))
        lines[:] = docstrings.converted("\n".join(lines), resolve, formula, latex.get(name, ()))

    return handler


def moved(places: Mapping[str, str]) -> Any:
    """The handler for a reference to the module in which something is defined: it leads to where it is documented."""

    def handler(app: Any, env: Any, node: Any, contnode: Any) -> Any:
        target = places.get(node.get("reftarget", ""))
        if target is None or node.get("refdomain") != "py":
            return None
        domain = env.get_domain("py")
        return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", target, node, contnode)

    return handler
