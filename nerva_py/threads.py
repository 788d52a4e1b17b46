"""Threads of the compiled kernels: which layer runs them, how many there are, and where they stay.

The environment is read when Numba and the OpenMP runtime are loaded, so `configure` must run before either is imported.
"""

from __future__ import annotations

import ctypes.util
import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import NervaError

# What governs the threads, and whether anything is compiled.
THREAD_VARIABLES = (
    "OMP_PROC_BIND", "OMP_PLACES", "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "NUMBA_NUM_THREADS",
    "NUMBA_THREADING_LAYER", "NUMBA_DISABLE_JIT", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "KMP_BLOCKTIME",
)  # fmt: skip


THREADING_LAYERS = ("default", "safe", "forksafe", "threadsafe", "tbb", "omp", "workqueue")  # that Numba knows


def configure(threads: int | None = None) -> None:
    """Choose the OpenMP layer and bind its threads to cores, unless the user's environment says otherwise.

    OpenMP's parallel regions cost a microsecond or two, those of Numba's own layer many times that; threads that are not
    bound may both land on one core, and then each region takes a whole tick of the scheduler. Raises `NervaError` for an
    impossible number of threads, and for a thread layer that Numba does not know.
    """
    if (layer := os.environ.get("NUMBA_THREADING_LAYER", "default")) not in THREADING_LAYERS:
        raise NervaError(f"NUMBA_THREADING_LAYER must be one of {', '.join(THREADING_LAYERS)}, not {layer!r}")
    cores = available_cores()
    if threads is not None and not 1 <= threads <= max(cores, 64):
        raise NervaError(
            f"threads must be from 1 to {max(cores, 64)}, not {threads}; this machine offers {cores} cores"
        )
    count = str(threads if threads is not None else cores)
    defaults = {"NUMBA_NUM_THREADS": count, "OMP_NUM_THREADS": count}
    if openmp_available():
        defaults["NUMBA_THREADING_LAYER"] = "omp"
    # More threads than cores must share them: binding would then only hinder.
    if int(count) <= cores:
        defaults["OMP_PROC_BIND"] = "true"
    if "numba" in sys.modules:
        return
    for name, value in defaults.items():
        if threads is not None and name.endswith("NUM_THREADS"):
            os.environ[name] = value  # an explicit request beats the environment
        os.environ.setdefault(name, value)


def openmp_available() -> bool:
    """Whether the GNU (Linux) or LLVM (macOS) or Microsoft OpenMP runtime that Numba's layer needs is installed."""
    return sys.platform == "win32" or any(ctypes.util.find_library(name) for name in ("gomp", "omp"))


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def limited(threads: int | None) -> Iterator[None]:
    """At most so many threads in the kernels that this thread starts inside; None leaves it at what the process has.

    In a worker process of joblib or multiprocessing the kernels' threads are not bound to cores: all workers would be bound
    to the same ones.
    """
    _share_cores()
    if threads is None:
        yield
        return
    import numba

    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    try:
        yield
    finally:
        numba.set_num_threads(before)


def _share_cores() -> None:
    """In a worker process undo OMP_PROC_BIND, by which the OpenMP runtime of another library has bound this thread."""
    if multiprocessing.parent_process() is None or os.environ.get("OMP_PROC_BIND", "false").lower() == "false":
        return
    os.environ["OMP_PROC_BIND"] = "false"  # read when Numba loads its OpenMP runtime, at the first kernel
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
