"""Each notebook is what jupytext makes of its script: nobody edited one of them alone, and no output is committed."""

from __future__ import annotations

import json

import jupytext
import pytest

from tests.tutorials.notebooks import ROOT, SCRIPTS


def test_there_are_notebooks():
    assert SCRIPTS
    scripts = {path.stem for path in SCRIPTS}
    assert {path.stem for path in (ROOT / "tutorials").glob("*.ipynb")} == scripts
    assert {path.stem for path in (ROOT / "tutorials" / "solutions").glob("*.py")} == scripts


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_notebook_is_its_script(script):
    notebook = json.loads(script.with_suffix(".ipynb").read_text(encoding="utf-8"))
    expected = jupytext.read(script)
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    assert cells == [(cell.cell_type, cell.source) for cell in expected.cells], "run `make notebooks-pair`"
    for cell in notebook["cells"]:
        assert not cell.get("outputs"), "a notebook is committed without outputs; run `make notebooks-pair`"
        assert cell.get("execution_count") is None
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_how_a_notebook_opens_and_ends(script):
    cells = [cell.source for cell in jupytext.read(script).cells if cell.cell_type == "markdown"]
    lines = [line for cell in cells for line in cell.splitlines()]
    assert cells[0].startswith("# ")
    assert sum(line.startswith("# ") for line in lines) == 1
    for part in ("What you'll do", "What you'll learn", "What you'll need"):
        assert f"**{part}**" in cells[0]
    assert [line for line in lines if line.startswith("## ")][-1] == "## Exercises"
