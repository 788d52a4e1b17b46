"""The page "one step, line by line" tells of every function that a step calls, and shows no other."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import nerva_py as nv
from nerva_py.engine import compiling
from nerva_py.training.loop import begin
from tests.docs.test_links import LISTING, ROOT

PACKAGE = Path(nv.__file__).parent
PAGE = ROOT / "docs" / "howto" / "one-step.md"
pytestmark = pytest.mark.skipif(not compiling.JIT, reason="what is not compiled is called for each number")

# Below the page's level: compiled loops and what hands arrays to them, memory, threads, checks of arguments.
BELOW = ("engine/", "sparse/")
# Properties, and what only picks one thing out of another.
SMALL = {"MLP.first_trained", "LinearLayer.parameters", "Outer.__init__", "_Fixed.__call__"}


def called() -> set[str]:
    """module.py function, for each function of nerva_py that the second step of the page's network calls."""
    data = nv.load_dataset("digits")
    network = nv.mlp("ReLU;ReLU;Linear", [64, 256, 128, 10], overall_density=0.1, weights="SparseHe", seed=1)
    run = begin(network, data, "SoftmaxCrossEntropy", "Nesterov(0.9)", 0.02, epochs=1, batch_size=100, seed=1)
    first, second = (run.batch(run.pool[start : start + 100]) for start in (0, 100))
    run.step(first)  # compiles
    found = set()

    def note(frame, event, argument):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(PACKAGE)):
            found.add(f"{Path(code.co_filename).relative_to(PACKAGE).as_posix()} {code.co_qualname}")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run.step(second)
    finally:
        sys.setprofile(before)
    return found


@pytest.fixture
def functions() -> set[str]:
    return {name for name in called() if "<locals>" not in name}


def listed() -> set[str]:
    listings = LISTING.findall(PAGE.read_text(encoding="utf-8"))
    return {f"{name.removeprefix('../../nerva_py/')} {function}" for name, function in listings}


def test_what_is_listed_is_called(functions):
    # Definitions and update equations stand for what is compiled from them.
    compiled = {
        "equations/linear.py linear",
        "equations/losses.py softmax_cross_entropy_gradient",
        "equations/updates.py nesterov",
        "equations/activation_layer.py activation_layer",
        "matrix/primitives.py updated",
    }
    assert compiled <= listed()
    assert listed() - compiled <= functions


def test_what_is_called_is_on_the_page(functions):
    text = PAGE.read_text(encoding="utf-8")
    words = set(re.findall(r"`([\w.]+)`", text)) | {function for _, function in LISTING.findall(text)}
    above = {name.split()[1] for name in functions if not name.startswith(BELOW)} - SMALL
    assert len(above) > 12
    assert {name for name in above if not {name, name.removesuffix(".__call__")} & words} == set()
