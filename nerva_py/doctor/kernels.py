"""The parallel region that is timed."""

from __future__ import annotations

from numba import prange

from nerva_py.matrix.compiling import kernel


@kernel("F1", parallel=True)
def touch(x):  # type: ignore[no-untyped-def]
    """x = x + 1, an element a thread"""
    for i in prange(x.size):
        x[i] += 1
