"""MathJax from an installed package, so that formulas are typeset without a network."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

PACKAGE = "sphinx-mathjax-offline"
PARTS = ("tex-chtml.js", "input/tex/extensions", "output/chtml/fonts")  # what pages with TeX load; the rest is 20 MB


def copy(static: Path) -> None:
    """The parts that are needed, once."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{PACKAGE} is needed for formulas: pip install {PACKAGE}")
    source = Path(spec.origin).parent / "static" / "mathjax"
    for part in PARTS:
        target = static / "mathjax" / part
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            shutil.copytree(source / part, target)
        else:
            shutil.copy(source / part, target)
