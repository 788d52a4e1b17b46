"""`nerva-py verify`, on a book of two short chapters: right, and with a wrong equation."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

from derivations import book

from .conftest import Run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def chapters(monkeypatch: pytest.MonkeyPatch) -> None:
    """`short` is right, `wrong` has one claim that is not proved and one that fails for another reason."""
    short, wrong = (types.ModuleType(f"derivations.{name}") for name in ("short", "wrong"))

    @book.claim(
        "Y is Y, as long as the name of the equation is too long for one line of the table: {case}", cases=["N", "K"]
    )
    def holds(case: str) -> None:
        pass

    @book.claim("X is Y", "sympy.Matrix", "2×3")
    def fails() -> None:
        raise book.NotProved(
            "X − Y is 2 Z, and this is a text that is longer than any line of a terminal " + "is wide " * 5
        )

    @book.claim("[bold] 1/0", book.INDEXED, "all N, D, K")
    def crashes() -> None:
        raise ZeroDivisionError("division by zero")

    for module, functions in ((short, [holds]), (wrong, [holds, fails, crashes])):
        for function in functions:
            copy = types.FunctionType(function.__code__, function.__globals__, function.__name__)
            copy.__dict__.update(function.__dict__)
            copy.__module__ = module.__name__
            setattr(module, function.__name__, copy)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(book, "CHAPTERS", ("short", "wrong"))


pytestmark = pytest.mark.usefixtures("chapters")


def test_all_is_proved(nerva_py: Run) -> None:
    outcome = nerva_py("verify", "--chapter", "short")
    assert (outcome.code, outcome.err) == (0, "")
    assert re.fullmatch(r"2 claims, 2 proved, \d+\.\d seconds", outcome.lines[-1])
    assert outcome.lines[0] == "2 claims, about 1 s"
    assert outcome.lines[2].split() == ["chapter", "claims", "proved", "seconds"]
    assert outcome.lines[3].split()[:3] == ["short", "2", "2"]


@pytest.mark.parametrize("option", ["--verbose", "-v"])
def test_a_line_for_each_claim(nerva_py: Run, option: str) -> None:
    outcome = nerva_py("verify", "--chapter", "short", option)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.lines[2].split() == ["equation", "carrier", "sizes", "proved", "seconds"]
    assert outcome.lines[4] == "short"


def test_a_line_for_each_chapter(nerva_py: Run) -> None:
    lines = nerva_py("verify").lines
    assert [line.split()[:3] for line in lines[3:5]] == [["short", "2", "2"], ["wrong", "4", "2"]]


def test_what_is_not_proved_is_told(nerva_py: Run) -> None:
    outcome = nerva_py("verify", "-v")
    assert outcome.code == 1
    assert re.fullmatch(r"6 claims, 4 proved, \d+\.\d seconds", outcome.lines[-1])
    assert re.search(r"^  X is Y +sympy.Matrix +2×3 +NO +\d\.\d\d$", outcome.out, re.MULTILINE)
    below = outcome.out.partition("not proved: ")[2]
    assert below.startswith("wrong, X is Y (sympy.Matrix, 2×3)\n    NotProved: X − Y is 2 Z")
    assert (
        "not proved: wrong, [bold] 1/0 (IndexedMatrix, all N, D, K)\n    ZeroDivisionError: division by zero" in below
    )


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_terminal(nerva_py: Run, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = nerva_py("verify", "-v").lines
    assert max(map(len, lines)) <= width
    rows = [line for line in lines if re.search(r"(yes|NO) +\d", line)]
    assert len(rows) == 6
    assert len({line.index("yes" if "yes" in line else "NO") for line in rows}) == 1  # one column below the other


def test_an_equation_with_several_cases_stands_beside_them(nerva_py: Run) -> None:
    lines = nerva_py("verify", "--chapter", "short", "-v").lines[5:]
    assert "Y is Y" in lines[0]
    assert " ".join(" ".join(lines).split()).count("for one line") == 2


def test_chapters_are_run_once_and_in_order(nerva_py: Run) -> None:
    outcome = nerva_py("verify", "--chapter", "wrong", "--chapter", "short", "--chapter", "short")
    assert [line.split()[0] for line in outcome.lines if line[:5] in ("short", "wrong")] == ["short", "wrong"]
    assert "6 claims" in outcome.lines[-1]


def test_json(nerva_py: Run, tmp_path: Path) -> None:
    file = tmp_path / "proofs.json"
    assert nerva_py("verify", "--json", file).code == 1
    document = json.loads(file.read_text(encoding="utf-8"))
    assert (document["claims"], document["proved"]) == (6, 4)
    assert document["versions"]["sympy"]
    assert [result["proved"] for result in document["results"]] == [True] * 4 + [False] * 2
    last = document["results"][-1]
    assert (last["chapter"], last["equation"], last["carrier"], last["sizes"]) == (
        "wrong", "[bold] 1/0", "IndexedMatrix", "all N, D, K",
    )  # fmt: skip
    assert last["error"] == "ZeroDivisionError: division by zero"
    assert document["results"][0]["seconds"] >= 0


def test_an_unknown_chapter(nerva_py: Run) -> None:
    outcome = nerva_py("verify", "--chapter", "shrot")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "error: unknown chapter 'shrot'; did you mean 'short'? Known: short, wrong\n"


def test_a_file_that_cannot_be_written(nerva_py: Run, tmp_path: Path) -> None:
    for file in (tmp_path / "none" / "proofs.json", tmp_path):
        outcome = nerva_py("verify", "--json", file)
        assert (outcome.code, outcome.out) == (2, "")  # before anything is proved
        assert outcome.err.startswith(f"error: --json {file}: ")


def test_a_wrong_option(nerva_py: Run) -> None:
    outcome = nerva_py("verify", "--chapters", "short")
    assert outcome.code == 2
    assert "see nerva-py verify --help" in outcome.err


def test_without_the_book(nerva_py: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "derivations", None)
    monkeypatch.setitem(sys.modules, "derivations.book", None)
    outcome = nerva_py("verify")
    assert (outcome.code, outcome.out) == (2, "")
    assert "python -m derivations" in outcome.err


def test_the_module_is_the_same_command(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "derivations", "--chapter", "dropout", "--json", str(tmp_path / "proofs.json")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    result = subprocess.run(
        arguments, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "proofs.json").exists()
    assert "dropout" in result.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
def test_a_terminal_gets_a_progress_bar() -> None:
    import pty

    from .test_process import _read

    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "derivations", "--chapter", "dropout"]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        written = b""
        while chunk := _read(ours):
            written += chunk
    os.close(ours)
    text = written.decode()
    assert process.returncode == 0
    assert re.search(r"3/\d+ .*Dropout on weights", text)
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h")  # the cursor is back
