"""`nerva-py doctor`: shows what `nerva_py.doctor` finds out. Imported after the threads are configured."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from nerva_py.doctor import regions
from nerva_py.doctor.advice import Warning, is_bound, warnings
from nerva_py.doctor.availability import BackendState, backend_states
from nerva_py.doctor.machine import processor, versions
from nerva_py.doctor.regions import Regions
from nerva_py.doctor.speed import BATCH, DENSITY, PRODUCTS, SHAPE, dense_rate, product_rates
from nerva_py.engine.compiling import JIT
from nerva_py.errors import NervaError
from nerva_py.threads import THREAD_VARIABLES

from .compilation import compilation_notice
from .output_files import why_not
from .screen import aligned, make_console

STAGES = ("threads of a script", "threads", "dense product", "products")


def run(given: Mapping[str, str], cores: int, file: Path | None) -> None:
    """Measure, show, and write to the file. `given` is the environment that the user started the command in, `cores` are
    those that the process may use."""
    if file is not None and (reason := why_not(file, appended=False)):
        raise NervaError(f"--json {file}: {reason}")
    console = make_console()
    with compilation_notice(console), _progress(console) as show:
        show("threads of a script")
        # First of all: once OpenMP is loaded here, this thread is bound to a core, and a new process would inherit that.
        scripts = _in_scripts(given) if JIT else None
        backends = backend_states()
        _print(console, "Machine", _machine(cores))
        _print(console, "Versions", aligned([[name, found] for name, found in versions().items()], left=2))
        show("threads")
        here = regions.measure() if JIT else None
        _print(console, "Threads", _threads(here, scripts, given))
        _print(console, "Backends", _backends(backends))
        dense: float | None = None
        if JIT:
            show("dense product")
            dense = dense_rate()
        show("products")
        rates = {state.name: product_rates(state.name) for state in backends if state.works}
        _print(console, _speed_title(), _speed(rates, dense))

    advice = warnings(here, scripts, os.environ, given, cores, backends)
    _print_advice(console, advice)
    if file is not None:
        document = {
            "machine": {"processor": processor(), "system": platform.platform(terse=True), "cores": cores},
            "python": platform.python_version(),
            "versions": versions(),
            "environment": _variables(os.environ),
            "environment_of_scripts": _variables(given),
            "threads": here and asdict(here),
            "threads_of_scripts": scripts and asdict(scripts),
            "backends": [{**asdict(state), "works": state.works} for state in backends],
            "case": {"shape": SHAPE, "density": DENSITY, "batch": BATCH, "dtype": "float32"},
            "gflops": {**rates, "dense": dense},
            "warnings": [asdict(each) for each in advice],
        }
        file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _in_scripts(given: Mapping[str, str]) -> Regions | None:
    """What a user's own script gets; None where it could not be started."""
    try:
        return regions.measure_elsewhere(dict(given))
    except (OSError, subprocess.CalledProcessError):
        return None


# ---------------------------------------------------------------------------------------------------------- paragraphs


def _machine(cores: int) -> list[str]:
    system = f"{platform.system()} {platform.machine()}"
    rows = [["processor", processor()], ["cores", str(cores)], ["python", f"{platform.python_version()} on {system}"]]
    return aligned(rows, left=2)


def _threads(here: Regions | None, scripts: Regions | None, given: Mapping[str, str]) -> list[str]:
    """Layer, number, binding and the time of an empty parallel region: of this command, and of the user's own scripts."""
    rows = [["", "layer", "threads", "bound", "empty region", "time in stalls"]]
    for name, found, environment in (("nerva-py", here, os.environ), ("a script", scripts, given)):
        if found is not None:
            bound = found.layer == "omp" and is_bound(environment)
            cells = [found.layer, str(found.threads), "yes" if bound else "no", f"{1e6 * found.median:.1f} µs"]
            rows.append([name, *cells, f"{found.stalled:.0%}"])
    lines = aligned(rows) if len(rows) > 1 else ["nothing is compiled, so there are no threads"]
    settings = [f"{name}={value}" for name, value in _variables(os.environ).items()]
    return [*lines, *settings]


def _backends(backends: Sequence[BackendState]) -> list[str]:
    rows = [[state.name, "works" if state.works else state.reason] for state in backends]
    lines = aligned(rows, left=2)
    cures = [state.cure for state in backends]
    return [f"{line}; cure: {cure}" if cure else line for line, cure in zip(lines, cures, strict=True)]


def _speed_title() -> str:
    K, D = SHAPE
    return f"GFLOP/s, W {K}×{D} of density {DENSITY:g}, batch {BATCH}, float32"


def _speed(rates: Mapping[str, Mapping[str, float]], dense: float | None) -> list[str]:
    rows = [["", *rates]]
    rows += [[formula, *(f"{found[name]:.1f}" for found in rates.values())] for name, formula in PRODUCTS.items()]
    lines = aligned(rows)
    if dense is not None:
        lines.append(f"dense X Wᵀ (sgemm): {dense:.1f}")
    return lines


def _print_advice(console: Console, advice: Sequence[Warning]) -> None:
    console.print()
    for warning in advice:
        console.print(f"WARNING: {warning.problem}", style="bold red")
        console.print(f"  cure: {warning.cure}")
    if not advice:
        console.print("nothing to complain about", style="green")


# -------------------------------------------------------------------------------------------------------------- screen


@contextmanager
def _progress(console: Console) -> Iterator[Any]:
    """A function that shows on a terminal what is being measured."""
    bar = Progress(
        TextColumn("measuring"),
        BarColumn(20),
        TextColumn("{task.description}"),
        console=console,
        auto_refresh=False,  # a thread that draws would take a core from what is measured
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not console.is_terminal or console.is_dumb_terminal,
    )
    task = bar.add_task("", total=len(STAGES))

    def show(step: str) -> None:
        bar.update(task, completed=STAGES.index(step), description=step)
        bar.refresh()

    with bar:
        yield show


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[name] for name in THREAD_VARIABLES if name in environment}


def _print(console: Console, title: str, lines: Sequence[str]) -> None:
    """A paragraph with its title."""
    console.print()
    console.print(title, style="bold")
    console.print("\n".join(f"  {line}" for line in lines))
