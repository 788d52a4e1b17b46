"""The documentation: `make docs` builds it into docs/_build/html.

Pages of three kinds: written by hand (here and in howto/), generated (pages/ says from what), and the notebooks of tutorials/,
which are executed; `NERVA_DOCS=fast` leaves that out, `NERVA_TUTORIALS=short` lets them take less time.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from docs import pages
from docs.pages import mathematics, mathjax, reference

project = "nerva_py"
author = "the nerva_py authors"
copyright = author
release = importlib.metadata.version("nerva-py")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
]
exclude_patterns = ["_build", "pages", "generated/*.md", "generated/tutorials/*.py"]
nitpicky = True
nitpick_ignore = [  # in signatures of public classes, but not public themselves
    ("py:class", "nerva_py.matrix.outer.Term"),
    ("py:class", "nerva_py.network.layers.ActivationTape"),
    ("py:class", "nerva_py.network.layers.BatchNormTape"),
    ("py:class", "nerva_py.network.layers.LinearTape"),
    ("py:class", "nerva_py.network.outputs.Output"),
    ("py:class", "nerva_py.parts.Part"),
    ("py:class", "nerva_py.training.parallel.Distribution"),
    ("py:class", "nerva_py.training.weighting.RunningLoss"),
]
nitpick_ignore_regex = [(r"py:.*", r"(?!nerva_py\.).*")]  # types of other libraries: their pages are not at hand

# ---------------------------------------------------------------------------------------------------------- text, formulas

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
myst_dmath_double_inline = True
mathjax_path = "mathjax/tex-chtml.js"
suppress_warnings = ["misc.highlighting_failure"]  # a block without a language is not always Python
smartquotes = False  # what stands in quotes is often a specification string

# -------------------------------------------------------------------------------------------------------------- notebooks

nb_execution_mode = "off" if os.environ.get("NERVA_DOCS") == "fast" else "cache"
nb_execution_cache_path = str(HERE / "_build" / "notebooks")
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True

# -------------------------------------------------------------------------------------------------------------- reference

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_type_aliases = {name: name for name in ("ArrayLike", "DTypeLike")}
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# ------------------------------------------------------------------------------------------------------------------ pages

html_theme = os.environ.get("NERVA_THEME", "furo")
html_title = "nerva_py"
html_static_path = ["_static", "_build/static"]
html_css_files = ["nerva.css"]
html_copy_source = False
html_show_sphinx = False


def setup(app: Any) -> None:
    mathjax.copy(HERE / "_build" / "static")
    pages.write(HERE)
    app.connect(
        "autodoc-process-docstring",
        reference.process(reference.targets(), mathematics.latex_by_name()),
        priority=400,  # before numpydoc, which reads what this one writes
    )
    app.connect("missing-reference", reference.moved(reference.defined_as()))
