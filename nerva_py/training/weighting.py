"""Weights of samples: what may be given, and the mean loss of mini-batches as they are met."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike

from nerva_py.data import Dataset
from nerva_py.equations.losses import Loss
from nerva_py.errors import NervaError

NEGLIGIBLE = 2.0**-80  # of the largest weight: a batch of such weights alone would have none in float32


def checked_weights(sample_weight: ArrayLike | None, data: Dataset) -> tuple[np.ndarray | None, np.ndarray]:
    """(weights (M,) of float64 or None; the training samples that count, of a weight that is not 0).

    Equal weights are none; one of less than 2⁻⁸⁰ of the largest is taken as 0.

    Raises NervaError.
    """
    M = len(data.Ttrain)
    if sample_weight is None:
        return None, np.arange(M)
    weights = np.asarray(sample_weight)
    if weights.shape != (M,) or weights.dtype.kind not in "buif":
        got = f"shape {weights.shape}, dtype {weights.dtype}"
        raise NervaError(f"sample_weight must be {M} numbers, one a training sample, not {got}")
    weights = np.array(weights, np.float64)
    wrong = np.flatnonzero(~(weights >= 0) | np.isinf(weights))
    if wrong.size:
        raise NervaError(f"sample_weight[{wrong[0]}] is {weights[wrong[0]]}; finite numbers of at least 0 are allowed")
    if not weights.any():
        raise NervaError("sample_weight is 0 for every sample; at least one must count")
    if (weights == weights[0]).all():
        return None, np.arange(M)
    weights = scaled(weights)
    weights[weights < NEGLIGIBLE * weights.max()] = 0
    return weights, np.flatnonzero(weights)


def scaled(weights: np.ndarray) -> np.ndarray:
    """The same weights on a scale that float32 holds: only their ratios matter. The factor is a power of two, which changes no
    digit; it is 1 where the largest weight is from 2⁻³⁰ to 2³⁰."""
    weights = np.asarray(weights, np.float64)
    exponent = np.frexp(weights.max(initial=0.0))[1]
    return weights if abs(exponent) <= 30 else np.ldexp(weights, -exponent)


def described_weights(weights: np.ndarray | None) -> str | None:
    """By which a run that is resumed knows its weights."""
    return None if weights is None else f"{len(weights)} weights, {hashlib.sha256(weights.tobytes()).hexdigest()[:16]}"


Share = tuple[float, float]  # of a sum: Σ w L of some samples, and Σ w


class RunningLoss:
    """The mean of the losses of mini-batches, each as it was before its step."""

    def __init__(self, total: float = 0.0, weight: float = 0.0):
        self.total, self.weight = total, weight
        self.pending: list[Share] = []  # of mini-batches, or of this process's shards of one, that are not added up yet

    def add(self, loss: Loss, Y: np.ndarray, T: np.ndarray, w: np.ndarray | None) -> None:
        """Take samples into the mean; w (N, 1) are their weights, if they have any."""
        total = float(loss.total(Y, T, w))
        self.pending.append((total, len(T) if w is None else float(w.sum())))

    def settle(self, everyone: Iterable[Sequence[Share]] | None = None) -> None:
        """Add up what is pending, of all processes that share the mini-batches, in their order."""
        for total, weight in chain.from_iterable([self.pending] if everyone is None else everyone):
            self.total += total
            self.weight += weight
        self.pending = []

    def take(self) -> float | None:
        """The mean since the last call; None if there was no mini-batch."""
        self.settle()
        mean = self.total / self.weight if self.weight else None
        self.total = self.weight = 0.0
        return mean

    def state_dict(self) -> dict[str, float]:
        """What a checkpoint keeps."""
        self.settle()
        return {"total": self.total, "weight": self.weight}
