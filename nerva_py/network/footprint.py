"""How much memory a network will take, known before anything is allocated."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from nerva_py.errors import NervaError
from nerva_py.sparse import nonzeros, plan
from nerva_py.sparse.support import index_dtype

# Bytes a weight that the largest layer takes for a moment, as layers are dealt with one after another: while its positions (64
# bits) and values are drawn, and while a new topology moves what is there. Measured by bench/scale.py.
CREATION, CHANGE = 28, 40
LIBRARIES = 300 * 2**20  # interpreter, libraries, compiled kernels: what the process takes by then


@dataclass(frozen=True)
class Footprint:
    """Bytes: of weights with their indices and of biases; of training in addition; and the most that is taken at a time."""

    network: int
    training: int
    peak: int


def footprint(
    layer_sizes: Sequence[int],
    densities: Sequence[float],
    batch_size: int,
    states: int = 1,
    dtype: DTypeLike = np.float32,
    changes: bool = True,
) -> Footprint:
    """What a network of these sizes, inputs first, takes with batches of `batch_size` and `states` vectors of the optimizer.

    `changes`: whether the topology changes while it is trained. A prediction for networks of many millions of weights: the
    data, dropout and callbacks are not in it.
    """
    item, N = np.dtype(dtype).itemsize, batch_size
    network = training = largest = sums = gradients = 0
    shapes = list(zip(layer_sizes[1:], layer_sizes[:-1], strict=True))
    for number, ((K, D), density) in enumerate(zip(shapes, densities, strict=True)):
        network += K * item
        training += K * item * (1 + states)
        training += N * item * 4 * K  # Z, Y and the gradients with respect to them
        nnz = nonzeros(density, (K, D))
        if nnz == K * D:
            network += nnz * item
            training += nnz * item * (1 + states)
            continue
        index = index_dtype(nnz, K, D).itemsize
        network += nnz * (item + index) + (K + 1) * index
        training += nnz * item * states
        gradients = max(gradients, nnz * item)  # of one layer at a time
        if number:
            if plan.scatters(nnz, D, N):  # the same memory for one layer after another
                sums = max(sums, plan.PARTS * D * 2 * N * item)
            else:
                training += (2 * nnz + D + 1) * index
        largest = max(largest, nnz)
    training += sums + gradients
    peak = training + CHANGE * largest if changes else max(training, CREATION * largest)
    return Footprint(network, training, LIBRARIES + network + peak)


def available_memory() -> int | None:
    """Bytes that can be had without swapping; None where the system does not tell."""
    try:
        with open("/proc/meminfo") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def check_memory(need: Footprint, what: str = "this network", available: int | None = None) -> None:
    """Raises NervaError if it would not fit into the memory that is available now."""
    have = available_memory() if available is None else available
    more = need.peak - LIBRARIES  # which are loaded already
    if have is not None and more > have:
        raise NervaError(
            f"training {what} takes about {more / 1e9:.3g} GB, and {have / 1e9:.3g} GB are available: take fewer neurons, "
            "a smaller density or smaller batches"
        )
