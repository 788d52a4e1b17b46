"""Ranks: the processes of a run, and the few things that they say to each other.

What is added up is added in one order, whatever the number of ranks (see `matrix.outer.tree_sum`), so that all ranks get the
same bits, and other numbers of ranks as well.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any, Protocol

import numpy as np

from nerva_py.engine import SparseBatch
from nerva_py.engine.layout import batch_layout
from nerva_py.errors import MissingBackendError, NervaError
from nerva_py.matrix.outer import tree_sum

from .endings import watch


class Ranks(Protocol):
    """The processes that train together; this one is number `rank` of `size`."""

    rank: int
    size: int

    def from_first(self, value: Any) -> Any:
        """What rank 0 gives here."""

    def from_all(self, value: Any) -> list[Any]:
        """What every rank gives here, by rank."""

    def sum(self, vector: np.ndarray) -> np.ndarray:
        """The sum over all ranks of a contiguous vector, in the order of `tree_sum`; the same bits on all ranks."""

    def rows(self, X: Any) -> Any:
        """The rows of all ranks one below the other, batch-contiguous; ranks may have different numbers of them."""

    def abort(self, code: int) -> None:
        """End all processes."""


class MPIRanks:
    """Ranks of an MPI communicator. With each value they say whether their program goes on, so nobody waits for one that has
    ended."""

    def __init__(self, communicator: Any):
        self.communicator = communicator
        self.rank: int = communicator.Get_rank()
        self.size: int = communicator.Get_size()

    def from_first(self, value: Any) -> Any:
        return self.from_all(value)[0]

    def from_all(self, value: Any) -> list[Any]:
        said = self.communicator.allgather((True, value))
        if ended := [rank for rank, (goes_on, _) in enumerate(said) if not goes_on]:
            raise NervaError(
                f"the program of rank {ended[0]} has ended, and rank {self.rank} waits for it; all ranks must do the same"
            )
        return [value for _, value in said]

    def leave(self) -> bool:
        """Say that the program of this rank ends; returns whether those of all ranks do."""
        from mpi4py import MPI

        return MPI.Is_finalized() or not any(goes_on for goes_on, _ in self.communicator.allgather((False, None)))

    def sum(self, vector: np.ndarray) -> np.ndarray:
        """An all-reduce: each rank adds up one share of the vector, which all of them send it, and sends the sum to all.

        That is how MPI adds long vectors, too (2 (R − 1)/R of the vector are sent by each of R ranks); but in which order it
        adds is its own affair, and differs with the number of ranks.
        """
        if self.size == 1:
            return vector
        if self.size == 2:  # a + b is b + a
            total = np.empty_like(vector)
            self.communicator.Allreduce(vector, total)
            return total
        share = -(-vector.size // self.size)
        padded = np.zeros((self.size, share), vector.dtype)
        padded.reshape(-1)[: vector.size] = vector
        received = np.empty_like(padded)
        self.communicator.Alltoall(padded, received)
        self.communicator.Allgather(tree_sum(list(received)), padded)
        return padded.reshape(-1)[: vector.size]

    def rows(self, X: Any) -> Any:
        if self.size == 1:
            return X
        if isinstance(X, SparseBatch):
            return SparseBatch.stacked([part for part in self.from_all(X) if part.shape[0]])
        counts = self.from_all(X.shape[0])
        own, everything = np.ascontiguousarray(X), np.empty((sum(counts), X.shape[1]), X.dtype)
        self.communicator.Allgatherv(own, (everything, [count * X.shape[1] for count in counts]))
        return batch_layout(everything)

    def abort(self, code: int) -> None:
        self.communicator.Abort(code)
        os._exit(code)  # MPI may come back from it, and the error would be told again


@cache
def mpi() -> MPIRanks:
    """The ranks that `mpiexec` (or `srun`) has started; alone, rank 0 of 1. Raises MissingBackendError without MPI.

    Best the first line of a program: from then on an error on one rank, or the end of its program, ends all of them; they
    would wait for it for ever.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise MissingBackendError(
            f"distributed training needs mpi4py and an MPI: pip install 'nerva-py[mpi]' ({error})"
        ) from error
    ranks = MPIRanks(MPI.COMM_WORLD)
    if ranks.size > 1:
        watch(ranks, ranks.leave)
    return ranks
