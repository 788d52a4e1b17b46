"""What the benchmarks share: contenders in processes of their own, rounds that alternate, tables, files and pictures.

A contender is a class whose methods are called from another process: `Process(script, name, threads).ask(method, ...)`
starts `python script contender NAME` with the threads and the binding of `machine.environment`, and sends the call as a
line of JSON. A script ends with `harness.run(main, CONTENDERS)`, which serves the one or starts the other.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import machine
import typer

from nerva_py.doctor.timing import Times, least_and_median, seconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Times", "least_and_median", "seconds"]  # the stopwatch is the library's own; scripts know it by this module

Threads = Annotated[int, typer.Option(min=1, help="Threads of every contender.")]
Short = Annotated[bool, typer.Option("--short", help="Small sizes and few rounds: does it work at all?")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write facts of the machine and all rows to this file.")]
PlotFile = Annotated[Path | None, typer.Option("--plot", help="Draw a picture into this file.")]

# Okabe and Ito's colours, told apart with any colour vision; lines differ by their markers, too.
STYLES = {
    "nerva_py": {"color": "#D55E00", "marker": "o", "linewidth": 2.2, "zorder": 3},
    "MKL": {"color": "#0072B2", "marker": "s"},
    "sparse_dot_mkl": {"color": "#56B4E9", "marker": "D"},
    "torch CSR": {"color": "#009E73", "marker": "^"},
    "SciPy": {"color": "#CC79A7", "marker": "v"},
    "dense BLAS": {"color": "#000000", "marker": "x", "linestyle": "--"},
    "masked PyTorch": {"color": "#000000", "marker": "x", "linestyle": "--"},
}


class Process:
    """A contender in a process of its own."""

    def __init__(self, script: str, name: str, threads: int, **environment: str):
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, script, "contender", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**machine.environment(threads), **environment},
        )

    def ready(self) -> str | None:
        """Wait until it has started; why it cannot run, if it cannot. To be asked once, before all else."""
        reason: str | None = self._answer()
        return reason

    def ask(self, method: str, **arguments: Any) -> Any:
        assert self._process.stdin
        print(json.dumps([method, arguments]), file=self._process.stdin, flush=True)
        return self._answer()

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"contender {self.name!r} ended; see its message above")
        return json.loads(line)


def processes(script: str, names: Sequence[str], threads: int) -> dict[str, Process]:
    """The contenders that can run; those that cannot are named on standard error."""
    started = {name: Process(script, name, threads) for name in names}
    for name, process in list(started.items()):
        if reason := process.ready():
            print(f"{name} is left out: {reason}", file=sys.stderr)
            started.pop(name).close()
    return started


def run(main: Callable[..., None], contenders: dict[str, Callable[[], Any]]) -> None:
    """What every script ends with."""
    if sys.argv[1:2] == ["contender"]:
        _serve(contenders[sys.argv[2]])
    else:
        typer.run(main)


def _serve(factory: Callable[[], Any]) -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer

    def answer(value: Any) -> None:
        print(json.dumps(value), file=answers, flush=True)

    try:
        contender = factory()
    except ImportError as error:
        answer(str(error))
        return
    answer(None)
    for line in sys.stdin:
        method, arguments = json.loads(line)
        answer(getattr(contender, method)(**arguments))


def thread_count() -> int:
    """In a contender's process: how many threads it is to use."""
    return int(os.environ["OMP_NUM_THREADS"])


# ---------------------------------------------------------------------------------------------------------------- times


def alternate(calls: dict[str, Callable[[], Times]], rounds: int) -> dict[str, Times]:
    """Rounds in which every contender has its turn: the fastest call of all, and the median of the rounds' medians."""
    found: dict[str, list[Times]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            found[name].append(call())
    return {name: merged(each) for name, each in found.items()}


def merged(rounds: Sequence[Times]) -> Times:
    """The fastest call of all rounds, and the median of their medians."""
    return {
        "minimum": min(times["minimum"] for times in rounds),
        "median": statistics.median(times["median"] for times in rounds),
    }


# ------------------------------------------------------------------------------------------------------------- results


def heading(threads: int) -> dict[str, Any]:
    """Print and return the facts of the machine."""
    facts = machine.facts(threads)
    print(f"{facts['processor']}, {threads} threads, {facts['binding']}, commit {facts['commit']}\n", flush=True)
    return facts


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a markdown table."""
    cells = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    cells.insert(1, [width * "-" for width in widths])
    for row in cells:
        print("| " + " | ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) + " |")
    print(flush=True)


def time_text(value: float) -> str:
    """Three digits and a unit."""
    return _with_unit(value, (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)))


def size_text(value: float) -> str:
    """Three digits and a unit."""
    return _with_unit(value, (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)))


def _with_unit(value: float, units: Sequence[tuple[str, float]]) -> str:
    """In the largest unit of which there is one at least, else in the smallest."""
    unit, scale = next((pair for pair in units if value >= pair[1]), units[-1])
    return f"{value / scale:.3g} {unit}"


def write_json(path: Path | None, facts: dict[str, Any], **results: Any) -> None:
    """Facts and rows to the file, if there is one."""
    if path:
        path.write_text(json.dumps({**facts, **results}, indent=1, ensure_ascii=False) + "\n")


def new_figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=150, layout="constrained")


def bare(ax: Axes) -> None:
    """Axes to the left and below only, with a faint grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.25, which="major")
    ax.set_axisbelow(True)
