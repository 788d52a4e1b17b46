from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_classification, make_regression


@pytest.fixture(scope="session")
def digits():
    """Two thirds to train, one to test."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = (X[order] / 16).astype(np.float32), y[order]
    return X[:1200], y[:1200], X[1200:], y[1200:]


@pytest.fixture(scope="session")
def binary():
    return make_classification(200, 12, n_informative=6, random_state=3)


@pytest.fixture(scope="session")
def three():
    X, y = make_classification(240, 12, n_informative=6, n_classes=3, random_state=3)
    return X, np.array(["ape", "bee", "cat"])[y]


@pytest.fixture(scope="session")
def regression():
    X, y = make_regression(200, 12, n_informative=5, noise=5, random_state=3)
    return X, (y - y.mean()) / y.std()
