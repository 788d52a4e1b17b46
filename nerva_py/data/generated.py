"""Data sets that need no file: scikit-learn's digits, and two that are drawn at random."""

from __future__ import annotations

import numpy as np

from nerva_py.data.dataset import Dataset, from_arrays
from nerva_py.errors import DataError
from nerva_py.quantities import as_integer


def load_digits(test_size: float = 0.2) -> Dataset:
    """1797 handwritten digits of 8×8 bytes (0..16), 10 classes, split at random but always in the same way.

    `test_size` is the part of the samples that is for testing, as large in every class. Raises DataError unless it is
    between 0 and 1. Source: E. Alpaydin, C. Kaynak, UCI Optical Recognition of Handwritten Digits, 1998.
    """
    from sklearn.datasets import load_digits as sklearn_digits
    from sklearn.model_selection import train_test_split

    X, T = sklearn_digits(return_X_y=True)
    try:
        parts = train_test_split(X.astype(np.uint8), T, test_size=float(test_size), stratify=T, random_state=0)
    except ValueError as error:
        allowed = "a number between 0 and 1 that leaves each class a sample on both sides is allowed"
        raise DataError(f"test_size: {test_size}; {allowed} ({error})") from None
    Xtrain, Xtest, Ttrain, Ttest = parts
    return from_arrays(Xtrain, Ttrain, Xtest, Ttest, name="digits", num_classes=10, image_shape=(1, 8, 8))


def make_checkerboard(n_train: int, n_test: int, rng: np.random.Generator, board: int = 8) -> Dataset:
    """Points uniform in the unit square, of class (⌊board·x⌋ + ⌊board·y⌋) mod 2, the colour of their cell."""
    n_train, n_test, board = _sizes(n_train=n_train, n_test=n_test, board=board)
    X = rng.random((n_train + n_test, 2))
    T = (X * board).astype(np.int64).sum(axis=1) % 2
    return _split("checkerboard", X, T, n_train, num_classes=2)


def make_mini(
    n_train: int, n_test: int, rng: np.random.Generator, num_features: int = 8, num_classes: int = 3
) -> Dataset:
    """A small classification for a quick try: samples of class k from N(c_k, 1/4), centres c_k from N(0, 1).

    Labels are uniform; the classes overlap a little.
    """
    n_train, n_test, num_features, num_classes = _sizes(
        n_train=n_train, n_test=n_test, num_features=num_features, num_classes=num_classes
    )
    centres = rng.standard_normal((num_classes, num_features))
    T = rng.integers(0, num_classes, n_train + n_test)
    X = centres[T] + 0.5 * rng.standard_normal((n_train + n_test, num_features))
    return _split("mini", X, T, n_train, num_classes)


def _split(name: str, X: np.ndarray, T: np.ndarray, n_train: int, num_classes: int) -> Dataset:
    X = X.astype(np.float32)
    return from_arrays(
        X[:n_train], T[:n_train], X[n_train:], T[n_train:], name=name, num_classes=num_classes, normalization="feature"
    )


def _sizes(**given: int) -> list[int]:
    result = []
    for name, value in given.items():
        size, least = as_integer(value), 0 if name == "n_test" else 1
        if size is None or size < least:
            raise DataError(f"{name}: {value!r}; {least} and more are allowed")
        result.append(size)
    return result
