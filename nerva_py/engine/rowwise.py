"""Compiled loops over the rows of a batch: what softmax cross-entropy and one-hot targets need of each sample, in one pass.

The samples of a batch are few and its columns long, so every loop runs along the batch, for a block of samples at a time.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import prange

from nerva_py.matrix.scalars import exp, maximum

from .compiling import Kernel, column, kernel

SAMPLES = 256  # in a block


@cache
def residual_kernel(parallel: bool) -> Kernel:
    """DY = softmax(Y) ⊙ (T 1_K 1_Kᵀ) − T, all (N, K) and batch-contiguous; K ≥ 1. No exponential overflows."""

    @kernel("F2r, F2r, F2", parallel=parallel)
    def residual(Y, T, DY):
        N, K = Y.shape
        for block in prange((N + SAMPLES - 1) // SAMPLES):
            part = slice(block * SAMPLES, (block + 1) * SAMPLES)
            largest = column(Y, 0)[part].copy()
            total, factor = np.zeros(largest.size, Y.dtype), np.zeros(largest.size, Y.dtype)
            for k in range(K):
                y, t = column(Y, k)[part], column(T, k)[part]
                for i in range(total.size):
                    largest[i] = maximum(largest[i], y[i])
                    factor[i] += t[i]
            for k in range(K):
                y, d = column(Y, k)[part], column(DY, k)[part]
                for i in range(total.size):
                    d[i] = exp(y[i] - largest[i])
                    total[i] += d[i]
            for i in range(total.size):
                factor[i] /= total[i]
            for k in range(K):
                t, d = column(T, k)[part], column(DY, k)[part]
                for i in range(total.size):
                    d[i] = d[i] * factor[i] - t[i]

    return residual


@kernel("I1r, F2")
def mark_labels(labels, T):
    """T[i, k] = 1 if k = labels[i] else 0"""
    for k in range(T.shape[1]):
        t = column(T, k)
        for i in range(t.size):
            t[i] = labels[i] == k
