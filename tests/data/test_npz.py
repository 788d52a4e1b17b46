"""npz files: Nerva's and ours, written whole or not at all, and everything that can be wrong with them."""

from __future__ import annotations

import numpy as np
import pytest

from nerva_py.data import from_arrays, load_digits, load_npz, make_mini, save_npz
from nerva_py.errors import DataError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.npz"


def nerva_arrays(rng):
    return {
        "Xtrain": rng.random((6, 4), dtype=np.float32),
        "Ttrain": rng.integers(0, 3, 6).astype(np.int32),
        "Xtest": rng.random((2, 4), dtype=np.float32),
        "Ttest": np.zeros(2, np.int32),
    }


def test_a_file_of_nervas(path, rng):
    arrays = nerva_arrays(rng)
    np.savez_compressed(path, **arrays)
    dataset = load_npz(path)
    assert dataset.name == "some"
    assert dataset.num_classes == arrays["Ttrain"].max() + 1
    assert all(np.array_equal(getattr(dataset, key), array) for key, array in arrays.items())
    assert dataset.scale.tolist() == [1] * 4


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: load_digits(),
        lambda rng: make_mini(9, 0, rng),
        lambda rng: from_arrays(rng.random((5, 3)), rng.random((5, 2)), rng.random((1, 3)), rng.random((1, 2))),
    ],
    ids=["images", "no test set", "regression"],
)
def test_what_was_saved_is_loaded(path, rng, make):
    dataset = make(rng)
    save_npz(path, dataset)
    loaded = load_npz(path)
    for key in ("Xtrain", "Ttrain", "Xtest", "Ttest", "scale", "shift"):
        assert np.array_equal(getattr(loaded, key), getattr(dataset, key))
        assert getattr(loaded, key).dtype == getattr(dataset, key).dtype
    assert (loaded.num_classes, loaded.image_shape) == (dataset.num_classes, dataset.image_shape)


def test_a_file_that_cannot_be_written_leaves_the_old_one(path, rng, monkeypatch):
    save_npz(path, make_mini(9, 3, rng))
    old = path.read_bytes()

    def fail(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(DataError, match=f"^{path}: cannot be written .No space left"):
        save_npz(path, make_mini(9, 3, rng))
    assert path.read_bytes() == old
    assert list(path.parent.iterdir()) == [path]


def test_a_directory_that_does_not_exist(tmp_path, rng):
    with pytest.raises(DataError, match=r"cannot be written .No such file"):
        save_npz(tmp_path / "nowhere" / "some.npz", make_mini(9, 3, rng))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Ttest": None, "Xtest": None}, r"has no Xtest, Ttest; its keys are Xtrain, Ttrain"),
        ({"Xtrain": np.full((6, 4), np.nan)}, r"Xtrain\[0, 0\]: nan"),
        ({"Xtrain": np.zeros((5, 4))}, "Ttrain: 6 targets; Xtrain has 5 samples"),
        ({"Xtest": np.zeros((2, 3))}, r"Xtest: shape \(2, 3\); Xtrain has 4 features"),
        ({"Xtrain": np.zeros((0, 4)), "Ttrain": np.zeros(0, int)}, r"Xtrain: shape \(0, 4\); at least one sample"),
        ({"Ttest": np.array([0, 7])}, r"Ttest\[1\]: label 7"),
        ({"Ttrain": np.array([{}] * 6)}, "not an npz file of numeric arrays .*allow_pickle"),
        ({"num_classes": np.array("many")}, r"num_classes: many; integers of shape \(\)"),
        ({"image_shape": np.array([2, 2])}, r"image_shape: \[2 2\]; integers of shape \(3,\)"),
        ({"image_shape": np.array([1, 2, 3])}, r"image_shape: \(1, 2, 3\); .* product of 4"),
        ({"scale": np.ones(4)}, "only one of the keys scale and shift"),
        ({"scale": np.ones(3), "shift": np.ones(3)}, r"scale: shape \(3,\)"),
    ],
)
def test_broken_contents(path, rng, change, message):
    np.savez(path, **{key: array for key, array in (nerva_arrays(rng) | change).items() if array is not None})
    with pytest.raises(DataError, match=f"^{path}: .*{message}"):
        load_npz(path)


def test_broken_files(path, rng):
    with pytest.raises(DataError, match=f"^{path}: no such file"):
        load_npz(path)
    np.savez(path, **nerva_arrays(rng))
    whole = path.read_bytes()
    for contents in (b"", b"<html>", whole[:300], whole[:200] + b"!!!!" + whole[204:]):
        path.write_bytes(contents)
        with pytest.raises(DataError, match=f"^{path}: .*(truncated or corrupt|not an npz file)"):
            load_npz(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match="a single array; an npz file"):
        load_npz(path)
