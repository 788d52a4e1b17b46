"""Mean 0 and variance 1: the scale and shift that the training samples define and that every sample is mapped by."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np
from scipy.sparse import csr_array, issparse

from nerva_py.data.checks import Samples, chunks
from nerva_py.errors import DataError, unknown

Normalization = Literal["channel", "feature", "none"]
ROUNDING = 1e-12


def scale_and_shift_of(X: Samples, channels: int, normalization: Normalization) -> tuple[np.ndarray, np.ndarray]:
    """scale = 1/σ, shift = -μ/σ: u · scale + shift has mean 0 and variance 1     X (M, D) -> (D,), (D,) of float64

    μ and σ are those of each feature ("feature"), or of each of `channels` equal runs of features ("channel"); "none"
    gives 1 and 0. Features that do not vary are only shifted. A sparse X is only scaled: its shift is 0, or its zeros would
    not stay zero. Raises NervaError for another normalization, DataError
    if σ overflows.
    """
    D = X.shape[1]
    groups = {"channel": channels, "feature": D, "none": 0}
    if normalization not in groups:
        raise unknown("normalization", normalization, groups)
    if normalization == "none":
        return np.ones(D), np.zeros(D)
    statistics = sparse_mean_and_deviation if issparse(X) else mean_and_deviation
    mean, deviation = statistics(X, groups[normalization])
    if not np.isfinite(deviation).all():
        raise DataError(f"Xtrain: values up to {np.abs(X).max()}; their variance must be finite")
    # Rounding gives a constant feature a tiny deviation, which must not blow its rounding error up to size 1.
    deviation = np.where(deviation > ROUNDING * np.abs(mean), deviation, 1.0)
    repeats = D // len(mean)
    if issparse(X):
        return np.repeat(1 / deviation, repeats), np.zeros(D)
    return np.repeat(1 / deviation, repeats), np.repeat(-mean / deviation, repeats)


def mean_and_deviation(X: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """μ and σ of each of `groups` equal runs of features, over all samples     X (M, D) -> (groups,), (groups,)

    Two passes, the second over u - μ, because Σu² - Mμ² loses all digits where μ is much larger than σ.
    """
    count = X.size // groups
    total = np.zeros(groups)
    squares = np.zeros(groups)
    with np.errstate(over="ignore", invalid="ignore"):  # the caller looks at the result
        for u in _grouped(X, groups):
            total += u.sum(axis=(0, 2))
        mean = total / count
        for u in _grouped(X, groups):
            u -= mean[:, None]
            squares += np.einsum("mgp,mgp->g", u, u)
        return mean, np.sqrt(squares / count)


def sparse_mean_and_deviation(X: csr_array, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """As `mean_and_deviation`, of X's zeros and nonzeros, in O(nonzeros + groups): what is not stored adds μ² each."""
    count = math.prod(X.shape) // groups
    group = X.indices // (X.shape[1] // groups)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.bincount(group, X.data, groups) / count
        squares = np.bincount(group, np.square(X.data - mean[group]), groups)
        squares += (count - np.bincount(group, minlength=groups)) * np.square(mean)
        return mean, np.sqrt(squares / count)


def _grouped(X: np.ndarray, groups: int) -> Iterator[np.ndarray]:
    """The rows of X in chunks of (m, groups, D/groups), copied to float64."""
    return (u.reshape(len(u), groups, -1).astype(np.float64) for u in chunks(X))
