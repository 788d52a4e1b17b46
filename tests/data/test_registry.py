"""Data sets by name."""

from __future__ import annotations

import numpy as np
import pytest

from nerva_py.data import DATASETS, load_dataset
from nerva_py.errors import DataError, NervaError
from tests.data import formats


def test_the_names():
    assert set(DATASETS) == {"digits", "checkerboard", "mini", "text", "mnist", "cifar10"}


@pytest.mark.parametrize("name", ["digits", "checkerboard", "mini"])
def test_data_sets_without_files(name):
    dataset = load_dataset(name)
    assert dataset.name == name
    assert np.array_equal(dataset.Xtrain, load_dataset(name, rng=np.random.default_rng(0)).Xtrain)
    with pytest.raises(
        DataError, match=f"data_dir: here; the data set '{name}' reads no files, only mnist, cifar10 do"
    ):
        load_dataset(name, data_dir="here")


def test_data_sets_from_files(tmp_path, rng):
    formats.write_mnist(tmp_path, formats.mnist_arrays(rng))
    assert load_dataset("mnist", tmp_path).name == "mnist"
    for name, contents in formats.cifar10_files(formats.cifar10_arrays(rng), python=False).items():
        (tmp_path / name).write_bytes(contents)
    assert load_dataset("cifar10", str(tmp_path)).name == "cifar10"


def test_an_unknown_name():
    with pytest.raises(
        NervaError, match=r"'minst'; did you mean 'mnist'.*checkerboard, cifar10, digits, mini, mnist, text"
    ):
        load_dataset("minst")
