"""How much a stranger reads who follows one training step of a sparse network: the page "One step, line by line" stays honest.

Counted is what one step executes in nerva_py, outside of compiled loops. Checks of arguments (that shapes, types and layouts
fit) stay, and are counted apart.
"""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from pathlib import Path

import pytest

import nerva_py as nv
from nerva_py.engine import compiling, workspace
from nerva_py.training.loop import begin, compile_kernels

ROOT = Path(nv.__path__[0])
LOOPS = {"engine/elementwise.py", "engine/rowwise.py", "sparse/kernels/compiled.py"}
CHECKS = {"batch_layout", "_vector", "_largest", "_checked_rows", "_checked_indices"}

Function = tuple[str, str, int]  # file, name, first line


def is_loop(function: Function) -> bool:
    file, name, _ = function
    return file in LOOPS or name == "gather_bytes"


def is_check(function: Function) -> bool:
    file, name, _ = function
    return file == "sparse/fitting.py" or name in CHECKS


def executed_in_a_step() -> Counter[Function]:
    """How often each function of nerva_py is called in one step, when everything is compiled."""
    network = nv.mlp("ReLU;ReLU;Linear", [64, 256, 128, 10], overall_density=0.1, seed=1)
    run = begin(network, nv.load_dataset("digits"), "SoftmaxCrossEntropy", "Nesterov(0.9)", 0.02, 1, 20, seed=1)
    compile_kernels(run)
    calls: Counter[Function] = Counter()

    def note(frame, event, argument) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT):
            name = getattr(frame.f_code, "co_qualname", frame.f_code.co_name)
            calls[path.relative_to(ROOT).as_posix(), name, frame.f_code.co_firstlineno] += 1

    rows = run.pool[:20]
    with workspace():
        run.step(run.batch(rows))
        before = sys.getprofile()
        sys.setprofile(note)
        try:
            run.step(run.batch(rows))
        finally:
            sys.setprofile(before)
    return calls


@pytest.mark.skipif(not compiling.JIT, reason="what is not compiled is called for each number")
@pytest.mark.usefixtures("one_thread")
def test_a_step_is_short() -> None:
    path = {f: n for f, n in executed_in_a_step().items() if not is_loop(f) and not is_check(f)}
    named = [f for f in path if not f[1].endswith(">")]  # a comprehension is a part of its function
    sources = {file: (ROOT / file).read_text(encoding="utf-8").splitlines(keepends=True) for file, _, _ in path}
    lines = sum(len(inspect.getblock(sources[file][first - 1 :])) for file, _, first in named)
    assert len(sources) <= 18, sorted(sources)
    assert len(path) <= 60, sorted(path)
    assert sum(path.values()) <= 160, sorted(path.items())
    assert lines <= 350
    assert {"training/run.py", "network/mlp.py", "matrix/outer.py", "equations/linear.py"} <= set(sources)
