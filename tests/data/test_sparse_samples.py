"""Data sets of sparse samples: what they accept, how they are scaled, gathered and stored, and the text problem."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import coo_array, csc_array, csr_array, csr_matrix

from nerva_py.data import CropFlip, from_arrays, gather, load_npz, load_text, save_npz, text
from nerva_py.data.normalization import mean_and_deviation, sparse_mean_and_deviation
from nerva_py.engine import SparseBatch
from nerva_py.errors import DataError, NervaError
from tests.engine.test_sparse_batch import broken, csr


@pytest.fixture
def data(rng):
    return from_arrays(csr(rng, 20, 12, 0.3), rng.integers(0, 3, 20), csr(rng, 5, 12, 0.3), [0, 1, 2, 0, 1])


def test_a_sparse_data_set(data):
    assert data.sparse
    assert type(data.Xtrain) is csr_array
    assert (data.num_features, data.num_outputs) == (12, 3)
    assert not data.augmentable
    share = f"{data.Xtrain.nnz / 240:.3g}"
    assert data.describe() == (
        f"arrays: 20 training and 5 test samples, 12 float64 features, {share} of them stored, 3 classes"
    )
    assert not from_arrays(np.eye(2), [0, 1]).sparse


@pytest.mark.parametrize("form", [csr_matrix, coo_array, csc_array, csr_array])
def test_every_format(form, rng):
    array = csr(rng, 6, 7, 0.4).toarray()
    data = from_arrays(form(array), np.zeros(6, int))
    assert np.array_equal(data.Xtrain.toarray(), array)
    assert data.Xtest.shape == (0, 7)


def test_the_samples_are_not_copied(rng):
    X = csr(rng, 6, 7, 0.4)
    assert np.shares_memory(from_arrays(X, np.zeros(6, int)).Xtrain.data, X.data)


def test_a_regression(rng):
    data = from_arrays(csr(rng, 6, 7, 0.4), rng.random((6, 2)))
    assert data.num_outputs == 2


# --------------------------------------------------------------------------------------------------------------- scaling


@pytest.mark.parametrize("normalization", ["feature", "channel"])
def test_samples_are_scaled_but_not_centred(normalization, rng):
    X = csr(rng, 200, 12, 0.3)
    data = from_arrays(X, np.zeros(200, int), image_shape=(3, 2, 2), normalization=normalization)
    assert not data.shift.any()
    scaled = (X.toarray() * data.scale).reshape(200, 3 if normalization == "channel" else 12, -1)
    np.testing.assert_allclose(scaled.std(axis=(0, 2)), 1, rtol=1e-12)


def test_scaling_as_scikit_learn_does(rng):
    from sklearn.preprocessing import StandardScaler

    X = csr(rng, 50, 30, 0.2)
    data = from_arrays(X, np.zeros(50, int), normalization="feature")
    scaler = StandardScaler(with_mean=False).fit(X)
    np.testing.assert_allclose(1 / data.scale, scaler.scale_, rtol=1e-12)


@pytest.mark.parametrize("groups", [1, 3, 12])
def test_statistics_of_zeros_and_nonzeros(groups, rng):
    X = csr(rng, 40, 12, 0.3)
    X.data += 1e6  # far from zero, where a difference of squares would lose its digits
    for sparse, dense in zip(
        sparse_mean_and_deviation(X, groups), mean_and_deviation(X.toarray(), groups), strict=True
    ):
        np.testing.assert_allclose(sparse, dense, rtol=1e-12)


def test_a_feature_that_never_occurs_is_left_alone(rng):
    X = csr_array(np.array([[0.0, 1.0, 5.0], [0.0, 2.0, 5.0]]))
    assert from_arrays(X, [0, 1], normalization="feature").scale.tolist() == [1, 2, 1]
    assert from_arrays(X, [0, 1]).scale.tolist() == [1, 1, 1]


# -------------------------------------------------------------------------------------------------------------- batches


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_batch_is_what_the_dense_data_set_gives(dtype, rng):
    X, rows, scale, shift = csr(rng, 30, 40, 0.2), rng.integers(0, 30, 11), rng.uniform(0.1, 3, 40), np.zeros(40)
    batch = gather(X, rows, scale, shift, dtype)
    assert isinstance(batch, SparseBatch)
    assert batch.dtype == dtype
    np.testing.assert_array_equal(batch.toarray(), gather(X.toarray(), rows, scale, shift, np.float64).astype(dtype))


@pytest.mark.parametrize("rows", [[0, 3], [-1, 0], [0.5], [[0]]])
def test_rows_that_do_not_exist(rows, rng):
    with pytest.raises(DataError, match=r"^rows: "):
        gather(csr(rng, 3, 4, 0.5), np.array(rows), np.ones(4), np.zeros(4))


def test_sparse_samples_are_not_augmented(rng):
    with pytest.raises(DataError, match="augmentation: X is sparse"):
        gather(csr(rng, 3, 4, 0.5), np.array([0]), np.ones(4), np.zeros(4), augmentation=CropFlip().draw(rng, 1))


def test_no_batch_is_of_the_size_of_all_features(rng):
    """100 samples with 10 nonzeros each of 5 million features: dense, the batch would take 2 GB."""
    M, D = 1000, 5_000_000
    X = csr_array((np.ones(10 * M, np.float32), rng.integers(0, D, 10 * M), 10 * np.arange(M + 1)), shape=(M, D))
    data = from_arrays(X, np.zeros(M, int))
    gather(data.Xtrain, np.arange(100), data.scale, data.shift)
    tracemalloc.start()
    gather(data.Xtrain, rng.integers(0, M, 100), data.scale, data.shift)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000


# --------------------------------------------------------------------------------------------------------------- errors


def infinite() -> csr_array:
    return csr_array(np.array([[0.0, 1.0], [np.inf, 0.0]]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"Xtrain": infinite(), "Ttrain": [0, 1]}, r"Xtrain\[1, 0\]: inf; finite values"),
        ({"Xtrain": broken(indices=[0, 7, 1]), "Ttrain": [0, 1]}, "Xtrain: not a valid CSR matrix"),
        ({"Xtrain": csr_array((0, 3)), "Ttrain": []}, r"Xtrain: shape \(0, 3\); at least one sample"),
        ({"Xtrain": csr_array((2, 3)), "Ttrain": [0]}, "Ttrain: 1 targets; Xtrain has 2 samples"),
        (
            {"Xtrain": csr_array((2, 3)), "Ttrain": [0, 0], "Xtest": np.ones((1, 3)), "Ttest": [0]},
            "Xtest: dense, but Xtrain is sparse; both or neither",
        ),
        (
            {"Xtrain": np.ones((2, 3)), "Ttrain": [0, 0], "Xtest": csr_array((1, 3)), "Ttest": [0]},
            "Xtest: sparse, but Xtrain is dense; both or neither",
        ),
        (
            {"Xtrain": csr_array((2, 3)), "Ttrain": [0, 0], "Xtest": csr_array((1, 4)), "Ttest": [0]},
            r"Xtest: shape \(1, 4\); Xtrain has 3 features",
        ),
        ({"Xtrain": csr_array(np.eye(2) * 1j), "Ttrain": [0, 0]}, r"Xtrain: shape \(2, 2\), dtype complex128"),
        (
            {"Xtrain": csr_array([[1e300], [-1e300]]), "Ttrain": [0, 0], "normalization": "feature"},
            "Xtrain: values up to 1e.300; their variance must be finite",
        ),
    ],
)
def test_bad_arrays(arguments, message):
    with pytest.raises(DataError, match=message):
        from_arrays(**arguments)


def test_a_data_set_checks_what_replaces_its_parts(data):
    unsorted = csr_array((np.ones(2), np.array([3, 1]), np.array([0, 2] + [2] * 19)), shape=(20, 12))
    for part, value, message in (
        ("shift", np.ones(12), "shift: not 0 everywhere; sparse samples can be scaled only"),
        ("Xtrain", unsorted, "Xtrain: csr_array of float64; a csr_array of float32 or float64 with sorted"),
        ("Xtrain", csr_matrix(data.Xtrain), "Xtrain: csr_matrix"),
        ("Xtrain", data.Xtrain.astype(np.int64), "Xtrain: csr_array of int64"),
    ):
        with pytest.raises(DataError, match=message):
            replace(data, **{part: value})
    with pytest.raises(NervaError, match="'features'; did you mean 'feature'"):
        from_arrays(data.Xtrain, data.Ttrain, normalization="features")


# ----------------------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_what_was_saved_is_loaded(index_dtype, tmp_path, rng):
    X, Xtest = csr(rng, 20, 12, 0.3, np.float32, index_dtype), csr(rng, 4, 12, 0.3, np.float32, index_dtype)
    saved = from_arrays(X, np.arange(20) % 3, Xtest, [0, 1, 2, 0], normalization="feature")
    save_npz(tmp_path / "some.npz", saved)
    loaded = load_npz(tmp_path / "some.npz")
    for key in ("Xtrain", "Xtest"):
        for part in ("data", "indices", "indptr"):
            one, other = (getattr(getattr(data, key), part) for data in (saved, loaded))
            assert np.array_equal(one, other)
            assert one.dtype == other.dtype
    assert np.array_equal(loaded.scale, saved.scale)
    assert loaded.num_classes == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Xtrain.indptr": None}, "has no Xtrain.indptr; its keys are "),
        ({"Xtest.data": None}, "has no Xtest; its keys are "),
        ({"Xtrain.indices": np.full(72, 12)}, "Xtrain: not a valid CSR matrix"),
        ({"Xtrain.indices": np.ones(72)}, "Xtrain.indices: shape .72,., dtype float64; a vector of integers"),
        ({"Xtrain.indptr": np.arange(3)}, "Xtrain: not a valid CSR matrix"),
        ({"Xtrain.shape": np.array([20])}, r"Xtrain.shape: \[20\]; two integers"),
        ({"Xtrain.shape": np.array([20, -2])}, r"Xtrain.shape: \[20 -2\]; two integers of at least 0"),
        ({"Xtrain.shape": np.array([20, 13])}, r"Xtest: shape \(4, 12\); Xtrain has 13 features"),
        ({"Xtrain.data": np.full(72, np.nan)}, r"Xtrain\[0, \d+\]: nan"),
    ],
)
def test_broken_files(change, message, tmp_path, rng):
    path = tmp_path / "some.npz"
    save_npz(path, from_arrays(csr(rng, 20, 12, 0.3), np.arange(20) % 3, csr(rng, 4, 12, 0.3), [0, 1, 2, 0]))
    with np.load(path) as npz:
        arrays = {**npz, **change}
    np.savez(
        path, **{key: array for key, array in arrays.items() if array is not None and key not in ("scale", "shift")}
    )
    with pytest.raises(DataError, match=f"^{path}: .*{message}"):
        load_npz(path)


# ------------------------------------------------------------------------------------------------------------------ text


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Two packages of a few files, in the place of those that are installed."""
    for name, word in (("first", "apple"), ("second", "pear")):
        package = tmp_path / name
        (package / "tests").mkdir(parents=True)
        (package / "__init__.py").write_text("")
        for number in range(9):
            kept = f"{word} number {number} and some more words so that there are ten of them"
            (package / f"m{number}.py").write_text(
                f'"""{kept}\n\ntoo short\n\nthe same ten words are in every file of every package\n"""\n'
            )
        (package / "tests" / "test_it.py").write_text(f'"""{"never " * 20}"""')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(text, "DOCUMENTED", ("first", "second"))


@pytest.mark.usefixtures("packages")
def test_text_of_small_packages():
    data = load_text(features=1000)
    assert data.name == "text"
    assert data.num_classes == 2
    assert data.num_features == 1000
    # Ten files each, every fifth for testing; the paragraph that all share is there once.
    assert (len(data.Ttrain), len(data.Ttest)) == (15, 4)
    assert np.bincount(data.Ttest).tolist() == [2, 2]
    assert set(data.Xtrain.data) == {1}
    assert "never" not in str(text._sources("first"))
    again = load_text(features=1000)
    assert (again.Xtrain != data.Xtrain).nnz == 0


def test_text_of_a_package_that_is_missing(monkeypatch):
    monkeypatch.setattr(text, "DOCUMENTED", ("no_such_package",))
    with pytest.raises(DataError, match="package no_such_package: not installed"):
        load_text()


@pytest.mark.parametrize("features", [0, 2**31, 1.5])
def test_impossible_numbers_of_features(features):
    with pytest.raises(DataError, match=f"features: {features}; an integer from 1 to"):
        load_text(features)
