"""The picture of the one idea, for README and the start page: `python -m docs.pages.picture`.

The code in it is read from the function that is executed.
"""

from __future__ import annotations

import inspect
from html import escape
from pathlib import Path

from nerva_py.equations.linear import linear_backward

FILE = Path(__file__).parents[1] / "pictures" / "one-equation.svg"
WIDTH, HEIGHT = 960, 372
CARRIERS = (
    ("numpy.ndarray", ("dense layers,", "checks in float64"), "#0072B2"),
    ("SparseWeight", ("training: compiled loops,", "only what is not zero"), "#D55E00"),
    ("sympy.Matrix", ("exact gradients, entry by", "entry, also of a sparse W"), "#009E73"),
    ("IndexedMatrix", ("a proof for every batch", "size and layer width"), "#8A4B8F"),
)
SANS = "font-family: system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
MONO = "font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def picture() -> str:
    """The function in the middle, and below it what it runs on. On a light card of its own, for light and dark pages."""
    lines = inspect.getsource(linear_backward).rstrip().split("\n")
    lines = [line.partition("        ->")[0] + '"""' if "        ->" in line else line for line in lines]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img"'
        ' aria-label="One function, executed on four kinds of matrices">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="14" fill="#fbfaf7" stroke="#d9d5cb"/>',
        f'<text x="{WIDTH / 2:g}" y="40" text-anchor="middle" font-size="21" font-weight="600" fill="#222" style="{SANS}">'
        "Every equation is written once. What is proved is what is executed.</text>",
        f'<rect x="110" y="60" width="{WIDTH - 220}" height="114" rx="8" fill="#fff" stroke="#222" stroke-width="1.4"/>',
    ]
    for i, line in enumerate(lines):
        parts.append(
            f'<text x="132" y="{87 + 25 * i}" font-size="16.5" fill="{"#2b6a30" if i == 1 else "#222"}"'
            f' xml:space="preserve" style="{MONO}; white-space: pre">{escape(line, quote=False)}</text>'
        )
    width, gap = 212, 20
    left = (WIDTH - 4 * width - 3 * gap) / 2
    for i, (name, uses, colour) in enumerate(CARRIERS):
        x = left + i * (width + gap)
        middle = x + width / 2
        parts += [
            f'<path d="M{WIDTH / 2 + (i - 1.5) * 120:g} 173 C{WIDTH / 2 + (i - 1.5) * 120:g} 205 {middle:g} 195 {middle:g} 228"'
            f' fill="none" stroke="{colour}" stroke-width="2.4"/>',
            f'<path d="M{middle - 6:g} 226 L{middle:g} 238 L{middle + 6:g} 226 z" fill="{colour}"/>',
            f'<rect x="{x:g}" y="240" width="{width}" height="106" rx="8" fill="#fff" stroke="{colour}" stroke-width="2"/>',
            f'<text x="{middle:g}" y="271" text-anchor="middle" font-size="18" font-weight="600" fill="{colour}"'
            f' style="{MONO}">{name}</text>',
        ]
        for j, use in enumerate(uses):
            parts.append(
                f'<text x="{middle:g}" y="{300 + 23 * j}" text-anchor="middle" font-size="14.5" fill="#333" style="{SANS}">'
                f"{escape(use)}</text>"
            )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(picture(), encoding="utf-8")
