"""Dataset and from_arrays: what they accept, how they normalise, what they refuse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nerva_py.data import Dataset, from_arrays
from nerva_py.data.checks import CHUNK
from nerva_py.data.normalization import mean_and_deviation
from nerva_py.errors import DataError, NervaError


def bytes_dataset(rng, **options):
    X = rng.integers(0, 256, (20, 12), dtype=np.uint8)
    return from_arrays(X[:15], rng.integers(0, 3, 15), X[15:], rng.integers(0, 3, 5), num_classes=3, **options)


def test_classification(rng):
    dataset = bytes_dataset(rng, name="some", image_shape=(3, 2, 2))
    assert (dataset.num_features, dataset.num_outputs, dataset.num_classes) == (12, 3, 3)
    assert dataset.augmentable
    assert dataset.describe() == "some: 15 training and 5 test samples, 12 uint8 features (3×2×2), 3 classes"


def test_regression(rng):
    dataset = from_arrays(rng.random((6, 2)), rng.random((6, 4)))
    assert (dataset.num_features, dataset.num_outputs, dataset.num_classes) == (2, 4, None)
    assert not dataset.augmentable
    assert dataset.Xtest.shape == (0, 2)
    assert dataset.Ttest.shape == (0, 4)
    assert dataset.describe() == "arrays: 6 training and 0 test samples, 2 float64 features, 4 targets"
    assert from_arrays(rng.random((6, 2)), rng.random(6)).Ttrain.shape == (6, 1)


def test_arrays_of_the_right_type_are_not_copied(rng):
    X, T = rng.random((6, 2)), rng.integers(0, 2, 6)
    dataset = from_arrays(X, T)
    assert dataset.Xtrain is X
    assert dataset.Ttrain is T


def test_other_types_and_layouts_are_converted():
    dataset = from_arrays([[1, 2], [3, 4]], [True, False])
    assert dataset.Xtrain.dtype == np.float32
    assert dataset.Ttrain.dtype == np.int64
    assert from_arrays(np.ones((2, 3)).T, [0, 1, 1]).Xtrain.flags.c_contiguous


@pytest.mark.parametrize("normalization", ["channel", "feature"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_normalised_training_samples_have_mean_0_and_variance_1(normalization, dtype, rng):
    X = rng.integers(0, 200, (500, 12)).astype(dtype)
    X[:, 4:8] += dtype(50)
    dataset = from_arrays(X, np.zeros(500, int), image_shape=(3, 2, 2), normalization=normalization)
    groups = (dataset.Xtrain * dataset.scale + dataset.shift).reshape(500, 3 if normalization == "channel" else 12, -1)
    np.testing.assert_allclose(groups.mean(axis=(0, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(groups.std(axis=(0, 2)), 1, rtol=1e-12)
    if normalization == "channel":
        assert len(np.unique(dataset.scale)) == 3


def test_by_default_bytes_are_normalised_and_floats_are_not(rng):
    assert bytes_dataset(rng).scale[0] != 1
    dataset = from_arrays(rng.normal(5, 2, (9, 2)), np.zeros(9, int))
    assert dataset.scale.tolist() == [1, 1]
    assert dataset.shift.tolist() == [0, 0]


def test_test_samples_do_not_define_the_normalisation(rng):
    X, T = rng.integers(0, 256, (20, 12), dtype=np.uint8), np.zeros(20, int)
    alone, together = from_arrays(X[:10], T[:10]), from_arrays(X[:10], T[:10], X[10:], T[10:])
    assert np.array_equal(alone.scale, together.scale)
    assert np.array_equal(alone.shift, together.shift)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 + 1 / 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_feature_is_only_shifted(value, dtype):
    X = np.full((1000, 2), value, dtype)
    X[:, 1] = np.arange(1000)
    dataset = from_arrays(X, np.zeros(1000, int), normalization="feature")
    assert dataset.scale[0] == 1
    np.testing.assert_allclose(X[:, 0] * dataset.scale[0] + dataset.shift[0], 0, atol=1e-13 * max(1, value))


def test_statistics_of_more_than_one_chunk(rng):
    X = rng.normal(1e6, 1, (CHUNK // 2, 5))
    mean, deviation = mean_and_deviation(X, 5)
    np.testing.assert_allclose(mean, X.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(deviation, X.std(axis=0), rtol=1e-9)


NAN = np.array([[0.0, 1.0], [2.0, np.nan]])
X32, T32 = np.zeros((3, 2), np.float32), np.zeros(3, int)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"Xtrain": NAN, "Ttrain": [0, 1]}, r"Xtrain\[1, 1\]: nan; finite values"),
        ({"Xtrain": X32, "Ttrain": T32, "Xtest": [[np.inf, 1.0]], "Ttest": [0]}, r"Xtest\[0, 0\]: inf"),
        ({"Xtrain": [[1.0]], "Ttrain": [np.nan]}, r"Ttrain\[0, 0\]: nan"),
        ({"Xtrain": X32, "Ttrain": [0, 1, 5], "num_classes": 3}, r"Ttrain\[2\]: label 5; with 3 classes, 0 to 2 are"),
        ({"Xtrain": X32, "Ttrain": [0, 1, -1]}, r"Ttrain\[2\]: label -1; with 2 classes"),
        ({"Xtrain": X32, "Ttrain": T32, "Xtest": X32, "Ttest": [0, 1, 0]}, r"Ttest\[1\]: label 1; with 1 classes"),
        ({"Xtrain": X32, "Ttrain": [0, 1]}, "Ttrain: 2 targets; Xtrain has 3 samples"),
        ({"Xtrain": X32, "Ttrain": T32, "Xtest": X32, "Ttest": [0]}, "Ttest: 1 targets; Xtest has 3 samples"),
        (
            {"Xtrain": X32, "Ttrain": T32, "Xtest": np.zeros((3, 4)), "Ttest": T32},
            r"Xtest: shape \(3, 4\); Xtrain has 2",
        ),
        ({"Xtrain": X32, "Ttrain": T32, "Xtest": X32}, "Ttest: None; a test set is both"),
        ({"Xtrain": X32, "Ttrain": T32, "Ttest": T32}, "Xtest: None; a test set is both"),
        (
            {"Xtrain": X32, "Ttrain": np.zeros((3, 2)), "Xtest": X32, "Ttest": np.zeros((3, 1))},
            r"Ttest: shape \(3, 1\); Ttr",
        ),
        (
            {"Xtrain": X32, "Ttrain": np.zeros((3, 2)), "Xtest": X32, "Ttest": T32},
            r"Ttest: shape \(3,\), dtype int64; \(M, K\)",
        ),
        ({"Xtrain": X32, "Ttrain": np.zeros((3, 2), int)}, r"Ttrain: shape \(3, 2\), dtype int64; \(M,\) of int64"),
        ({"Xtrain": X32, "Ttrain": np.zeros((3, 0))}, r"Ttrain: shape \(3, 0\)"),
        ({"Xtrain": np.zeros((0, 2)), "Ttrain": []}, r"Xtrain: shape \(0, 2\); at least one sample"),
        ({"Xtrain": np.zeros((2, 0)), "Ttrain": [0, 0]}, r"Xtrain: shape \(2, 0\); at least one sample"),
        ({"Xtrain": [1.0, 2.0], "Ttrain": [0, 0]}, r"Xtrain: shape \(2,\)"),
        ({"Xtrain": np.zeros((2, 2, 2)), "Ttrain": [0, 0]}, r"Xtrain: shape \(2, 2, 2\)"),
        ({"Xtrain": [["a"], ["b"]], "Ttrain": [0, 0]}, "Xtrain: .* dtype <U1; a matrix of real numbers"),
        ({"Xtrain": [[1.0], [1.0, 2.0]], "Ttrain": [0, 0]}, "Xtrain: setting an array element"),
        ({"Xtrain": X32, "Ttrain": T32, "num_classes": 0}, "num_classes: 0; 1 and more"),
        ({"Xtrain": X32, "Ttrain": T32, "image_shape": (1, 2, 2)}, r"image_shape: \(1, 2, 2\); .* product of 2"),
        ({"Xtrain": X32, "Ttrain": T32, "image_shape": (-1, -2, 1)}, r"image_shape: \(-1, -2, 1\)"),
        ({"Xtrain": [[1e300], [-1e300]], "Ttrain": [0, 0], "normalization": "feature"}, "Xtrain: values up to 1e.300"),
    ],
)
def test_bad_arrays(arguments, message):
    with pytest.raises(DataError, match=message):
        from_arrays(**arguments)


def test_unknown_normalization_lists_the_known_ones():
    with pytest.raises(NervaError, match=r"'features'; did you mean 'feature'.*channel, feature, none"):
        from_arrays(X32, T32, normalization="features")


def test_a_dataset_checks_what_replaces_its_parts(rng):
    dataset = bytes_dataset(rng)
    for part, value in {
        "scale": np.ones(3),
        "shift": np.full(12, np.nan),
        "Xtrain": dataset.Xtrain.T,
        "Ttrain": dataset.Ttrain.astype(np.int32),
    }.items():
        with pytest.raises(DataError, match=f"^{part}: "):
            replace(dataset, **{part: value})
    assert isinstance(replace(dataset, name="other"), Dataset)
