"""What a run depends on beside its options; for bug reports and for measurements."""

from __future__ import annotations

import os
import platform

import numba

from nerva_py.threads import THREAD_VARIABLES

from .screen import aligned
from .versions import installed

SHOWN = ("nerva-py", "numpy", "scipy", "numba", "llvmlite")


def environment() -> list[str]:
    """Versions, threads, and the variables that govern them."""
    rows = [["python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"]]
    rows += [[name, installed(name)] for name in SHOWN]
    # Not `threads.available_cores`: binding leaves this thread, too, with one core.
    rows.append(["threads", f"{numba.get_num_threads()} on {os.cpu_count()} cores"])
    rows += [[name, os.environ[name]] for name in THREAD_VARIABLES if name in os.environ]
    return aligned(rows, left=2)
