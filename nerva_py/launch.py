"""What a process can know before anything is loaded: that it is one of several, and which cores are its own.

Launchers tell by environment variables; these are those of MPICH and Intel MPI, of Open MPI, and of SLURM.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from nerva_py.errors import NervaError
from nerva_py.threads import available_cores

RANK = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID")
RANKS = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_NTASKS")
LOCAL_RANK = ("MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID")
LOCAL_RANKS = ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE", "SLURM_NTASKS_PER_NODE")


@dataclass(frozen=True)
class Place:
    """Which of how many ranks this is, of all and of those on this machine."""

    rank: int
    ranks: int
    local_rank: int
    local_ranks: int


def place() -> Place:
    """As the launcher says; a process that was started alone is rank 0 of 1."""
    rank, ranks = _first(RANK, 0), _first(RANKS, 1)
    return Place(rank, ranks, _first(LOCAL_RANK, rank), _first(LOCAL_RANKS, ranks))


def share_cores(threads: int | None) -> int:
    """Keep this process to cores of its own, and return how many threads it may have: ranks × threads ≤ cores.

    A launcher that has bound its ranks already leaves each with the cores it is to use. Where there are more ranks than
    cores they must share them, with a thread each. Raises NervaError if so many threads are asked for that there are too few
    cores.
    """
    here, cores = place(), sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    total = len(cores) or available_cores()
    bound = total < (os.cpu_count() or 1)
    if here.local_ranks == 1 or bound:
        own = total
    else:
        own = max(1, total // here.local_ranks)
        if cores and own * here.local_ranks <= total:
            os.sched_setaffinity(0, cores[here.local_rank * own : (here.local_rank + 1) * own])
        else:  # bound, all of them would have the first core
            os.environ["OMP_PROC_BIND"] = "false"
    if threads is not None and threads > own:
        raise NervaError(
            f"threads must be from 1 to {own}, not {threads}: {here.local_ranks} ranks share the {total} cores of this machine"
        )
    return own if threads is None else threads


def _first(names: tuple[str, ...], default: int) -> int:
    """The number in the first of these variables that holds one."""
    return next((int(value) for name in names if (value := os.environ.get(name, "")).isdecimal()), default)
