"""Seconds of a call: the one stopwatch of the doctor and of the benchmarks."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

Times = dict[str, float]  # "minimum" and "median", in seconds


def seconds(call: Callable[[], object], least: float = 0.02) -> Times:
    """Minimum and median of as many calls as take `least` seconds, at least three; one more before them does not count."""
    call()
    times: list[float] = []
    end = time.perf_counter() + least
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return least_and_median(times)


def least_and_median(times: Sequence[float]) -> Times:
    """Their minimum and median."""
    return {"minimum": min(times), "median": statistics.median(times)}
