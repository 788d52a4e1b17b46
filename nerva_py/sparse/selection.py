"""Exactly so many smallest or largest of a vector, ties broken by place."""

from __future__ import annotations

import numpy as np


def lowest(scores: np.ndarray, count: int) -> np.ndarray:
    """True at the `count` lowest scores, of equal ones at the first.        O(n)

    Exact whatever the ties are: a threshold alone would take all of them or none.
    """
    if count <= 0:
        return np.zeros(scores.size, bool)
    if count >= scores.size:
        return np.ones(scores.size, bool)
    threshold = np.partition(scores, count - 1)[count - 1]
    chosen = scores < threshold
    missing = count - np.count_nonzero(chosen)
    chosen[np.flatnonzero(scores == threshold)[:missing]] = True
    return chosen


def highest(scores: np.ndarray, count: int) -> np.ndarray:
    """True at the `count` highest scores, of equal ones at the first.        O(n)"""
    if count <= 0:
        return np.zeros(scores.size, bool)
    if count >= scores.size:
        return np.ones(scores.size, bool)
    threshold = np.partition(scores, scores.size - count)[scores.size - count]
    chosen = scores > threshold
    missing = count - np.count_nonzero(chosen)
    chosen[np.flatnonzero(scores == threshold)[:missing]] = True
    return chosen


def share(fraction: float, n: int) -> int:
    """⌊fraction · n⌋, where a product that misses a whole number by rounding only counts as that number."""
    return min(n, int(fraction * n * (1 + 1e-12) + 1e-12))
