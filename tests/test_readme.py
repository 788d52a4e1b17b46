"""The Python code in README.md runs, and prints what stands below it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

README = Path(__file__).parents[1] / "README.md"

# A block that follows <!-- skip --> is not run; a ```text block right below one is what it prints.
BLOCK = re.compile(r"(<!-- skip -->\s*)?^```python\n(.*?)^```\n(?:\s*^```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    line: int
    code: str
    printed: str | None


def blocks(text: str) -> Iterator[Block]:
    for match in BLOCK.finditer(text):
        if match[1] is None:
            yield Block(text.count("\n", 0, match.start(2)) + 1, match[2], match[3])


def run(text: str, read) -> None:
    """Run the blocks in one namespace; `read` returns what was printed since it was last called."""
    names: dict[str, object] = {"__name__": "readme"}
    for block in blocks(text):
        # The empty lines make the line numbers of a traceback those of the file.
        exec(compile("\n" * (block.line - 1) + block.code, README.name, "exec"), names)
        printed = read()
        if block.printed is not None:
            assert printed == block.printed, f"README.md, line {block.line}"


@pytest.fixture
def read(capsys):
    return lambda: capsys.readouterr().out


@pytest.mark.usefixtures("one_thread")  # tiny networks
def test_the_code_in_the_readme(read, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(README.read_text(encoding="utf-8"), read)


def test_this_test(read):
    text = "```python\nx = 1\n```\nand\n<!-- skip -->\n```python\nundefined\n```\n"
    text += "\n```python\nprint(x)\n```\n\n```text\n{}\n```\n"
    run(text.format(1), read)
    with pytest.raises(AssertionError, match="line 11"):
        run(text.format(2), read)
    with pytest.raises(NameError):
        run(text.replace("<!-- skip -->", ""), read)
