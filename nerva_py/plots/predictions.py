"""What a classifier takes for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nerva_py.data import Dataset
from nerva_py.errors import NervaError, ShapeError, unknown
from nerva_py.network import MLP
from nerva_py.training.evaluation import predicted

from .epochs import PARTS
from .style import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NORMALIZE = ("true", "pred", "all")
WRITTEN = 20  # classes, up to which numbers are written into the cells


def confusion_matrix(
    network: MLP,
    data: Dataset,
    part: str = "test",
    *,
    class_names: Sequence[str] | None = None,
    normalize: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """How many samples of each class (rows) the network takes for each class (columns), drawn by scikit-learn.

    `part`: "train" or "test" data. `normalize`: "true", "pred" or "all", for shares of the rows, of the columns or of all
    samples. Of more than 20 classes a colour bar stands for the numbers. The title has the accuracy. Raises NervaError.
    """
    from sklearn.metrics import ConfusionMatrixDisplay

    if part not in PARTS:
        raise unknown("part", str(part), PARTS)
    if normalize is not None and normalize not in NORMALIZE:
        raise unknown("normalize", str(normalize), NORMALIZE)
    U, T = (data.Xtrain, data.Ttrain) if part == "train" else (data.Xtest, data.Ttest)
    K = data.num_classes
    if K is None or network.sizes[-1] != K:
        raise ShapeError(
            f"data must have as many classes as the network has outputs, {network.sizes[-1]}, not "
            f"{'none (it is a regression)' if K is None else K}"
        )
    if not len(T):
        raise NervaError(f"data has no {part} samples")
    names = [str(label) for label in (range(K) if class_names is None else class_names)]
    if len(names) != K:
        raise NervaError(f"class_names must be {K} names, one a class, not {len(names)}")
    Y = predicted_labels(network, data, U)
    ax = axes_or_new(ax, (5.2, 4.6))
    written = K <= WRITTEN
    ConfusionMatrixDisplay.from_predictions(
        T,
        Y,
        labels=range(K),
        display_labels=names,
        normalize=normalize,
        include_values=written,
        values_format="d" if normalize is None else ".2f",
        text_kw={"fontsize": "small"},
        xticks_rotation="vertical" if max(map(len, names)) > 2 else "horizontal",
        cmap="Blues",
        colorbar=not written,
        ax=ax,
    )
    if not written:
        ticks = np.arange(0, K, -(-K // WRITTEN))
        ax.set_xticks(ticks, [names[tick] for tick in ticks])
        ax.set_yticks(ticks, [names[tick] for tick in ticks])
    ax.set_title(f"{len(T):,} {part} samples, accuracy {np.mean(T == Y):.4g}", fontsize="medium")
    return ax


@np.errstate(over="ignore", divide="ignore", invalid="ignore")  # as in evaluation
def predicted_labels(network: MLP, data: Dataset, U: np.ndarray) -> np.ndarray:
    """The class with the largest output for each sample, which is normalised as in training: (M,)."""
    return predicted(network, data, U).argmax(axis=1)
