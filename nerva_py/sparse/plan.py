"""Which kernel computes what: every choice is made here, from shapes, density, type, batch and machine, and from nothing else.

Each threshold stands beside the measurement behind it.
"""

from __future__ import annotations

from typing import Any

from .kernels import few_samples
from .weight import SparseWeight

# Gathered as bytes, a batch of 100 images of 3072 is there 70 to 100 µs earlier; but bytes must be widened and scaled, so that
# with 1024 neurons the products take 20 µs more at a density of 0.01, 60 at 0.02, 160 at 0.05. A whole step takes 0.99 of the
# time with 8 nonzeros for each feature, 0.88 with 4, 0.92 with 1.
BYTES = 12  # nonzeros for each feature, on the average, at most


def takes_bytes(W: Any, N: int) -> bool:
    """Whether a batch of N samples of bytes, X of a layer W, is best given to it as a `ByteBatch`."""
    return (
        isinstance(W, SparseWeight)
        and W.backend.name == "numba"
        and N > few_samples.SAMPLES
        and W.nnz <= BYTES * W.shape[1]
    )
