"""`--distributed`: the ranks of a run, and what each of them does for itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from nerva_py.distributed import DataParallel, LocalSGD, MPIRanks, mpi
from nerva_py.distributed.endings import one_for_all
from nerva_py.errors import NervaError, unknown

from .options import OUTPUTS, Options

LAUNCHERS = {"mpi": mpi}


def make_ranks(options: Options) -> MPIRanks | None:
    """The processes that train together; None if it is this one alone. Raises NervaError."""
    if options.distributed is None:
        for name in ("local_steps", "shards"):
            if getattr(options, name) is not None:
                raise NervaError(f"--{name.replace('_', '-')} belongs to --distributed mpi, which is missing")
        return None
    if options.distributed not in LAUNCHERS:
        raise unknown("--distributed", options.distributed, LAUNCHERS)
    if options.local_steps is not None and options.shards is not None:
        raise NervaError("--shards is about steps that all ranks take together, --local-steps lets them train apart")
    return LAUNCHERS[options.distributed]()


def distribution(options: Options, ranks: MPIRanks | None) -> DataParallel | None:
    """How they share the work."""
    if ranks is None:
        return None
    if options.local_steps is not None:
        return LocalSGD(ranks, options.local_steps)
    return DataParallel(ranks, options.shards)


def of_rank(options: Options, ranks: MPIRanks | None) -> Options:
    """Only rank 0 writes files."""
    nothing: dict[str, Any] = dict.fromkeys(OUTPUTS)
    return options if first(ranks) else replace(options, **nothing)


def first(ranks: MPIRanks | None) -> bool:
    """Whether this process speaks for all."""
    return ranks is None or ranks.rank == 0


@contextmanager
def together(ranks: MPIRanks | None) -> Iterator[None]:
    """A context in which an error of one rank ends all."""
    if ranks is None:
        yield
        return
    with one_for_all(ranks):
        yield
