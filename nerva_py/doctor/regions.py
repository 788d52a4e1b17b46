"""How long a parallel region of Numba's threads lasts that has hardly anything to do: microseconds, if all is well.

    python -m nerva_py.doctor.regions        measures in this environment, and prints JSON

Two things make it last longer. Numba's own thread layer, `workqueue`, takes tens of microseconds where OpenMP takes two or
three. And where two threads share a core, with each other or with another process, a region waits for the scheduler's next
tick, 4 or 8 ms: few regions do, but nearly all the time passes in them.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from nerva_py.errors import NervaError

TICK = 1e-3  # a region that lasts longer has waited for the scheduler
BLOCKS = 3  # the threads may be placed well in one moment and badly in the next


@dataclass(frozen=True)
class Regions:
    """`median` of a region in seconds; `stalled`: the share of the time that passed in those that lasted longer than TICK."""

    layer: str
    threads: int
    count: int
    median: float
    longest: float
    stalled: float


def measure(least: float = 0.6) -> Regions:
    """Regions one after another for that many seconds, in blocks with pauses. `NervaError` where Numba has no threads."""
    import numba
    import numpy as np

    from nerva_py.engine import batch_empty
    from nerva_py.engine.elementwise import columns_sum

    try:
        threads = numba.get_num_threads()
    except ValueError as error:  # the layer that NUMBA_THREADING_LAYER names cannot be loaded
        raise NervaError(f"Numba starts no threads: {error}; unset NUMBA_THREADING_LAYER") from error
    X, total = batch_empty(1, threads), np.empty(threads, np.float32)
    X[...] = 1
    columns_sum(X, total)
    times: list[float] = []
    for _ in range(BLOCKS):
        time.sleep(0.02)  # the threads fall asleep, and the scheduler places them anew
        end = time.perf_counter() + least / BLOCKS
        while (start := time.perf_counter()) < end:
            columns_sum(X, total)
            times.append(time.perf_counter() - start)
    return summed_up(times, numba.threading_layer(), threads)


def summed_up(times: Sequence[float], layer: str, threads: int) -> Regions:
    """From the seconds of each region."""
    stalled = sum(t for t in times if t > TICK) / sum(times)
    return Regions(layer, threads, len(times), statistics.median(times), max(times), stalled)


def measure_elsewhere(environment: dict[str, str]) -> Regions:
    """The same in a new process with that environment. Raises `subprocess.CalledProcessError` where it fails."""
    import subprocess
    import sys

    command = [sys.executable, "-m", __name__]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return Regions(**json.loads(result.stdout.splitlines()[-1]))


if __name__ == "__main__":
    print(json.dumps(asdict(measure())))  # noqa: T201  the answer to `measure_elsewhere`
