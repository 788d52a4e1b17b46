"""`python -m tests.mutation`: change the code around the equations, and let the tests notice. 1 if fewer than 97 % do."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from derivations.mutation.mutants import read
from derivations.mutation.trial import in_children

from .coverage import DATA, FOLDER, Coverage, Test, measure
from .equivalent import EQUIVALENT
from .slips import Mutant, modules, mutants_of
from .trial import BROKEN, KILLED, SURVIVED, TIMED_OUT, UNTESTED, Outcome, judge, prepare
from .trial import EQUIVALENT as RIGHTLY

ENOUGH = 0.97
QUICK = 20.0  # seconds of tests that are tried first; the others follow if none of these fails
MOST = 240.0  # seconds of tests for a mutant


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials that the options ask for; returns the exit code."""
    options = parse(arguments)
    chosen = [m for name in modules() if options.module in name for m in mutants_of(name)]
    mutants = chosen[:: max(1, len(chosen) // options.limit)][: options.limit] if options.limit else chosen
    if options.list:
        print(*(m.key for m in mutants), sep="\n")
        return 0
    if options.measure or not DATA.exists():
        print("measuring which tests execute which line: as long as `make test`, once", flush=True)
        measure(options.jobs)
    coverage = Coverage()
    if coverage.is_stale:
        print("a file was changed after it was measured; --measure measures anew", flush=True)
    prepare(FOLDER / "kernels")
    if wrong := list(unchanged(mutants, coverage, options.jobs)):
        print(*wrong, "tests must pass on the unchanged code first", sep="\n")
        return 1
    start, found = time.perf_counter(), []
    for mutant, outcome in trials(mutants, coverage, options.jobs):
        found.append((mutant, outcome))
        if outcome.verdict not in (KILLED, TIMED_OUT, RIGHTLY):
            print(f"{outcome.verdict}: {mutant.key}  {outcome.test}", flush=True)
        if options.json:
            report = [{"mutant": m.key, "verdict": o.verdict, "test": o.test} for m, o in found]
            options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    counts = Counter(outcome.verdict for _, outcome in found)
    told = ", ".join(f"{number} {verdict}" for verdict, number in counts.most_common())
    judged = len(found) - counts[RIGHTLY]
    killed = (counts[KILLED] + counts[TIMED_OUT]) / max(1, judged)
    print(f"{len(found)} mutants of {len(chosen)} in {time.perf_counter() - start:.0f} s: {told}; {killed:.1%} noticed")
    return int(killed < ENOUGH)


def unchanged(mutants: Sequence[Mutant], coverage: Coverage, jobs: int) -> Iterator[str]:
    """What fails without any change, of the tests of one mutant of each package."""
    ones = {m.module.split(".")[1]: m for m in mutants}.values()
    waiting = [(replace(m, source=read(m.module)), _first(coverage.tests(m.module, m.lines), QUICK)[0]) for m in ones]
    for mutant, outcome in _tried(waiting, jobs):
        if outcome.verdict != SURVIVED:
            yield f"{mutant.module} unchanged: {outcome.verdict}, {outcome.test}"


def trials(mutants: Sequence[Mutant], coverage: Coverage, jobs: int) -> Iterator[tuple[Mutant, Outcome]]:
    """Each mutant and what became of it: first with its quick tests; those that are left with the others too."""
    waiting: list[tuple[Mutant, list[Test]]] = []
    later: list[tuple[Mutant, list[Test]]] = []
    for mutant in mutants:
        tests = coverage.tests(mutant.module, mutant.lines)
        if mutant.key in EQUIVALENT:
            yield mutant, Outcome(RIGHTLY, EQUIVALENT[mutant.key])
        elif not tests:
            yield mutant, Outcome(UNTESTED)
        else:
            quick, rest = _first(tests, QUICK)
            waiting.append((mutant, quick))
            if rest:
                later.append((mutant, _first(rest, MOST)[0]))
    again = {mutant.key: tests for mutant, tests in later}
    for mutant, outcome in _tried(waiting, jobs):
        if outcome.verdict != SURVIVED or mutant.key not in again:
            again.pop(mutant.key, None)
            yield mutant, outcome
    yield from _tried([(mutant, tests) for mutant, tests in later if mutant.key in again], jobs)


def _first(tests: Sequence[Test], seconds: float) -> tuple[list[Test], list[Test]]:
    """As many tests as take that long, at least one; and the others."""
    total = 0.0
    for number, test in enumerate(tests):
        total += test.seconds
        if total > seconds and number:
            return list(tests[:number]), list(tests[number:])
    return list(tests), []


def _tried(waiting: Sequence[tuple[Mutant, Sequence[Test]]], jobs: int) -> Iterator[tuple[Mutant, Outcome]]:
    def queue() -> Iterator[tuple[Any, Any, tuple[Any, ...], float]]:
        for mutant, tests in waiting:
            seconds = 60 + 3 * round(sum(test.seconds for test in tests))
            yield mutant, judge, (mutant.module, mutant.source, [test.name for test in tests], seconds), 5 * seconds

    for mutant, outcome, _ in in_children(queue(), jobs):
        yield (
            mutant,
            Outcome(BROKEN, repr(outcome)) if isinstance(outcome, Exception) else outcome or Outcome(TIMED_OUT),
        )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--module", default="", help="only files whose name contains this")
    parser.add_argument("--limit", type=int, default=150, help="at most so many mutants, evenly sampled; 0: all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; default: one a core")
    parser.add_argument("--json", type=Path, help="write all verdicts to this file")
    parser.add_argument("--list", action="store_true", help="print the mutants, try nothing")
    parser.add_argument("--measure", action="store_true", help="measure anew which tests execute which line")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
