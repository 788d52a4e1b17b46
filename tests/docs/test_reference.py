"""The API reference has every public name, and every public name says what it is and what it raises."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

import nerva_py
from docs.pages import docstrings, reference
from nerva_py import errors
from nerva_py.matrix.dispatch import Primitive

PAGES = reference.pages()
TEXT = "\n".join(PAGES.values())
# What programs of others do not import: the command, what it measures, and how files are written.
INTERNAL = {"__main__", "cli", "doctor", "files", "launch"}
IMPOSSIBLE = {"AssertionError"}  # says that a line is never reached, and is no part of what a user meets


def public() -> Iterator[tuple[str, Any]]:
    """Full name and value of everything public that has a docstring of its own: functions, classes and their members."""
    for module in reference.modules():
        for name, value in reference.contents(module).items():
            if callable(value) and not inspect.ismodule(value):
                yield f"{module.__name__}.{name}", value
                if inspect.isclass(value):
                    for member in reference.members(value):
                        yield f"{module.__name__}.{name}.{member}", getattr(value, member)


PUBLIC = dict(public())


def test_every_public_package_has_a_page():
    packages = {module.name for module in pkgutil.iter_modules(nerva_py.__path__)} - INTERNAL
    assert packages == set(reference.PACKAGES)
    assert {f"api/{name}.rst" for name in (*packages, "nerva_py")} <= set(PAGES)


@pytest.mark.parametrize("package", reference.PACKAGES)
def test_every_public_name_has_an_entry(package):
    module = importlib.import_module(f"nerva_py.{package}")
    for name in getattr(module, "__all__", ()):
        if inspect.ismodule(getattr(module, name)):
            assert f"api/{package}.{name}.rst" in PAGES
        else:
            assert f":: nerva_py.{package}.{name}\n" in TEXT


def test_every_name_of_the_root_is_linked():
    for name in set(nerva_py.__all__) - {"__version__"}:
        assert f"`nv.{name} <" in PAGES["api/nerva_py.rst"], name


def test_every_equation_has_an_entry():
    for module in pkgutil.iter_modules(importlib.import_module("nerva_py.equations").__path__):
        for name, value in vars(importlib.import_module(f"nerva_py.equations.{module.name}")).items():
            function = inspect.isfunction(value) or isinstance(value, Primitive)
            if function and name[0] != "_" and value.__module__ == f"nerva_py.equations.{module.name}":
                assert f":: nerva_py.equations.{module.name}.{name}\n" in TEXT


# ------------------------------------------------------------------------------------------------------------ docstrings


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_a_docstring(name):
    assert inspect.getdoc(PUBLIC[name]), name


def raised(value: Any) -> set[str]:
    """The errors that the lines of a function or class raise themselves; `raise unknown(...)` is a NervaError."""
    inner = getattr(value, "fget", value)
    inner = getattr(inner, "definition", inspect.unwrap(inner) if callable(inner) else inner)
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(inner))).body
    except (TypeError, OSError, SyntaxError):  # no function, or a lambda
        return set()
    if not isinstance(tree, ast.FunctionDef | ast.ClassDef):
        return set()
    nodes = tree.body if isinstance(tree, ast.FunctionDef) else [node for node in tree.body if _makes(node)]
    found = {_error(node.exc) for part in nodes for node in ast.walk(part) if isinstance(node, ast.Raise) and node.exc}
    return found - IMPOSSIBLE - {None}


def _makes(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name in ("__init__", "__post_init__", "__call__")


def _error(node: ast.expr) -> str | None:
    called = node.func if isinstance(node, ast.Call) else node
    name = called.id if isinstance(called, ast.Name) else None
    return {"unknown": "NervaError", "undefined": "TypeError"}.get(name or "", name)


def documented(name: str, error: str) -> bool:
    """Whether the docstring of the function, of its class or of its module names the error or what it is a kind of."""
    owner, value = name.rpartition(".")[0], PUBLIC[name]
    places = [value, PUBLIC.get(owner), inspect.getmodule(getattr(value, "fget", value))]
    kind = getattr(errors, error, None) or getattr(__import__("builtins"), error, None)
    names = [k.__name__ for k in kind.__mro__ if k not in (Exception, BaseException, object)] if kind else [error]
    return any(known in (inspect.getdoc(place) or "") for place in places if place is not None for known in names)


@pytest.mark.parametrize("name", [name for name in PUBLIC if raised(PUBLIC[name])])
def test_what_a_function_raises_stands_in_its_docstring(name):
    missing = [error for error in raised(PUBLIC[name]) if not documented(name, error)]
    assert not missing, f"{name} raises {', '.join(missing)}, of which its docstring says nothing"


def test_this_rule_finds_something():
    assert raised(nerva_py.mlp) >= {"ShapeError"}
    assert raised(importlib.import_module("nerva_py.matrix").hadamard) == {"TypeError"}
    assert not documented("nerva_py.matrix.hadamard", "OSError")
    assert len([name for name in PUBLIC if raised(PUBLIC[name])]) > 40


# ------------------------------------------------------------------------------------------------------------ conversion


def convert(text: str, formula: bool | None = None) -> str:
    return "\n".join(docstrings.converted(text, {"train": "nerva_py.training.train"}.get, formula))


def test_a_formula_its_shapes_and_its_source_are_told_apart():
    text = convert("Y = X Wᵀ + 1_N b        X (N, D) -> Y (N, K)        [arXiv:2511.11918, linear layer]")
    assert text.startswith("| ``Y = X Wᵀ + 1_N b``\n\nX (N, D) → Y (N, K)\n\n[")
    assert "<https://arxiv.org/abs/2511.11918>" in text


def test_sentences_about_errors_become_a_section():
    text = convert("Does it. Raises NervaError for a bad name, DataError if writing fails.\n\nMore of it.")
    assert text.startswith("Does it.\n\nMore of it.\n")
    assert text.endswith("Raises\n------\nNervaError\n    for a bad name\nDataError\n    if writing fails\n")


def test_prose_is_no_markup():
    text = convert("All of `x` and a*b*c, x_ and `train(...)`.")
    assert text.startswith(r"All of ``x``\  and a\*b\*c, x\_ and :py:obj:`train(...) <nerva_py.training.train>`\ .")


def test_small_words_are_linked_in_their_package_only():
    known = {"load": "nerva_py.checkpoints.load", "save_npz": "nerva_py.data.save_npz"}
    assert docstrings.resolver(known, "nerva_py.training.loop")("load") is None
    assert docstrings.resolver(known, "nerva_py.checkpoints.network_file")("load") == known["load"]
    assert docstrings.resolver(known, "nerva_py.training.loop")("save_npz") == known["save_npz"]
    assert docstrings.resolver(known, "nerva_py.data.npz", {"save_npz"})("save_npz") is None
