"""CIFAR-10 in every official form, everything that can be wrong with it, and pickles that want to execute code."""

from __future__ import annotations

import os
import pickle
import tracemalloc

import numpy as np
import pytest

from nerva_py.data import load_cifar10
from nerva_py.errors import DataError
from tests.data import formats


def write(directory, files):
    directory.mkdir(parents=True, exist_ok=True)
    for name, contents in files.items():
        (directory / name).write_bytes(contents)


def assert_same(dataset, arrays):
    train = [arrays[f"data_batch_{k}"] for k in range(1, 6)]
    assert dataset.name == "cifar10"
    assert dataset.image_shape == (3, 32, 32)
    assert dataset.num_classes == 10
    assert np.array_equal(dataset.Xtrain, np.vstack([X for X, _ in train]))
    assert np.array_equal(dataset.Ttrain, np.concatenate([T for _, T in train]))
    assert np.array_equal(dataset.Xtest, arrays["test_batch"][0])
    assert np.array_equal(dataset.Ttest, arrays["test_batch"][1])
    red = dataset.Xtrain[:, :1024]
    np.testing.assert_allclose(dataset.scale[:1024], 1 / red.std())
    np.testing.assert_allclose(dataset.shift[:1024], -red.mean() / red.std())


@pytest.fixture
def arrays(rng):
    return formats.cifar10_arrays(rng)


FOLDER = {False: "cifar-10-batches-bin", True: "cifar-10-batches-py"}
ARCHIVE = {False: "cifar-10-binary.tar.gz", True: "cifar-10-python.tar.gz"}


@pytest.mark.parametrize("python", [False, True])
def test_directories(tmp_path, arrays, python):
    write(tmp_path / FOLDER[python], formats.cifar10_files(arrays, python=python))
    assert_same(load_cifar10(tmp_path / FOLDER[python]), arrays)
    assert_same(load_cifar10(tmp_path), arrays)


@pytest.mark.parametrize("python", [False, True])
@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_archives(tmp_path, arrays, python, mode):
    files = formats.cifar10_files(arrays, python=python)
    members = {f"{FOLDER[python]}/{name}": contents for name, contents in reversed(files.items())}
    path = tmp_path / ARCHIVE[python]
    path.write_bytes(formats.tar({f"{FOLDER[python]}/readme.html": b"hello"} | members, mode))
    assert_same(load_cifar10(path), arrays)
    assert_same(load_cifar10(tmp_path), arrays)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_every_protocol(tmp_path, arrays, protocol):
    write(tmp_path, {name: formats.cifar10_pickle(*batch, protocol=protocol) for name, batch in arrays.items()})
    assert_same(load_cifar10(tmp_path), arrays)


def test_pickles_of_python_2(tmp_path, arrays):
    write(tmp_path, {name: formats.python2_pickle(*batch) for name, batch in arrays.items()})
    assert_same(load_cifar10(tmp_path), arrays)


def test_memory_stays_below_twice_the_images(tmp_path, rng):
    arrays = formats.cifar10_arrays(rng, count=500)
    write(tmp_path, formats.cifar10_files(arrays, python=False))
    del arrays
    load_cifar10(tmp_path)  # what is allocated once, by imports, is not counted
    tracemalloc.start()
    try:
        load_cifar10(tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * 3000 * 3072 + 8e6  # the statistics need a few chunks


class Attack:
    """Unpickled in the ordinary way, it makes a directory."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def batch_with(**change):
    return pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [0, 1]} | change, 2)


def test_a_pickle_cannot_execute_code(tmp_path, arrays):
    loot = tmp_path / "executed"
    write(tmp_path, formats.cifar10_files(arrays, python=True))
    write(tmp_path, {"data_batch_3": pickle.dumps({"data": Attack(str(loot)), "labels": [0]}, 2)})
    with pytest.raises(DataError, match=r"data_batch_3: the pickle asks for posix.mkdir; only numeric arrays"):
        load_cifar10(tmp_path)
    assert not loot.exists()


BROKEN_PICKLES = {
    "empty": (b"", "not a complete pickle"),
    "truncated": (batch_with()[:-100], "not a complete pickle"),
    "no pickle": (b"<html>", "not a complete pickle"),
    "no dictionary": (pickle.dumps([1]), "a pickled list; a dictionary"),
    "no data": (pickle.dumps({b"labels": [0]}), "data: NoneType"),
    "no labels": (pickle.dumps({"data": np.zeros((1, 3072), np.uint8)}), "labels: NoneType; a list of 1 integers"),
    "no images": (pickle.dumps({"data": np.zeros((0, 3072), np.uint8), "labels": []}), r"data: shape \(0, 3072\)"),
    "other pixels": (batch_with(data=np.zeros((2, 3000), np.uint8)), r"data: shape \(2, 3000\)"),
    "other type": (batch_with(data=np.zeros((2, 3072))), "data: .* dtype float64"),
    "objects": (batch_with(data=np.array([[None]])), "an array of dtype object; numbers are allowed"),
    "a label too many": (batch_with(labels=[0, 1, 2]), "labels: list; a list of 2 integers"),
    "a text for a label": (batch_with(labels=[0, "cat"]), "labels: list; a list of 2 integers"),
    "label 10": (batch_with(labels=[0, 10]), "label 10 of image 1; 0 to 9"),
    "label -1": (batch_with(labels=[-1, 0]), "label -1 of image 0; 0 to 9"),
    "huge label": (batch_with(labels=[0, 10**30]), f"label {10**30} of image 1"),
}


@pytest.mark.parametrize("case", BROKEN_PICKLES)
def test_broken_pickles(tmp_path, arrays, case):
    contents, message = BROKEN_PICKLES[case]
    write(tmp_path, formats.cifar10_files(arrays, python=True))
    write(tmp_path, {"data_batch_2": contents})
    with pytest.raises(DataError, match=f"^{tmp_path / 'data_batch_2'}: .*{message}"):
        load_cifar10(tmp_path)


BROKEN_RECORDS = {
    "empty": (b"", "0 bytes; a multiple of 3073"),
    "truncated": (bytes(2 * 3073 - 1), "6145 bytes; a multiple of 3073"),
    "label 10": (bytes(3073) + b"\x0a" + bytes(3072), "label 10 of image 1; 0 to 9"),
}


@pytest.mark.parametrize("case", BROKEN_RECORDS)
def test_broken_records(tmp_path, arrays, case):
    contents, message = BROKEN_RECORDS[case]
    write(tmp_path, formats.cifar10_files(arrays, python=False))
    write(tmp_path, {"test_batch.bin": contents})
    with pytest.raises(DataError, match=f"^{tmp_path / 'test_batch.bin'}: .*{message}"):
        load_cifar10(tmp_path)


def test_broken_archives(tmp_path, arrays):
    path = tmp_path / "cifar.tar.gz"
    whole = formats.tar(formats.cifar10_files(arrays, python=False))
    for contents in (b"", b"<html>", whole[: len(whole) // 2], whole[:5000] + bytes(100) + whole[5100:]):
        path.write_bytes(contents)
        with pytest.raises(DataError, match=rf"^{path}.*truncated or corrupt"):
            load_cifar10(path)
    path.write_bytes(formats.tar({"data_batch_1.bin": b"123"}))
    with pytest.raises(DataError, match=f"^{path / 'data_batch_1.bin'}: 3 bytes"):
        load_cifar10(path)
    path.write_bytes(formats.tar({"readme.html": b"123"}))
    with pytest.raises(DataError, match=f"^{path}: has no data_batch_1, data_batch_2"):
        load_cifar10(path)


def test_missing_files(tmp_path, arrays):
    with pytest.raises(DataError, match=r"has neither data_batch_1\.bin nor data_batch_1"):
        load_cifar10(tmp_path)
    with pytest.raises(DataError, match="no such file or directory"):
        load_cifar10(tmp_path / "nowhere")
    files = formats.cifar10_files(arrays, python=False)
    del files["data_batch_4.bin"]
    write(tmp_path, files)
    with pytest.raises(DataError, match="has no data_batch_4; all of data_batch_1"):
        load_cifar10(tmp_path)
