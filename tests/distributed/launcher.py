"""Starting real ranks: `mpiexec -n RANKS python program.py ...`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.optional import mpiexec

PROGRAM = Path(__file__).with_name("program.py")
TIMEOUT = 120  # seconds: a deadlock is a failure, not a day


def run(ranks: int, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """The command with so many ranks, of one thread each."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "NUMBA_NUM"))}
    # Open MPI asks for these where there are more ranks than cores, or in a container.
    more = {"PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "OMPI_ALLOW_RUN_AS_ROOT": "1"}
    more |= {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [str(mpiexec()), "-n", str(ranks), *command],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env={**env, **more, "OMP_PROC_BIND": "false", "PYTHONPATH": root},
        check=False,
    )
    if check and done.returncode:
        raise AssertionError(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def train(ranks: int, result: Path, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """`program.py` with so many ranks, whose network and history go to the file `result`."""
    return run(ranks, sys.executable, str(PROGRAM), str(result), *options, check=check)


def command_line(ranks: int, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """`nerva-py` with so many ranks."""
    return run(ranks, sys.executable, "-m", "nerva_py", *arguments, check=check)
