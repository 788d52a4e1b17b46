"""The clock that tells where the time of a step goes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any


class Phase:
    """A context that adds up the seconds that pass in it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> Phase:
        self._start = time.perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds += time.perf_counter() - self._start


Phases = defaultdict[str, Any]  # by name, contexts


def no_phases() -> Phases:
    """Where nobody asks for the time."""
    return defaultdict(nullcontext)


def timed(phase: Phase, steps: Iterator[Any]) -> Iterator[Any]:
    """The steps of a generator; the time that each takes is counted, that between them is not."""
    while True:
        with phase:
            step = next(steps, None)
        if step is None:
            return
        yield step
