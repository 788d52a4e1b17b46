"""The Python code in README.md and on the pages of docs/ runs, and prints what stands below it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.optional import needs

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if not {"generated", "_build"} & set(path.parts)),
]

# A block that follows <!-- needs torch --> is run by a test of its own, which needs that extra; ```text right below a block is
# what it prints.
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


def run(text: str, name: str, read, extras: tuple[str, ...] = ()) -> None:
    """Run the blocks that need no other extras, in one namespace; `read` returns what was printed since it was last called."""
    # As a script: a kernel with a function of the page in it is cached, and loaded again by the name of the module.
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(text):
        if block.needs and block.needs not in extras:
            continue
        # The empty lines make the line numbers of a traceback those of the file.
        exec(compile("\n" * (block.line - 1) + block.code, name, "exec"), names)
        printed = read()
        if block.printed is not None:
            assert printed == block.printed, f"{name}, line {block.line}"


@pytest.fixture
def read(capsys):
    return lambda: capsys.readouterr().out


WITH_CODE = {
    page: page.read_text(encoding="utf-8") for page in PAGES if "```python" in page.read_text(encoding="utf-8")
}


def cases() -> Iterator[Any]:
    """Each page without what needs an extra; and with it, where there is such a thing."""
    for page, text in WITH_CODE.items():
        extras = tuple(sorted({block.needs for block in blocks(text) if block.needs}))
        if not all(block.needs for block in blocks(text)):
            yield pytest.param(page, (), id=str(page.relative_to(ROOT)))
        if extras:
            yield pytest.param(page, extras, id=f"{page.relative_to(ROOT)}, {', '.join(extras)}", marks=needs(*extras))


@pytest.mark.usefixtures("one_thread")  # tiny networks
@pytest.mark.parametrize(("page", "extras"), list(cases()))
def test_the_code_on_a_page(page, extras, read, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    run(WITH_CODE[page], page.name, read, extras)
    if "plot" in WITH_CODE[page]:
        from matplotlib import pyplot as plt

        plt.close("all")


def test_the_pages_with_code_are_found():
    names = {page.stem for page in WITH_CODE}
    assert {"README", "index", "own-layer", "own-method", "one-step", "resume", "from-pytorch"} <= names


def test_this_test(read):
    text = "```python\nx = 1\n```\nand\n<!-- needs no_such_package -->\n```python\nundefined\n```\n"
    text += "\n```python\nprint(x)\n```\n\n```text\n{}\n```\n"
    run(text.format(1), "page", read)
    with pytest.raises(AssertionError, match="line 11"):
        run(text.format(2), "page", read)
    with pytest.raises(NameError):
        run(text.replace("<!-- needs no_such_package -->", ""), "page", read)
