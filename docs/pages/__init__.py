"""Pages of the documentation that are generated, a module a kind: from docstrings, equations, claims and results."""

from __future__ import annotations

from pathlib import Path

from . import architecture, benchmarks, errata, mathematics, notebooks, reference

FOLDER = "generated"


def pages() -> dict[str, str]:
    """Every generated file, its path below docs/generated, and its text."""
    return {
        **reference.pages(),
        **mathematics.pages(),
        **errata.pages(),
        **notebooks.pages(),
        "chapters.md": mathematics.index(),
        "notebooks.md": notebooks.index(),
        "packages.md": architecture.packages(),
        "architecture.svg": architecture.picture(),
        "results.md": benchmarks.index(),
    }


def write(docs: Path) -> None:
    """Write what has changed, so that Sphinx reads again only that; remove what is no longer there."""
    folder = docs / FOLDER
    found = pages()
    for old in [path for path in folder.rglob("*") if path.is_file()]:
        if str(old.relative_to(folder)) not in found and old.suffix != ".png":
            old.unlink()
    for name, text in found.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    benchmarks.copy_pictures(folder)
