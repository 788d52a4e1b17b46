"""MNIST, and other data sets in its idx format (Fashion-MNIST, for instance) or in the mnist.npz of Keras.

Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits.
"""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path
from typing import Any

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
# Where the files may be, below the directory that is given: there, or where Nerva and torchvision have them.
FOLDERS = ("", "raw", "mnist", "MNIST", "MNIST/raw", "FashionMNIST/raw", "KMNIST/raw", "QMNIST/raw")
NPZ = "mnist.npz"
KERAS = ("x_train", "y_train", "x_test", "y_test")


def load_mnist(path: str | PathLike[str] | None = None) -> Dataset:
    """60,000 training and 10,000 test images of 28×28 bytes, 10 classes.

    `path` is a directory with the four idx files, compressed by gzip or not, or with an mnist.npz of x_train (M, 28, 28),
    y_train, x_test and y_test; or that file; or the directory above, with them in mnist, or where torchvision puts them
    (MNIST/raw, FashionMNIST/raw, ...). None downloads the idx files into the user's cache. Files are taken as they are,
    whatever their number and size of images, if they agree; labels above 9, as EMNIST has, are more classes. Raises DataError.
    """
    if path is not None:
        path = _directory(Path(path))
    if path is not None and path.is_file():
        Xtrain, Ttrain, image_shape, Xtest, Ttest, test_shape = _read_npz(path)
    else:
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


def _directory(path: Path) -> Path:
    """Where the files are, this directory or one in it; or the npz file."""
    if path.is_file():
        return path
    for folder in FOLDERS:
        if any(any((path / folder).glob(f"{name.partition('-idx')[0]}*")) for name in MD5):
            return path / folder
        if (path / folder / NPZ).is_file():
            return path / folder / NPZ
    return path


def _read_npz(path: Path) -> tuple[Any, ...]:
    """Images as rows, labels and the shape of an image, of the training and of the test part."""
    with reading(path):
        try:
            with path.open("rb") as file:
                npz = np.load(file, allow_pickle=False)
                names = () if isinstance(npz, np.ndarray) else npz.files
                if missing := [key for key in KERAS if key not in names]:
                    raise DataError(f"has no {', '.join(missing)}; its keys are {', '.join(names) or 'none'}")
                x_train, y_train, x_test, y_test = (npz[key] for key in KERAS)
        except DataError:
            raise
        except (ValueError, RuntimeError) as error:
            raise DataError(f"not an npz file of numeric arrays ({error})") from None
        for name, x in (("x_train", x_train), ("x_test", x_test)):
            if x.ndim != 3 or x.dtype.kind not in "uif" or not x.size:
                raise DataError(f"{name}: shape {x.shape}, dtype {x.dtype}; (M, height, width) of numbers is allowed")
    return *_rows(_bytes(x_train), y_train), *_rows(_bytes(x_test), y_test)


def _bytes(x: np.ndarray) -> np.ndarray:
    """Pixels from 0 to 255 as bytes, whatever type of integer holds them."""
    return x.astype(np.uint8) if x.dtype.kind in "ui" and x.min() >= 0 and x.max() <= 255 else x


def _rows(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int]]:
    return images.reshape(len(images), -1), labels, (1, *images.shape[1:])


def _read_pair(
    path: str | PathLike[str] | None, images: str, labels: str
) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int]]:
    """Images as rows, their labels, and the shape of an image."""
    image_file, label_file = _find(path, images), _find(path, labels)
    X, T = read_idx(image_file, 3), read_idx(label_file, 1)
    with reading(label_file):
        if len(T) != len(X):
            raise DataError(f"{len(T)} labels; {image_file.name} has {len(X)} images")
    return _rows(X, T)


def _find(path: str | PathLike[str] | None, name: str) -> Path:
    """The file of this official name in the user's directory, in either spelling, or in the cache."""
    if path is None:
        return fetch(f"{URL}{name}.gz", MD5[name], "mnist")
    dotted = name.replace("-idx", ".idx")
    for candidate in (name, f"{name}.gz", dotted, f"{dotted}.gz"):
        if (Path(path) / candidate).is_file():
            return Path(path) / candidate
    what = f"has no file {name} or {name}.gz, nor {NPZ}" if Path(path).is_dir() else "no such directory"
    raise DataError(f"{path}: {what}")
