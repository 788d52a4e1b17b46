"""The data sets that need no file."""

from __future__ import annotations

import numpy as np
import pytest

from nerva_py.data import load_digits, make_checkerboard, make_mini
from nerva_py.errors import DataError


def test_digits():
    dataset = load_digits()
    assert dataset.Xtrain.shape == (1437, 64)
    assert dataset.Xtest.shape == (360, 64)
    assert dataset.Xtrain.dtype == np.uint8
    assert dataset.Xtrain.max() == 16
    assert dataset.image_shape == (1, 8, 8)
    assert dataset.augmentable
    part = np.bincount(dataset.Ttest) / (np.bincount(dataset.Ttest) + np.bincount(dataset.Ttrain))
    assert np.abs(part - 0.2).max() < 0.01
    assert np.array_equal(dataset.Xtrain, load_digits().Xtrain)


@pytest.mark.parametrize("test_size", [0.0, 1.0, 0.001, -1, 3, float("nan")])
def test_digits_with_an_impossible_split(test_size):
    with pytest.raises(DataError, match=f"test_size: {test_size}; a number between 0 and 1"):
        load_digits(test_size)


def test_checkerboard(rng):
    dataset = make_checkerboard(4000, 100, rng)
    assert dataset.Xtrain.shape == (4000, 2)
    assert dataset.Xtest.shape == (100, 2)
    assert dataset.num_classes == 2
    assert abs(dataset.Ttrain.mean() - 0.5) < 0.05
    for X, T in ((dataset.Xtrain, dataset.Ttrain), (dataset.Xtest, dataset.Ttest)):
        assert 0 <= X.min() < X.max() <= 1
        inside = (np.abs(X * 8 - np.round(X * 8)) > 1e-5).all(axis=1)  # where rounding to float32 moves no point
        assert np.array_equal((np.floor(X[:, 0] * 8) + np.floor(X[:, 1] * 8))[inside] % 2, T[inside])
    normalised = dataset.Xtrain * dataset.scale + dataset.shift
    np.testing.assert_allclose(normalised.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(normalised.std(axis=0), 1)
    assert make_checkerboard(10, 10, rng, board=1).Ttrain.max() == 0


def test_mini(rng):
    dataset = make_mini(300, 60, rng, num_features=5, num_classes=4)
    assert dataset.Xtrain.shape == (300, 5)
    assert dataset.Xtest.shape == (60, 5)
    assert dataset.num_classes == 4
    assert set(dataset.Ttrain) == set(range(4))
    assert make_mini(10, 0, rng).Xtest.shape == (0, 8)


@pytest.mark.parametrize("make", [make_checkerboard, make_mini])
def test_generators_repeat_with_the_seed(make):
    one, two = make(20, 5, np.random.default_rng(7)), make(20, 5, np.random.default_rng(7))
    assert np.array_equal(one.Xtrain, two.Xtrain)
    assert np.array_equal(one.Ttest, two.Ttest)


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (make_checkerboard, {"n_train": 0, "n_test": 5}, "n_train: 0; 1 and more"),
        (make_checkerboard, {"n_train": 5, "n_test": -1}, "n_test: -1; 0 and more"),
        (make_checkerboard, {"n_train": 5, "n_test": 5, "board": 0}, "board: 0; 1 and more"),
        (make_mini, {"n_train": 5, "n_test": 5, "num_features": 0}, "num_features: 0"),
        (make_mini, {"n_train": 5, "n_test": 5, "num_classes": 0}, "num_classes: 0"),
    ],
)
def test_bad_sizes(make, arguments, message, rng):
    with pytest.raises(DataError, match=message):
        make(rng=rng, **arguments)
