"""The notebooks of `tutorials/`: copied beside the other pages, where myst-nb executes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

TUTORIALS = Path(__file__).parents[2] / "tutorials"


def pages() -> dict[str, str]:
    return {f"tutorials/{path.name}": path.read_text(encoding="utf-8") for path in notebooks()}


def notebooks() -> list[Path]:
    """In their order: they begin with numbers."""
    return sorted(TUTORIALS.glob("[0-9][0-9]_*.ipynb"))


def index() -> str:
    """The list for the page that is written by hand: titles and what is done in each."""
    return "\n".join(_entries()) + "\n"


def _entries() -> Iterator[str]:
    for path in notebooks():
        title, doing = _opening(path)
        yield f"- [{title}](generated/tutorials/{path.name}){f': {doing}' if doing else ''}"
    if notebooks():
        yield from (
            "",
            "```{toctree}",
            ":hidden:",
            "",
            *(f"generated/tutorials/{path.stem}" for path in notebooks()),
            "```",
        )


def _opening(path: Path) -> tuple[str, str]:
    """The title, and the sentence behind "What you'll do"."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n\n".join("".join(cell["source"]) for cell in cells[:3] if cell["cell_type"] == "markdown")
    title = next((line.lstrip("# ") for line in text.splitlines() if line.startswith("# ")), path.stem)
    _, _, rest = text.replace("’", "'").partition("What you'll do")
    doing = rest.lstrip("*.:# \n").partition("\n\n")[0]
    return title, " ".join(doing.split())
