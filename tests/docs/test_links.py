"""Every link within the repository leads to a file and a heading that exist; every listing is of code that exists."""

from __future__ import annotations

import ast
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
LISTING = re.compile(r"^```\{literalinclude\} (\S+)\n:pyobject: (\S+)\n", re.MULTILINE)


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


def defined(text: str) -> set[str]:
    """The functions, classes and methods of a module."""
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{member.name}" for member in node.body if isinstance(member, ast.FunctionDef)}
    return found


def lost(path: Path, text: str) -> list[str]:
    """The listings on a page of code that is not there."""
    modules = {name: path.parent / name for name, _ in LISTING.findall(text)}
    known = {name: defined(file.read_text(encoding="utf-8")) for name, file in modules.items() if file.exists()}
    return [f"{name} {listed}" for name, listed in LISTING.findall(text) if listed not in known.get(name, set())]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links(path):
    assert broken(path, read(path)) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_listings(path):
    text = read(path)
    assert lost(path, text) == []
    assert len(LISTING.findall(text)) == text.count("{literalinclude}")


def test_there_are_listings_to_check():
    page = ROOT / "docs" / "howto" / "one-step.md"
    assert len(LISTING.findall(read(page))) > 10
    listing = "```{{literalinclude}} {}\n:pyobject: {}\n```\n"
    for name, listed in (
        ("training/run.py", "Run.no_such_step"),
        ("training/run.py", "step"),
        ("no_such.py", "Run.step"),
    ):
        assert lost(page, listing.format(f"../../nerva_py/{name}", listed))
    assert not lost(page, listing.format("../../nerva_py/training/run.py", "Run.step"))


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
