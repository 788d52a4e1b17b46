"""Every link within the repository leads to a file and a heading that exist."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import pytest

from docs import pages

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "docs" / pages.FOLDER
SOURCES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if not {"generated", "_build"} & set(path.parts)),
    *sorted((ROOT / "tutorials").glob("*.md")),
    *sorted((ROOT / "tutorials").glob("*.ipynb")),
]
CODE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<a href=\"([^\"]+)\">")
HEADING = re.compile(r"^#{1,6} (.*)$", re.MULTILINE)


@functools.cache
def generated() -> dict[str, str]:
    return pages.pages()


def read(path: Path) -> str:
    """The Markdown of a file, also of a notebook, and of one that `make docs` generates; what it includes belongs to it."""
    if path.is_relative_to(GENERATED):
        text = generated()[path.relative_to(GENERATED).as_posix()]
    else:
        text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    included = re.findall(r"^```\{include\} (\S+)", text, re.MULTILINE)
    return "\n".join([text, *(read(path.parent / name) for name in included)])


def exists(path: Path) -> bool:
    if path.is_relative_to(GENERATED):
        picture = path.suffix == ".png" and (ROOT / "bench" / "results" / path.name).exists()
        return picture or path.relative_to(GENERATED).as_posix() in generated()
    return path.exists()


def links(text: str) -> list[str]:
    """The targets of links, those in code left out."""
    text = INLINE.sub(lambda found: "[" * found[0].count("[") + "]" * found[0].count("]"), CODE.sub("", text))
    return [first or second for first, second in LINK.findall(text)]


def anchors(text: str) -> set[str]:
    """Of headings, as GitHub and MyST make them."""
    return {
        re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
        for title in HEADING.findall(CODE.sub("", text))
    }


def broken(path: Path, text: str) -> list[str]:
    """The links of a file that lead nowhere."""
    found = []
    for link in links(text):
        if re.match(r"[a-z]+:", link):
            if not re.match(r"https://[\w.-]+\.\w+/", link):
                found.append(link)
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not exists(target) or (anchor and anchor not in anchors(read(target))):
            found.append(link)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links(path):
    assert broken(path, read(path)) == []


def test_there_are_links_to_check():
    assert sum(len(links(read(path))) for path in SOURCES) > 60


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[a](docs/glossary.md#terms)", []),
        ("[a](docs/glossary.md#no-such-heading)", ["docs/glossary.md#no-such-heading"]),
        ("[a](docs/no-such-page.md)", ["docs/no-such-page.md"]),
        ("[a](docs/generated/mathematics/softmax.md)", []),
        ("[a](docs/generated/mathematics/none.md)", ["docs/generated/mathematics/none.md"]),
        ("[a](https://arxiv.org/abs/2407.17437) `[a](nothing)`", []),
        ("[a](http://example.org/)", ["http://example.org/"]),
        ("```\n[a](nothing)\n```", []),
    ],
)
def test_this_test(text, wrong):
    assert broken(ROOT / "README.md", text) == wrong
