"""The Python code in README.md and on the pages of docs/ runs, and prints what stands below it."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.optional import require

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if not {"generated", "_build"} & set(path.parts)),
]

# A block that follows <!-- needs torch --> is run where that is installed; ```text right below one is what it prints.
BLOCK = re.compile(
    r"(?:<!-- needs (\w+) -->\s*)?^```python\n(.*?)^```\n(?:\s*^```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE
)


class Block(NamedTuple):
    line: int
    needs: str | None
    code: str
    printed: str | None


def blocks(text: str) -> Iterator[Block]:
    for match in BLOCK.finditer(text):
        yield Block(text.count("\n", 0, match.start(2)) + 1, *match.groups())


def run(text: str, name: str, read) -> None:
    """Run the blocks in one namespace; `read` returns what was printed since it was last called."""
    # As a script: a kernel with a function of the page in it is cached, and loaded again by the name of the module.
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(text):
        if block.needs and importlib.util.find_spec(block.needs) is None:
            continue
        # The empty lines make the line numbers of a traceback those of the file.
        exec(compile("\n" * (block.line - 1) + block.code, name, "exec"), names)
        printed = read()
        if block.printed is not None:
            assert printed == block.printed, f"{name}, line {block.line}"


@pytest.fixture
def read(capsys):
    return lambda: capsys.readouterr().out


WITH_CODE = [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")]


@pytest.mark.usefixtures("one_thread")  # tiny networks
@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_code_on_a_page(page, read, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    run(page.read_text(encoding="utf-8"), page.name, read)
    if "plot" in page.read_text(encoding="utf-8"):
        from matplotlib import pyplot as plt

        plt.close("all")


def test_the_pages_with_code_are_found():
    names = {page.stem for page in WITH_CODE}
    assert {"README", "index", "own-layer", "own-method", "resume", "from-pytorch"} <= names


def test_what_examples_need_is_installed_in_ci():
    for needed in {block.needs for page in PAGES for block in blocks(page.read_text(encoding="utf-8")) if block.needs}:
        require(needed)


def test_this_test(read):
    text = "```python\nx = 1\n```\nand\n<!-- needs no_such_package -->\n```python\nundefined\n```\n"
    text += "\n```python\nprint(x)\n```\n\n```text\n{}\n```\n"
    run(text.format(1), "page", read)
    with pytest.raises(AssertionError, match="line 11"):
        run(text.format(2), "page", read)
    with pytest.raises(NameError):
        run(text.replace("<!-- needs no_such_package -->", ""), "page", read)
