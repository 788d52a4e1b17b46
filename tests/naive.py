"""Slow, obvious oracles: loops over the elements, in Python numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np


def affine(X: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    """y_nk = Σ_d x_nd w_kd + b_k"""
    (N, D), K = X.shape, W.shape[0]
    Y = np.zeros((N, K))
    for n in range(N):
        for k in range(K):
            Y[n, k] = math.fsum(float(X[n, d]) * float(W[k, d]) for d in range(D)) + float(b[0, k])
    return Y


def product(DY: np.ndarray, W: np.ndarray) -> np.ndarray:
    """dx_nd = Σ_k dy_nk w_kd"""
    (N, K), D = DY.shape, W.shape[1]
    DX = np.zeros((N, D))
    for n in range(N):
        for d in range(D):
            DX[n, d] = math.fsum(float(DY[n, k]) * float(W[k, d]) for k in range(K))
    return DX


def product_on(support: np.ndarray, DY: np.ndarray, X: np.ndarray) -> np.ndarray:
    """dw_kd = Σ_n dy_nk x_nd where support_kd holds, else 0"""
    (N, K), D = DY.shape, X.shape[1]
    DW = np.zeros((K, D))
    for k in range(K):
        for d in range(D):
            if support[k, d]:
                DW[k, d] = math.fsum(float(DY[n, k]) * float(X[n, d]) for n in range(N))
    return DW


def elementwise(f: Callable[..., float], *matrices: np.ndarray) -> np.ndarray:
    """y_ij = f(x_ij, ...)"""
    Y = np.zeros(matrices[0].shape)
    for i, j in np.ndindex(Y.shape):
        Y[i, j] = f(*(float(X[i, j]) for X in matrices))
    return Y


def softmax(X: np.ndarray) -> np.ndarray:
    """y_ij = e^(x_ij) / Σ_k e^(x_ik), each exponential relative to the largest"""
    Y = np.zeros(X.shape)
    for i, row in enumerate(X.tolist()):
        powers = [math.exp(x - max(row)) for x in row]
        Y[i] = [power / math.fsum(powers) for power in powers]
    return Y


def columns(X: np.ndarray, f: Callable[[Sequence[float]], float]) -> np.ndarray:
    """f of each column, a row (1, n)"""
    return np.array([[f([float(x) for x in X[:, j]]) for j in range(X.shape[1])]])


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def variance(values: Sequence[float]) -> float:
    """Of a population: divided by the number of values."""
    return math.fsum((x - mean(values)) ** 2 for x in values) / len(values)


def central_difference(f: Callable[[], float], x: np.ndarray, h: float = 1e-6) -> np.ndarray:
    """(f(x + h e_i) − f(x − h e_i)) / 2h for each element of x, which f reads and which is changed in place meanwhile"""
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        before = x[i]
        x[i] = before + h
        above = f()
        x[i] = before - h
        below = f()
        x[i] = before
        gradient[i] = (above - below) / (2 * h)
    return gradient


# -------------------------------------------------------------------------------------------- positions: sets and dicts


def remap(old: dict, kept: set, inserted: dict, returning: bool = False) -> dict:
    """{position: number} after all but the kept ones were dropped and others inserted; `returning`: dropped ones come back"""
    new = {position: number for position, number in old.items() if position in kept}
    for position, number in inserted.items():
        new[position] = old[position] if returning and position in old else number
    return dict(sorted(new.items()))


def free(shape: tuple[int, int], taken: set) -> list[tuple[int, int]]:
    """The positions that are not taken, row by row."""
    return [(k, d) for k in range(shape[0]) for d in range(shape[1]) if (k, d) not in taken]


def largest_free(taken: set, DY: np.ndarray, X: np.ndarray, count: int) -> list[tuple[int, int]]:
    """Of the free positions the `count` first in the order of (−|g|, row, column), G = DYᵀ X; sorted"""
    G = product_on(np.ones((DY.shape[1], X.shape[1])), DY, X)
    positions = sorted(free(G.shape, taken), key=lambda position: (-abs(G[position]), position))
    return sorted(positions[:count])


def lowest(scores: Sequence[float], count: int) -> list[int]:
    """Places of the `count` lowest, of equal ones the first; sorted"""
    return sorted(sorted(range(len(scores)), key=lambda place: scores[place])[:count])
