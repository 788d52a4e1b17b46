"""`python -m derivations.mutation`: change every equation, and let the proofs reject each change. 1 if one survives."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import sympy

from derivations.book import CHAPTERS

from .equivalent import EQUIVALENT
from .mutants import MODULES, mutants_of
from .report import Trials, measure_all, progress, stale_keys, table


def prepare() -> None:
    """Import what every child needs, once; without a compiler, and without threads, which a fork would lose."""
    os.environ.update(NUMBA_DISABLE_JIT="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", OMP_NUM_THREADS="1")
    for name in ("numpy", "scipy.sparse", "numba", "numba.core.typing"):
        importlib.import_module(name)
    # What SymPy imports only when it is used.
    x = sympy.Symbol("x")
    sympy.lambdify(x, sympy.simplify(sympy.exp(x) / (1 + sympy.exp(x))), "mpmath")(1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials that the options ask for; returns the exit code."""
    options = parse(arguments)
    start = time.perf_counter()
    modules = [m for m in MODULES if not options.module or any(wanted in m for wanted in options.module)]
    everything = [m for module in modules for m in mutants_of(module)]
    stale = stale_keys(everything, modules, EQUIVALENT)
    mutants = [m for m in everything if options.function in m.function]
    if options.limit:
        mutants = mutants[:: max(1, len(mutants) // options.limit)][: options.limit]
    if options.list:
        print(*(m.key for m in mutants), sep="\n")
        return 0

    measured = measure_all(options.chapter or CHAPTERS, modules, options.jobs)
    if wrong := [one for one in measured if one.error]:
        print(*(f"not proved without any change: {one.name}\n    {one.error}" for one in wrong), sep="\n")
        return 1

    rows = []
    for row in Trials(mutants, measured, EQUIVALENT, options.seconds).run(options.jobs):
        rows.append(row)
        if row.is_problem or (options.verbose and row.argument):
            progress()
            print(row, flush=True)
        progress(f"{len(rows)} of {len(mutants)} mutants, {time.perf_counter() - start:.0f} s")
    progress()
    for key in stale:
        print(f"equivalent.py names a mutant that does not exist: {key}")
    print(table(rows, modules))
    seconds = time.perf_counter() - start
    print(f"{len(rows)} mutants, {len(measured)} claims, {seconds:.0f} s on {options.jobs} cores")
    if options.json:
        report = {"seconds": round(seconds, 1), "mutants": [row.as_dict() for row in rows]}
        options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return int(bool(stale) or any(row.is_problem for row in rows))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m derivations.mutation", description=__doc__)
    parser.add_argument("--module", action="append", default=[], help="only files whose name contains this; repeatable")
    parser.add_argument("--function", default="", help="only functions whose name contains this")
    parser.add_argument("--chapter", action="append", default=[], help="only the proofs of this chapter; repeatable")
    parser.add_argument("--limit", type=int, default=0, help="at most so many mutants, spread over the files")
    parser.add_argument("--seconds", type=float, default=60.0, help="of CPU time for a mutant; default 60")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; default: one a core")
    parser.add_argument("--json", type=Path, help="write all verdicts to this file")
    parser.add_argument("--list", action="store_true", help="print the mutants, try nothing")
    parser.add_argument("--verbose", action="store_true", help="print equivalent mutants, too, with the argument")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    prepare()
    sys.exit(main())
