"""`python -m derivations.mutation`: mutate every equation, and let the proofs reject each mutant. 1 if one survives."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Before NumPy and Numba are imported: no threads, which a fork would lose, and no compiler.
os.environ.update(NUMBA_DISABLE_JIT="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", OMP_NUM_THREADS="1")

import numba.core.typing
import numpy.random  # noqa: F401  imported once, here, and not again in each child
import scipy.sparse
import sympy  # noqa: F401

from derivations.book import CHAPTERS

from .equivalent import EQUIVALENT
from .mutants import MODULES, Mutant, mutants_of
from .trial import ERROR, PROOF, SHAPE, SURVIVED, Measured, Place, Verdict, in_children, measure, try_claims

EQUIVALENT_OUTCOME = "equivalent"
COLUMNS = (PROOF, SHAPE, "cannot run", SURVIVED, EQUIVALENT_OUTCOME, ERROR)


@dataclass
class Row:
    """A mutant with its verdict."""

    mutant: Mutant
    verdict: Verdict

    @property
    def outcome(self) -> str:
        known = self.mutant.key in EQUIVALENT
        if known and self.verdict.outcome == SURVIVED:
            return EQUIVALENT_OUTCOME
        return self.verdict.outcome

    def as_dict(self) -> dict[str, Any]:
        row = {"mutant": self.mutant.key, **asdict(self.verdict), "outcome": self.outcome}
        return row | ({"argument": EQUIVALENT[self.mutant.key]} if self.outcome == EQUIVALENT_OUTCOME else {})


class Trials:
    """The mutants, the claims about each in the order in which they are tried, and what has come out."""

    def __init__(self, mutants: Sequence[Mutant], measured: Sequence[Measured], limit: float):
        self.mutants = mutants
        self.measured = sorted(measured, key=lambda one: one.seconds)
        self.limit = limit
        self.rows: list[Row] = []
        self._rejected: dict[str, Counter[Place]] = {}

    def places(self, mutant: Mutant) -> list[Place]:
        """Only a claim that executes the function can see the change. Those first that rejected others of its mutants, if
        they are quick; then the quickest first."""
        name = f"{mutant.module}:{mutant.function}"
        reaching = [
            one
            for one in self.measured
            if any(reached == name or reached.startswith(f"{name}.") for reached in one.reached)
        ]
        before = self._rejected.get(name, Counter())
        return [one.place for one in sorted(reaching, key=lambda one: -before[one.place] if one.seconds < 0.5 else 0)]

    def run(self, workers: int) -> Iterator[Row]:
        jobs = (
            (m, try_claims, (m.module, m.source, self.places(m), self._limit(m)), self._limit(m)) for m in self.mutants
        )
        for mutant, result, seconds in in_children(jobs, workers):
            if result is None:
                result = Verdict(SURVIVED, detail="the proofs did not end in time, or the process died")
            elif isinstance(result, Exception):
                result = Verdict(ERROR, detail=repr(result))
            if result.place:
                name = f"{mutant.module}:{mutant.function}"
                self._rejected.setdefault(name, Counter())[result.place] += 1
            row = Row(mutant, Verdict(result.outcome, result.claim, result.detail, result.place, round(seconds, 3)))
            self.rows.append(row)
            yield row

    def _limit(self, mutant: Mutant) -> float:
        return min(self.limit, 10.0) if mutant.key in EQUIVALENT else self.limit


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    start = time.perf_counter()
    modules = [m for m in MODULES if not options.module or any(wanted in m for wanted in options.module)]
    mutants = [m for module in modules for m in mutants_of(module) if options.function in m.function]
    stale = [] if options.limit or options.function else stale_keys(mutants, modules)
    if options.limit:
        mutants = mutants[:: max(1, len(mutants) // options.limit)][: options.limit]
    if options.list:
        print(*(m.key for m in mutants), sep="\n")
        return 0
    measured = measure_all(options.chapter or CHAPTERS, modules, options.jobs)
    wrong = [one for one in measured if one.error]
    for one in wrong:
        print(f"not proved without any mutation: {one.name}\n    {one.error}")
    if wrong:
        return 1
    trials = Trials(mutants, measured, options.seconds)
    progress("")
    for number, row in enumerate(trials.run(options.jobs), 1):
        progress(f"{number}/{len(mutants)} mutants, {time.perf_counter() - start:.0f} s")
        if row.outcome in (SURVIVED, ERROR) or (options.verbose and row.outcome not in (PROOF, SHAPE)):
            progress("")
            print(describe(row), flush=True)
    progress("")
    seconds = time.perf_counter() - start
    problems = [r for r in trials.rows if r.outcome in (SURVIVED, ERROR)]
    not_equivalent = [r for r in trials.rows if r.mutant.key in EQUIVALENT and r.outcome != EQUIVALENT_OUTCOME]
    for row in not_equivalent:
        print(f"said to be equivalent, but {row.outcome}: {row.mutant.key}\n    {row.verdict.claim}")
    for key in stale:
        print(f"equivalent.py names a mutant that does not exist: {key}")
    print(table(trials.rows, modules))
    print(f"{len(trials.rows)} mutants, {len(measured)} claims, {seconds:.0f} s on {options.jobs} cores")
    if options.json:
        report = {"seconds": round(seconds, 1), "mutants": [r.as_dict() for r in trials.rows]}
        options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return int(bool(problems or stale or not_equivalent))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m derivations.mutation", description=__doc__)
    parser.add_argument("--module", action="append", default=[], help="only files whose name contains this; repeatable")
    parser.add_argument("--function", default="", help="only functions whose name contains this")
    parser.add_argument("--chapter", action="append", default=[], help="only the proofs of this chapter; repeatable")
    parser.add_argument("--limit", type=int, default=0, help="at most so many mutants, spread over the files")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each mutant; default 60")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; default: one a core")
    parser.add_argument("--json", type=Path, help="write all verdicts to this file")
    parser.add_argument("--list", action="store_true", help="print the mutants, try nothing")
    parser.add_argument("--verbose", action="store_true", help="print equivalent mutants and those that cannot run, too")
    return parser.parse_args(arguments)


def measure_all(chapters: Iterable[str], modules: Sequence[str], workers: int) -> list[Measured]:
    """Every claim once, about the unchanged equations."""
    jobs = ((chapter, measure, (chapter, modules), 600.0) for chapter in chapters)
    measured: list[Measured] = []
    for chapter, result, seconds in in_children(jobs, workers):
        if not isinstance(result, list):
            raise SystemExit(f"chapter {chapter} cannot be tried: {result!r}")
        progress(f"chapter {chapter}: {len(result)} claims, {seconds:.0f} s")
        measured += result
    return measured


def stale_keys(mutants: Iterable[Mutant], modules: Sequence[str]) -> list[str]:
    """The keys of `equivalent` that name no mutant."""
    keys = {m.key for m in mutants}
    prefixes = tuple(f"{m.removeprefix('nerva_py.')}." for m in modules)
    return [key for key in EQUIVALENT if key.startswith(prefixes) and key not in keys]


def describe(row: Row) -> str:
    lines = [f"{row.outcome}: {row.mutant.key}", row.mutant.diff(), row.verdict.detail, EQUIVALENT.get(row.mutant.key, "")]
    return "\n    ".join("\n".join(line for line in lines if line).splitlines())


def table(rows: Sequence[Row], modules: Sequence[str]) -> str:
    """How many mutants of each file came to which end."""
    counts = {module: Counter(r.outcome for r in rows if r.mutant.module == module) for module in modules}
    width = max(map(len, counts), default=5)
    head = f"{'file':{width}}  {'mutants':>8}" + "".join(f"{c:>12}" for c in COLUMNS)
    lines = [
        f"{name:{width}}  {sum(count.values()):8}" + "".join(f"{count[c]:12}" for c in COLUMNS)
        for name, count in [*counts.items(), ("total", sum(counts.values(), Counter()))]
    ]
    return "\n".join([head, *lines])


def progress(text: str) -> None:
    """One line that is written over and over, on a terminal; else nothing."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
