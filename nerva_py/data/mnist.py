"""MNIST, and other data sets in its idx format (Fashion-MNIST, for instance).

Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits.
"""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path

import numpy as np

from nerva_py.data.dataset import Dataset, from_arrays
from nerva_py.data.download import fetch
from nerva_py.errors import DataError
from nerva_py.files import read_bytes, reading

URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
MD5 = {
    "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
}
NUM_CLASSES = 10  # at least: EMNIST and Kuzushiji-49 have more
# Where the four files are, below the directory that is given: there, or where torchvision puts them.
PLACES = (".", "raw", "MNIST/raw", "FashionMNIST/raw", "KMNIST/raw", "QMNIST/raw")


def load_mnist(path: str | PathLike[str] | None = None) -> Dataset:
    """60,000 training and 10,000 test images of 28×28 bytes, 10 classes.

    `path` is a directory with the four idx files, compressed by gzip or not, or one in which torchvision has put them
    (MNIST/raw, else FashionMNIST/raw, ...); None downloads them into the user's cache. Files are taken as they are, whatever
    their number and size of images, if they agree; labels above 9, as EMNIST has, are more classes. Raises DataError.
    """
    path = None if path is None else _folder(Path(path))
    Xtrain, Ttrain, image_shape = _read_pair(path, "train-images-idx3-ubyte", "train-labels-idx1-ubyte")
    Xtest, Ttest, test_shape = _read_pair(path, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    if test_shape != image_shape:
        raise DataError(f"{path}: test images of {test_shape[1:]} pixels; the training images have {image_shape[1:]}")
    num_classes = max(NUM_CLASSES, int(Ttrain.max()) + 1, int(Ttest.max()) + 1)
    return from_arrays(Xtrain, Ttrain, Xtest, Ttest, name="mnist", num_classes=num_classes, image_shape=image_shape)


def read_idx(path: Path, ndim: int) -> np.ndarray:
    """The uint8 array with `ndim` dimensions in an idx file: 0, 0, 8, ndim, the sizes in 4 bytes each, the values."""
    contents = read_bytes(path)
    magic = bytes((0, 0, 8, ndim))
    header = len(magic) + 4 * ndim
    if contents[:4] != magic:
        allowed = f"an idx file of bytes in {ndim} dimensions begins with {magic.hex()}"
        raise DataError(f"{path}: begins with {contents[:4].hex()}; {allowed}")
    if len(contents) < header:
        raise DataError(f"{path}: {len(contents)} bytes; the header alone has {header}")
    shape = tuple(np.frombuffer(contents, ">u4", ndim, offset=4).tolist())
    if len(contents) != header + math.prod(shape):
        raise DataError(f"{path}: {len(contents)} bytes; values of shape {shape} need {header + math.prod(shape)}")
    if math.prod(shape) == 0:
        raise DataError(f"{path}: shape {shape}; at least one value is needed")
    return np.frombuffer(contents, np.uint8, offset=header).reshape(shape)


def _read_pair(
    path: str | PathLike[str] | None, images: str, labels: str
) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int]]:
    """Images as rows, their labels, and the shape of an image."""
    image_file, label_file = _find(path, images), _find(path, labels)
    X, T = read_idx(image_file, 3), read_idx(label_file, 1)
    with reading(label_file):
        if len(T) != len(X):
            raise DataError(f"{len(T)} labels; {image_file.name} has {len(X)} images")
    return X.reshape(len(X), -1), T, (1, *X.shape[1:])


def _folder(path: Path) -> Path:
    """The first of the places below `path` with images to train on, from which all files are taken; else `path`."""
    for place in PLACES:
        if any((path / place).glob("train-images?idx3-ubyte*")):
            return path / place
    return path


def _find(path: str | PathLike[str] | None, name: str) -> Path:
    """The file of this official name in the user's directory, in either spelling, or in the cache."""
    if path is None:
        return fetch(f"{URL}{name}.gz", MD5[name], "mnist")
    dotted = name.replace("-idx", ".idx")
    for candidate in (name, f"{name}.gz", dotted, f"{dotted}.gz"):
        if (Path(path) / candidate).is_file():
            return Path(path) / candidate
    what = f"has no file {name} or {name}.gz" if Path(path).is_dir() else "no such directory"
    raise DataError(f"{path}: {what}")
