"""The packages and their arrows, drawn from the contract that import-linter checks and from the imports themselves."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "nerva_py"
WIDTH, ROW, BOX_WIDTH, BOX_HEIGHT, GAP = 760, 78, 116, 34, 22


def layers() -> list[list[str]]:
    """The layers of the contract, from above; names in one layer do not know of each other."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = next(c for c in settings["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]


def imports() -> dict[str, set[str]]:
    """Which packages each one imports, found in the source, wherever the statement stands."""
    names = {name for layer in layers() for name in layer}
    return {name: set(_imported(name)) & names - {name} for name in names}


def _imported(name: str) -> Iterator[str]:
    files = [PACKAGE / f"{name}.py"] if (PACKAGE / f"{name}.py").exists() else sorted((PACKAGE / name).rglob("*.py"))
    for file in files:
        depth = len(file.relative_to(PACKAGE).parts)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield from _second(alias.name)
            elif isinstance(node, ast.ImportFrom) and node.level in (0, depth):
                module = f"nerva_py.{node.module or ''}".rstrip(".") if node.level else node.module or ""
                yield from ((alias.name for alias in node.names) if module == "nerva_py" else _second(module))


def _second(module: str) -> Iterator[str]:
    root, _, rest = module.partition(".")
    if root == "nerva_py" and rest:
        yield rest.partition(".")[0]


def arrows() -> list[tuple[str, str]]:
    """The imports, without those that follow from others: what is not drawn is reached along what is."""
    level = {name: number for number, layer in enumerate(layers()) for name in layer}
    down = {name: {other for other in found if level[other] > level[name]} for name, found in imports().items()}
    reached: dict[str, set[str]] = {}
    for name in sorted(down, key=lambda n: -level[n]):
        reached[name] = down[name].union(*(reached[other] for other in down[name]))
    return [
        (name, other)
        for name in sorted(down, key=lambda n: level[n])
        for other in sorted(down[name])
        if not any(other in reached[between] for between in down[name] - {other})
    ]


def sentence(name: str) -> str:
    """The first sentence of the docstring."""
    file = PACKAGE / f"{name}.py" if (PACKAGE / f"{name}.py").exists() else PACKAGE / name / "__init__.py"
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    first = " ".join(docstring.split("\n\n")[0].split())
    return first.partition(". ")[0].rstrip(".") + "."


def packages() -> str:
    """A table: each package and its sentence, from above."""
    lines = ["| package | what it is |", "|---|---|"]
    lines += [f"| `{name}` | {sentence(name)} |" for layer in layers() for name in layer]
    return "\n".join(lines) + "\n"


# -------------------------------------------------------------------------------------------------------------- picture


def picture() -> str:
    """SVG in the colours of the page that it stands in."""
    place = positions()
    height = ROW * len(layers()) - (ROW - BOX_HEIGHT) + 4
    return "\n".join(
        [
            f'<svg class="arrows" viewBox="0 0 {WIDTH} {height}" role="img" xmlns="http://www.w3.org/2000/svg"'
            ' aria-label="Packages of nerva_py in layers; each imports from those below it only">',
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path d="M0 0 L8 4 L0 8 z"/></marker></defs>',
            *(_arrow(place[name], place[other]) for name, other in arrows()),
            *(_box(name, *place[name]) for name in place),
            "</svg>\n",
        ]
    )


def positions() -> dict[str, tuple[float, float]]:
    """The middle of the upper edge of each box."""
    found = {}
    for number, layer in enumerate(layers()):
        left = (WIDTH - len(layer) * BOX_WIDTH - (len(layer) - 1) * GAP) / 2 + BOX_WIDTH / 2
        for i, name in enumerate(sorted(layer, key=lambda n: ORDER.index(n) if n in ORDER else len(ORDER))):
            found[name] = (left + i * (BOX_WIDTH + GAP), 2.0 + number * ROW)
    return found


# From left to right, so that few arrows cross a box.
ORDER = (
    "exchange",
    "plots",
    "estimators",
    "doctor",
    "network",
    "data",
    "verify",
    "sparse",
    "equations",
    "files",
    "parts",
    "threads",
)


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x, y), (u, v) = (start[0], start[1] + BOX_HEIGHT), (end[0], end[1] - 1)
    bend = (v - y) / 2
    return f'<path class="arrow" d="M{x:g} {y:g} C{x:g} {y + bend:g} {u:g} {v - bend:g} {u:g} {v:g}"/>'


def _box(name: str, x: float, y: float) -> str:
    left = x - BOX_WIDTH / 2
    return (
        f'<g><rect x="{left:g}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/>'
        f'<text x="{x:g}" y="{y + BOX_HEIGHT / 2 + 5:g}">{escape(name)}</text></g>'
    )
