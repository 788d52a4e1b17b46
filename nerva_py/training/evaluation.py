"""Loss and accuracy of a network on data, in evaluation mode."""

from __future__ import annotations

import numpy as np

from nerva_py.data import Dataset, gather, one_hot
from nerva_py.equations.losses import Loss
from nerva_py.matrix import one_blas_thread, workspace
from nerva_py.network import MLP

BATCH = 1000  # samples at a time: a few megabytes of activations


@np.errstate(over="ignore", divide="ignore", invalid="ignore")  # a run that diverges shows in the loss
def evaluate(
    network: MLP, data: Dataset, loss: Loss, part: str = "test", sample_weight: np.ndarray | None = None
) -> tuple[float, float | None]:
    """(mean loss a sample, share of right answers) on the "train" or "test" part; the share is None in a regression.

    With `sample_weight` (M,) both are weighted means.
    """
    X, T = (data.Xtrain, data.Ttrain) if part == "train" else (data.Xtest, data.Ttest)
    total, right = 0.0, 0.0
    everything = len(T) if sample_weight is None else float(sample_weight.sum())
    with workspace(), one_blas_thread:
        for start in range(0, len(T), BATCH):
            rows = np.arange(start, min(start + BATCH, len(T)))
            Y = network.forward(gather(X, rows, data.scale, data.shift, network.dtype))
            batch_targets = targets(T, rows, data.num_classes, network.dtype)
            if sample_weight is None:
                total += float(loss.total(Y, batch_targets))
            else:
                total += float(loss.weighted_total(Y, batch_targets, sample_weight[rows, None].astype(network.dtype)))
            if data.num_classes is not None:
                correct = Y.argmax(axis=1) == T[rows]
                right += np.count_nonzero(correct) if sample_weight is None else float(sample_weight[rows] @ correct)
    return total / everything, right / everything if data.num_classes is not None else None


def targets(T: np.ndarray, rows: np.ndarray, num_classes: int | None, dtype: np.dtype) -> np.ndarray:
    """The target matrix (N, K) of a batch: one-hot rows of class labels, or the regression targets."""
    if num_classes is None:
        return T[rows].astype(dtype, copy=False)
    return one_hot(T[rows], num_classes, dtype)
