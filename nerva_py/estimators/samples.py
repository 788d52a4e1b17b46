"""Training and validation data between scikit-learn's checks and the trainer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import train_test_split

from nerva_py.data import Dataset, from_arrays
from nerva_py.errors import NervaError
from nerva_py.quantities import real
from nerva_py.training.weighting import scaled


@dataclass(frozen=True)
class Examples:
    """X (M, D); the targets T, class numbers (M,) or a matrix (M, K); the weights (M,) or None."""

    X: np.ndarray
    T: np.ndarray
    w: np.ndarray | None = None

    def at(self, rows: np.ndarray) -> Examples:
        """These rows."""
        return Examples(self.X[rows], self.T[rows], None if self.w is None else self.w[rows])

    @property
    def mean_weight(self) -> float:
        """The mean of the weights."""
        return 1.0 if self.w is None else float(self.w.mean())

    def dataset(self, num_classes: int | None) -> Dataset:
        """As the trainer has it: values as they are, without a test set."""
        return from_arrays(self.X, self.T, name="X", num_classes=num_classes, normalization="none")


WHOLE = 2.0**31  # up to which whole numbers are taken as numbers of samples


def relative(w: np.ndarray) -> np.ndarray | None:
    """Weights as they count. Whole numbers are numbers of samples, 2 is as good as the sample twice; of others only the ratios
    matter, so that their mean is made 1. If all are equal, there are none."""
    if (w == w[0]).all():
        return None
    if (w == np.floor(w)).all() and w.max() < WHOLE:
        return w
    near_one = scaled(w)
    return near_one / near_one.mean()


def product(factor: np.ndarray, w: np.ndarray | None) -> np.ndarray:
    """The weights times a factor, without overflow."""
    if w is None:
        return factor
    return factor * (w if 1e-100 < w.max() < 1e100 else scaled(w))


def hold_out(samples: Examples, fraction: float, classes: np.ndarray | None, seed: int) -> tuple[Examples, Examples]:
    """(training, validation): that share of the samples set apart; in proportion to `classes` (M,) if given.

    Raises NervaError where either part would be too small.
    """
    fraction = real("validation_fraction", fraction, above=0, below=1, allowed="between 0 and 1")
    M = len(samples.T)
    alone = classes is not None and np.unique(classes, return_counts=True)[1].min() < 2  # which no fraction cures
    if not alone and not 2 <= round(fraction * M) <= M - 1:
        raise NervaError(
            f"The validation set is too small: validation_fraction={fraction:g} of {M} samples is {round(fraction * M)}; at "
            "least 2 must be set apart and 1 kept. Change validation_fraction or give X_val and y_val"
        )
    try:
        kept, apart = train_test_split(np.arange(M), test_size=fraction, random_state=seed, stratify=classes)
    except ValueError as error:
        raise NervaError(f"early_stopping: validation data cannot be set apart. {error}") from None
    return samples.at(kept), samples.at(apart)
