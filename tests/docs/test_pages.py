"""The generated pages have all that they are generated from."""

from __future__ import annotations

import re
import runpy
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from derivations import book, formulas
from derivations.errata import ERRATA
from docs import pages
from docs.pages import architecture, benchmarks, mathematics, notebooks, picture

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = pages.pages()


def test_the_configuration_can_be_read():
    settings = runpy.run_path(str(DOCS / "conf.py"))
    assert settings["nitpicky"]
    assert settings["nb_execution_raise_on_error"]
    assert callable(settings["setup"])


def test_everything_is_written_once(tmp_path):
    pages.write(tmp_path)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.md")}
    stale = tmp_path / "generated" / "api" / "stale.rst"
    stale.write_text("of a module that is no more", encoding="utf-8")
    pages.write(tmp_path)
    assert not stale.exists()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.md")} == written


# ----------------------------------------------------------------------------------------------------------- mathematics


@pytest.mark.parametrize("chapter", book.CHAPTERS)
def test_a_chapter_has_its_claims(chapter):
    page = PAGES[f"mathematics/{chapter}.md"]
    if chapter == "errata":
        assert all(item.printed in page and item.corrected in page for item in ERRATA)
        assert page.count("\n- the corrected form is proved for") == len(ERRATA)
    else:
        rows = [row for row in page.splitlines() if row.startswith("| ")][1:]
        assert len(rows) == len(list(mathematics.claims(__import__(f"derivations.{chapter}", fromlist=["x"]))))
        assert f"literalinclude}} ../../../derivations/{chapter}.py" in page


def test_every_formula_is_in_its_chapter():
    for formula in formulas.written():
        page = PAGES[f"mathematics/{mathematics.chapter_of(formula)}.md"]
        assert all(f"\n{equation}\n" in page for equation in formula.equations)
    assert sum(page.count("\n{py:obj}`") for page in PAGES.values()) == len(list(formulas.written()))


def test_every_chapter_is_in_the_list_and_in_the_book():
    for chapter in book.CHAPTERS:
        assert f"(generated/mathematics/{chapter}.md)" in PAGES["chapters.md"]
        assert f"\ngenerated/mathematics/{chapter}\n" in (DOCS / "mathematics.md").read_text(encoding="utf-8")
    assert f"| {sum(1 for _ in book.claims())} |" in PAGES["chapters.md"]


# ------------------------------------------------------------------------------------------------------------ benchmarks


@pytest.mark.parametrize("path", benchmarks.files(), ids=lambda path: path.stem)
def test_a_result_has_its_section(path):
    section = "\n".join(benchmarks.section(path))
    assert section.startswith("## ")
    assert f"bench/results/{path.name}" in section
    assert section in PAGES["results.md"]
    assert (path.with_suffix(".png").exists()) == (f"generated/{path.stem}.png)" in section)


def test_a_file_of_another_form_is_shown_as_it_is():
    rows = [{"sparsity": 0.9, "median": {"nerva_py": 1.23456, "pytorch": 9.0}}]
    results = {"processor": "P", "rows": rows, "data": "CIFAR-10"}
    text = benchmarks.tables("epoch", benchmarks.load("epoch"), results)
    assert "| sparsity | median, nerva_py | median, pytorch |" in text
    assert "| 0.9 | 1.235 | 9 |" in text
    assert "data: CIFAR-10" in text


# ---------------------------------------------------------------------------------------------------------- architecture


def test_the_arrows_are_those_of_the_contract():
    level = {name: number for number, layer in enumerate(architecture.layers()) for name in layer}
    arrows = architecture.arrows()
    assert all(level[name] < level[other] for name, other in arrows)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    upwards = {
        (name, other)
        for name, found in architecture.imports().items()
        for other in found
        if level[other] <= level[name]
    }
    assert upwards == set()
    assert not any("ignore_imports" in contract for contract in settings["contracts"])  # there is no exception


def test_what_is_not_drawn_is_reached_along_arrows():
    arrows = architecture.arrows()

    def reached(name: str) -> set[str]:
        direct = {other for start, other in arrows if start == name}
        return direct.union(*map(reached, direct))

    for name, found in architecture.imports().items():
        assert found <= reached(name)
    assert ("equations", "matrix") in arrows
    assert ("training", "matrix") not in arrows


def test_every_package_is_drawn_and_has_a_sentence():
    picture_ = ET.fromstring(architecture.picture())
    drawn = [element.text for element in picture_.iter() if element.tag.endswith("text")]
    assert sorted(drawn) == sorted(name for layer in architecture.layers() for name in layer)
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGES["packages.md"], re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(drawn)
    assert all(sentence.endswith(".") for _, sentence in rows)


def test_the_picture_of_the_one_idea_has_the_code_that_is_executed():
    """Otherwise: python -m docs.pages.picture"""
    assert picture.FILE.read_text(encoding="utf-8") == picture.picture()


# ------------------------------------------------------------------------------------------------------------- notebooks


def test_every_notebook_is_a_page():
    for path in notebooks.notebooks():
        assert f"tutorials/{path.name}" in PAGES
        assert f"(generated/tutorials/{path.name})" in PAGES["notebooks.md"]
