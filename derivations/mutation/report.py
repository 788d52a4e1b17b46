"""What comes out: a verdict for each mutant, the survivors as a diff, a table."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .mutants import Mutant
from .trial import (
    CANNOT_RUN,
    ERROR,
    EVALUATION,
    PROOF,
    SURVIVED,
    Measured,
    Place,
    Verdict,
    in_children,
    measure,
    try_claims,
)

EQUIVALENT = "equivalent"
COLUMNS = (PROOF, EVALUATION, CANNOT_RUN, SURVIVED, EQUIVALENT, ERROR)
FAILURES = (CANNOT_RUN, SURVIVED, ERROR)

QUICK = 0.5  # seconds: a claim that may be tried first because it rejected others
EQUIVALENT_LIMIT = 10.0  # seconds of CPU time for a mutant that is said to be equivalent, and should survive


@dataclass(frozen=True)
class Row:
    """A mutant with its verdict; `argument` says why it is equivalent, if it is said to be."""

    mutant: Mutant
    verdict: Verdict
    argument: str = ""

    @property
    def outcome(self) -> str:
        equivalent = self.argument and self.verdict.outcome == SURVIVED
        return EQUIVALENT if equivalent else self.verdict.outcome

    @property
    def is_problem(self) -> bool:
        return self.outcome in FAILURES or (bool(self.argument) and self.outcome != EQUIVALENT)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"mutant": self.mutant.key, **asdict(self.verdict), "outcome": self.outcome, "argument": self.argument}

    def __str__(self) -> str:
        refuted = "said to be equivalent, but " if self.argument and self.outcome != EQUIVALENT else ""
        parts = (f"{refuted}{self.outcome}: {self.mutant.key}", self.mutant.diff(), self.verdict.claim)
        lines = "\n".join(part for part in (*parts, self.verdict.detail, self.argument) if part).splitlines()
        return "\n    ".join(lines)


class Trials:
    """The mutants and the claims about each, in the order in which they are tried."""

    def __init__(
        self, mutants: Sequence[Mutant], measured: Sequence[Measured], equivalent: Mapping[str, str], limit: float
    ):
        self.mutants = mutants
        self.measured = sorted(measured, key=lambda one: one.seconds)
        self.equivalent = equivalent
        self.limit = limit
        self._rejected: dict[str, Counter[Place]] = {}

    def places(self, mutant: Mutant) -> list[Place]:
        """Only a claim that executes the function can see the change. First those that rejected other mutants of the
        function, if they are quick; then the quickest."""
        name = f"{mutant.module}:{mutant.function}"
        reaching = [one for one in self.measured if any(r == name or r.startswith(f"{name}.") for r in one.reached)]
        before = self._rejected.get(name, Counter())
        return [one.place for one in sorted(reaching, key=lambda one: -before[one.place] if one.seconds < QUICK else 0)]

    def run(self, workers: int) -> Iterator[Row]:
        """The rows, as they come."""
        for mutant, result, seconds in in_children(self._jobs(), workers):
            if result is None:
                result = Verdict(SURVIVED, detail="the proofs did not end in time, or the process died")
            elif isinstance(result, Exception):
                result = Verdict(ERROR, detail=repr(result))
            if result.place:
                self._rejected.setdefault(f"{mutant.module}:{mutant.function}", Counter())[result.place] += 1
            verdict = Verdict(result.outcome, result.claim, result.detail, result.place, round(seconds, 3))
            yield Row(mutant, verdict, self.equivalent.get(mutant.key, ""))

    def _jobs(self) -> Iterator[Any]:
        for m in self.mutants:
            limit = min(self.limit, EQUIVALENT_LIMIT) if m.key in self.equivalent else self.limit
            yield m, try_claims, (m.module, m.source, self.places(m), limit), limit


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


def stale_keys(mutants: Iterable[Mutant], modules: Sequence[str], equivalent: Iterable[str]) -> list[str]:
    """The keys that name no mutant of these modules."""
    keys = {m.key for m in mutants}
    prefixes = tuple(f"{m.removeprefix('nerva_py.')}." for m in modules)
    return [key for key in equivalent if key.startswith(prefixes) and key not in keys]


def table(rows: Sequence[Row], modules: Sequence[str]) -> str:
    """How many mutants of each file came to which end."""
    counts = {module: Counter(r.outcome for r in rows if r.mutant.module == module) for module in modules}
    width = max(map(len, counts), default=5)
    total: Counter[str] = sum(counts.values(), Counter())
    lines = [f"{'file':{width}}  {'mutants':>8}" + "".join(f"{column:>12}" for column in COLUMNS)]
    for name, count in (*counts.items(), ("total", total)):
        lines.append(f"{name:{width}}  {sum(count.values()):8}" + "".join(f"{count[c]:12}" for c in COLUMNS))
    return "\n".join(lines)


def progress(text: str = "") -> None:
    """One line that is written over and over, on a terminal; else nothing."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
