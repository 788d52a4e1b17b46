"""The chapters of `derivations/` as pages: prose from the docstring, formulas from the executed functions, claims from the
decorators, proofs from the source. Nothing is typed here.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections import defaultdict
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from derivations import book
from derivations.formulas import Formula, written

# The chapter in which the functions of a module are derived, where it does not have the same name.
CHAPTER_OF = {
    "activation_layer": "linear",
    "activations": "linear",
    "updates": "optimizers",
    "rates": "optimizers",
    "initial": "optimizers",
}
LEVELS = {
    book.INDEXED: "**every size**",
    book.CONCRETE: "matrices of symbols",
    book.NUMBERS: "symbols",
    book.KERNEL: "the compiled loop, run on symbols",
    "numpy.ndarray": "numbers",
}


def pages() -> dict[str, str]:
    """A page for each chapter but the errata, which have their own module."""
    formulas = defaultdict(list)
    for formula in written():
        formulas[chapter_of(formula)].append(formula)
    chapters = [chapter for chapter in book.CHAPTERS if chapter != "errata"]
    return {f"mathematics/{name}.md": "\n".join(page(name, formulas[name])) + "\n" for name in chapters}


def chapter_of(formula: Formula) -> str:
    module = formula.function.__module__.rpartition(".")[2]
    return CHAPTER_OF.get(module, module)


def latex_by_name() -> dict[str, tuple[str, ...]]:
    """The equations of each function under the name that the API reference gives it."""
    return {f.place: f.equations for f in written()}


def page(chapter: str, formulas: list[Formula]) -> Iterator[str]:
    module = importlib.import_module(f"derivations.{chapter}")
    yield from (inspect.getdoc(module) or "", "")
    if formulas:
        yield from ("## The formulas of the executed functions", "")
        yield "Each is what the function returned when it was called with matrices of which only the name is known."
        for formula in formulas:
            yield from _formula(formula)
    yield from ("", "## What is proved", "")
    yield f"`nerva-py verify --chapter {chapter}` proves these claims, and `make test` does, too."
    yield from ("", "| claim | proved for |", "|---|---|")
    for function in claims(module):
        yield f"| {_cell(function)} | {_settings(function)} |"
    yield from ("", "## The proofs", "", f"<details><summary>derivations/{chapter}.py, as it is run</summary>", "")
    yield from (f"```{{literalinclude}} ../../../derivations/{chapter}.py", ":language: python")
    yield from (f":lines: {_first_line(module)}-", "```", "", "</details>")


def _formula(formula: Formula) -> Iterator[str]:
    yield from ("", f"{{py:obj}}`{formula.function.__qualname__} <{formula.place}>`", "")
    for equation in formula.equations:
        yield from ("$$", equation, "$$", "")


def claims(module: ModuleType) -> Iterator[Any]:
    """The functions that prove something, in the order of the file."""
    for function in vars(module).values():
        if getattr(function, "__module__", None) == module.__name__ and hasattr(function, "equation"):
            yield function


def _cell(function: Any) -> str:
    """The claim; the cases that it names follow it."""
    text = function.equation
    if "{case}" in text:
        names = dict.fromkeys(book.name(case) for case in function.cases)
        text = f"{text.replace('{case}', '…')}<br>… {'; '.join(names)}"
    return _escaped(text)


def _settings(function: Any) -> str:
    """Carriers, each with the sizes for which the claim is proved on it."""
    sizes: dict[str, dict[str, None]] = defaultdict(dict)
    for case in function.cases or [None]:
        carrier = getattr(case, "carrier", function.carrier)
        sizes[carrier][getattr(case, "sizes", function.sizes)] = None
    order = sorted(sizes, key=lambda carrier: list(LEVELS).index(carrier) if carrier in LEVELS else len(LEVELS))
    return _escaped("<br>".join(_level(carrier, [s for s in sizes[carrier] if s]) for carrier in order))


def _level(carrier: str, sizes: list[str]) -> str:
    label = LEVELS.get(carrier, carrier)
    return f"{label}: {', '.join(sizes)}" if sizes else label


def _escaped(text: str) -> str:
    """For a cell: bars are not columns, and a star or underscore of mathematics is no emphasis."""
    text = text.replace("|", r"\|").replace("_", r"\_").replace("$", r"\$")
    return text.replace("{", r"\{")


def _first_line(module: ModuleType) -> int:
    """Where the code begins below the docstring."""
    return ast.parse(inspect.getsource(module)).body[1].lineno


def index() -> str:
    """What the pages are, for the list on the page that is written by hand."""
    lines = ["| chapter | formulas | claims |", "|---|---|---|"]
    formulas = [chapter_of(formula) for formula in written()]
    count = defaultdict(int)
    for claim in book.claims():
        count[claim.chapter] += 1
    for chapter in book.CHAPTERS:
        title = "Errata" if chapter == "errata" else _title(importlib.import_module(f"derivations.{chapter}"))
        lines.append(
            f"| [{title}](generated/mathematics/{chapter}.md) | {formulas.count(chapter) or ''} | {count[chapter]} |"
        )
    lines.append(f"| all | {len(formulas)} | {sum(count.values())} |")
    return "\n".join(lines) + "\n"


def _title(module: ModuleType) -> str:
    return (inspect.getdoc(module) or "").partition("\n")[0].lstrip("# ")
