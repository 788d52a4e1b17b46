"""MNIST's idx files: both spellings, compressed or not, and everything that can be wrong with them."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from nerva_py.data import load_mnist
from nerva_py.errors import DataError
from tests.data import formats

TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
TRAIN_LABELS = "train-labels-idx1-ubyte.gz"


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("dotted", [True, False])
def test_files_in_every_official_form(tmp_path, rng, compress, dotted):
    arrays = formats.mnist_arrays(rng)
    formats.write_mnist(tmp_path, arrays, compress=compress, dotted=dotted)
    dataset = load_mnist(tmp_path)
    assert dataset.name == "mnist"
    assert dataset.image_shape == (1, 5, 4)
    assert dataset.num_classes == 10
    assert np.array_equal(dataset.Xtrain, arrays["Xtrain"].reshape(7, 20))
    assert np.array_equal(dataset.Ttrain, arrays["Ttrain"])
    assert np.array_equal(dataset.Xtest, arrays["Xtest"].reshape(3, 20))
    assert np.array_equal(dataset.Ttest, arrays["Ttest"])
    np.testing.assert_allclose(dataset.scale, 1 / arrays["Xtrain"].std())
    np.testing.assert_allclose(dataset.shift, -arrays["Xtrain"].mean() / arrays["Xtrain"].std())


IMAGES = formats.idx(np.zeros((7, 5, 4)))
BROKEN = {
    "empty": (TRAIN_IMAGES, b"", "the file is empty"),
    "empty after decompression": (TRAIN_IMAGES, gzip.compress(b""), "the file is empty"),
    "truncated gzip": (TRAIN_IMAGES, gzip.compress(IMAGES)[:-9], "truncated or corrupt"),
    "corrupt gzip": (TRAIN_IMAGES, gzip.compress(IMAGES)[:20] + b"\0" * 30, "truncated or corrupt"),
    "text": (TRAIN_IMAGES, b"<html>Not found</html>", "begins with 3c68746d; .* begins with 00000803"),
    "labels for images": (TRAIN_IMAGES, formats.idx(np.zeros(7)), "begins with 00000801; .* begins with 00000803"),
    "images for labels": (TRAIN_LABELS, IMAGES, "begins with 00000803; .* begins with 00000801"),
    "half a header": (TRAIN_IMAGES, IMAGES[:10], "10 bytes; the header alone has 16"),
    "truncated": (TRAIN_IMAGES, IMAGES[:-1], r"155 bytes; values of shape \(7, 5, 4\) need 156"),
    "too long": (TRAIN_IMAGES, IMAGES + b"\0", r"157 bytes; values of shape \(7, 5, 4\) need 156"),
    "no images": (TRAIN_IMAGES, formats.idx(np.zeros((0, 5, 4))), r"shape \(0, 5, 4\); at least one"),
    "too few labels": (TRAIN_LABELS, formats.idx(np.zeros(6)), f"6 labels; {TRAIN_IMAGES} has 7 images"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_files(tmp_path, rng, case):
    name, contents, message = BROKEN[case]
    formats.write_mnist(tmp_path, formats.mnist_arrays(rng))
    (tmp_path / name).write_bytes(contents)
    with pytest.raises(DataError, match=f"^{tmp_path / name}: .*{message}"):
        load_mnist(tmp_path)


def test_test_images_of_another_size(tmp_path, rng):
    arrays = formats.mnist_arrays(rng)
    formats.write_mnist(tmp_path, arrays | {"Xtest": np.zeros((3, 4, 4))})
    with pytest.raises(DataError, match=r"test images of \(4, 4\) pixels; the training images have \(5, 4\)"):
        load_mnist(tmp_path)


def test_missing_files(tmp_path):
    with pytest.raises(DataError, match="has no file train-images-idx3-ubyte"):
        load_mnist(tmp_path)
    with pytest.raises(DataError, match="no such directory"):
        load_mnist(tmp_path / "nowhere")


@pytest.mark.parametrize("place", ["raw", "MNIST/raw", "FashionMNIST/raw", "KMNIST/raw"])
def test_where_torchvision_puts_them(tmp_path, rng, place):
    arrays = formats.mnist_arrays(rng)
    (tmp_path / place).mkdir(parents=True)
    formats.write_mnist(tmp_path / place, arrays)
    assert np.array_equal(load_mnist(tmp_path).Ttrain, arrays["Ttrain"])


def test_all_files_come_from_one_place(tmp_path, rng):
    """MNIST where both are; and never the images of one with the labels of the other."""
    mnist, fashion = formats.mnist_arrays(rng), formats.mnist_arrays(rng)
    for place, arrays in (("FashionMNIST/raw", fashion), ("MNIST/raw", mnist)):
        (tmp_path / place).mkdir(parents=True)
        formats.write_mnist(tmp_path / place, arrays)
    assert np.array_equal(load_mnist(tmp_path).Xtrain, mnist["Xtrain"].reshape(7, 20))
    assert np.array_equal(load_mnist(tmp_path / "FashionMNIST").Xtrain, fashion["Xtrain"].reshape(7, 20))
    (tmp_path / "MNIST/raw" / TRAIN_LABELS).unlink()
    with pytest.raises(DataError, match="MNIST/raw: has no file train-labels"):
        load_mnist(tmp_path)


@pytest.mark.parametrize("part", ["Ttrain", "Ttest"])
def test_labels_above_9_are_more_classes(tmp_path, rng, part):
    """As EMNIST's letters and Kuzushiji-49 have them."""
    arrays = formats.mnist_arrays(rng)
    arrays[part][1] = 48
    formats.write_mnist(tmp_path, arrays)
    assert load_mnist(tmp_path).num_classes == 49
