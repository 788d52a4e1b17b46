"""What a measurement depends on: the machine, the threads, the versions, the commit."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from nerva_py.doctor.machine import processor, versions


def environment(threads: int) -> dict[str, str]:
    """The same threads, bound in the same way, for every contender."""
    count = str(threads)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, count), "OMP_PROC_BIND": "true", "NUMBA_THREADING_LAYER": "omp"}


def facts(threads: int) -> dict[str, Any]:
    """Machine, threads, binding, versions and commit, for the JSON file."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "threads": threads,
        "binding": "OMP_PROC_BIND=true",
        "versions": versions(),
        "commit": _commit(),
    }


def _commit() -> str:
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + (" with changes" if changed.stdout.strip() else "")
