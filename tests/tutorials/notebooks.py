"""The notebooks of tutorials/, their cells, and the skeletons of functions that a student completes."""

from __future__ import annotations

import ast
import importlib.util
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import jupytext

from nerva_py import verify
from nerva_py.verify import FunctionCheck

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "tutorials").glob("[0-9][0-9]_*.py"))
SOLUTIONS = ROOT / "tutorials" / "solutions"
WRONG = Path(__file__).parent / "wrong"

Function = Callable[..., Any]


def code_cells(script: Path) -> list[Any]:
    """The code of each cell, compiled; the line numbers of a traceback are those of the script.

    Written as a script, the cells come in order, so each is looked for after the one before.
    """
    text = script.read_text(encoding="utf-8")
    position, cells = 0, []
    for cell in jupytext.reads(text, fmt="py:percent").cells:
        if cell.cell_type == "code":
            position = text.index(cell.source, position)
            source = "\n" * text.count("\n", 0, position) + cell.source
            cells.append(ast.parse(source, str(script)))
            position += len(cell.source)
    return cells


def skeletons(cell: ast.Module) -> list[str]:
    """The functions of a cell whose body is `return None`, which a student is to replace."""
    return [
        statement.name
        for statement in cell.body
        if isinstance(statement, ast.FunctionDef) and ast.unparse(statement.body[-1]) == "return None"
    ]


def functions(path: Path) -> dict[str, Function]:
    """The functions that are defined in a file, by name."""
    return {name: value for name, value in vars(_module(path)).items() if _defined_in(value, path.stem)}


def _defined_in(value: Any, module: str) -> bool:
    return inspect.isfunction(value) and value.__module__ == module and not value.__name__.startswith("_")


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wrong_answers(script: Path) -> Iterator[tuple[str, str, Function]]:
    """(name of the skeleton, what is to be told, wrong answer) of each function in the file of that name in wrong/.

    A function is called <skeleton>__<what is wrong>; its docstring is what the check has to say.
    """
    path = WRONG / script.name
    if path.exists():
        for name, function in functions(path).items():
            skeleton = name.partition("__")[0]
            assert function.__doc__, f"{path.name}: {name} needs a docstring, a part of what the check has to say"
            told = " ".join(function.__doc__.split())
            function.__name__ = skeleton
            yield skeleton, told, function


@dataclass
class Run:
    """A notebook whose cells are executed with some answers in the place of skeletons."""

    script: Path
    answers: dict[str, Function]
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "notebook"})
    unanswered: dict[str, Function] = field(default_factory=dict)  # the skeletons as they stand in the notebook
    checks: list[FunctionCheck] = field(default_factory=list)
    cell_of: dict[str, ast.Module] = field(default_factory=dict)  # name of a skeleton -> the cell that checks it

    def record(self, monkeypatch: Any) -> None:
        """From now on, note what the checks of the notebook find."""
        for name in ("check_function", "check_backward"):
            monkeypatch.setattr(verify, name, self._recording(getattr(verify, name)))

    def _recording(self, check: Callable[..., FunctionCheck]) -> Callable[..., FunctionCheck]:
        def recording(*arguments: Any, **named: Any) -> FunctionCheck:
            found = check(*arguments, **named)
            self.checks.append(found)
            return found

        return recording

    def all_cells(self) -> None:
        for cell in code_cells(self.script):
            before = len(self.checks)
            self.one_cell(cell)
            for name in skeletons(cell):
                self.unanswered[name] = self.names[name]
                self.names[name] = self.answers.get(name, self.names[name])
            for check in self.checks[before:]:
                self.cell_of[check.name] = cell

    def one_cell(self, cell: ast.Module) -> None:
        exec(compile(cell, str(self.script), "exec"), self.names)

    def check_again(self, name: str, answer: Function) -> FunctionCheck:
        """What the check of one exercise says to another answer."""
        before, self.names[name] = self.names[name], answer
        self.checks.clear()
        try:
            self.one_cell(self.cell_of[name])
        finally:
            self.names[name] = before
        return next(check for check in self.checks if check.name == name)
