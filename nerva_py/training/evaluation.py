"""Loss and accuracy of a network on data, in evaluation mode."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from nerva_py.data import Dataset, gather, targets
from nerva_py.engine import one_blas_thread, workspace
from nerva_py.equations.losses import Loss
from nerva_py.network import MLP
from nerva_py.network.mlp import fitting_batch

from .weighting import scaled


class Normalized(Protocol):
    """Samples u of which x = u · scale + shift is what a network sees."""

    @property
    def scale(self) -> np.ndarray: ...

    @property
    def shift(self) -> np.ndarray: ...


AT_A_TIME = 1000  # samples at a time: a few megabytes of activations, less in a very wide network


@np.errstate(over="ignore", divide="ignore", invalid="ignore")  # a run that diverges shows in the outputs
def predicted(network: MLP, data: Normalized, U: Any) -> np.ndarray:
    """Y (M, K) of raw samples U (M, D), normalised as those of the data are, in evaluation mode."""

    def batch(rows: slice) -> Any:
        return gather(U, np.arange(rows.start, rows.stop), data.scale, data.shift, network.dtype)

    return network.predict_rows(U.shape[0], fitting_batch(network.sizes, AT_A_TIME), batch)


def evaluate(
    network: MLP, data: Dataset, loss: Loss, part: str = "test", sample_weight: np.ndarray | None = None
) -> tuple[float, float | None]:
    """(mean loss a sample, share of right answers) on the "train" or "test" part; the share is None in a regression.

    With `sample_weight` (M,) both are weighted means.
    """
    sample_weight = None if sample_weight is None else scaled(sample_weight)
    totals = batch_totals(network, data, loss, part, sample_weight)
    return means(totals, data, part, sample_weight)


@np.errstate(over="ignore", divide="ignore", invalid="ignore")  # a run that diverges shows in the loss
def batch_totals(
    network: MLP,
    data: Dataset,
    loss: Loss,
    part: str,
    sample_weight: np.ndarray | None = None,
    rank: int = 0,
    ranks: int = 1,
) -> np.ndarray:
    """Loss and right answers summed over each batch of the part, (batches, 2); of several ranks each takes every so-manieth
    batch and leaves the others at 0."""
    X, T = (data.Xtrain, data.Ttrain) if part == "train" else (data.Xtest, data.Ttest)
    batch_size = fitting_batch(network.sizes, AT_A_TIME)
    totals = np.zeros((-(-len(T) // batch_size), 2))
    with workspace(), one_blas_thread:
        for batch in range(rank, len(totals), ranks):
            rows = np.arange(batch * batch_size, min((batch + 1) * batch_size, len(T)))
            Y = network.evaluate(gather(X, rows, data.scale, data.shift, network.dtype))
            w = None if sample_weight is None else sample_weight[rows, None].astype(network.dtype)
            totals[batch, 0] = loss.total(Y, targets(T, rows, data.num_classes, network.dtype), w)
            if data.num_classes is not None:
                correct = Y.argmax(axis=1) == T[rows]
                totals[batch, 1] = np.count_nonzero(correct) if sample_weight is None else sample_weight[rows] @ correct
    return totals


def means(
    totals: np.ndarray, data: Dataset, part: str, sample_weight: np.ndarray | None = None
) -> tuple[float, float | None]:
    """(mean loss a sample, share of right answers) from the sums of the batches, which are added in order."""
    everything = len(data.Ttrain if part == "train" else data.Ttest) if sample_weight is None else sample_weight.sum()
    total, right = (sum(column) / float(everything) for column in totals.T.tolist())
    return total, right if data.num_classes is not None else None
