"""CIFAR-10 in its two official forms: binary records, and the batches that Python 2 pickled.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009; https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from os import PathLike
from pathlib import Path, PurePosixPath

import numpy as np

from nerva_py.data.dataset import Dataset, from_arrays
from nerva_py.data.download import fetch
from nerva_py.data.pickles import load_arrays
from nerva_py.errors import DataError
from nerva_py.files import reading

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
IMAGE_SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
NUM_CLASSES = 10
BATCHES = (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch")
FOLDERS = ("", "cifar-10-batches-bin", "cifar-10-batches-py")
ARCHIVES = ("cifar-10-binary.tar.gz", "cifar-10-python.tar.gz")

Batch = tuple[np.ndarray, np.ndarray]


def load_cifar10(path: str | PathLike[str] | None = None) -> Dataset:
    """50,000 training and 10,000 test images of 3×32×32 bytes, 10 classes.

    `path` is a directory with the six batches, binary or pickled, or with the official folder or archive of them; or
    that archive itself (tar, compressed or not). None downloads the binary archive into the user's cache. Batches are
    taken as they are, whatever their number of images. Pickles are read by an unpickler that makes arrays and nothing
    else. Needs less than twice the memory of the images. Raises DataError.
    """
    source = _find(Path(fetch(URL, MD5, "cifar10") if path is None else path))
    with reading(source):
        batches = dict(_read_archive(source) if source.is_file() else _read_directory(source))
        missing = [name for name in BATCHES if name not in batches]
        if missing:
            raise DataError(f"has no {', '.join(missing)}; all of {', '.join(BATCHES)} are needed")
    Xtest, Ttest = _join([batches.pop("test_batch")])
    Xtrain, Ttrain = _join([batches.pop(name) for name in BATCHES[:-1]])
    return from_arrays(Xtrain, Ttrain, Xtest, Ttest, name="cifar10", num_classes=NUM_CLASSES, image_shape=IMAGE_SHAPE)


def _find(path: Path) -> Path:
    """The archive, or the directory that holds the batches themselves."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise DataError(f"{path}: no such file or directory")
    for folder in FOLDERS:
        if any((path / folder / f"{name}{suffix}").is_file() for name in BATCHES for suffix in (".bin", "")):
            return path / folder
    for archive in ARCHIVES:
        if (path / archive).is_file():
            return path / archive
    official = ", ".join(FOLDERS[1:] + ARCHIVES)
    raise DataError(f"{path}: has neither {BATCHES[0]}.bin nor {BATCHES[0]}, nor one of {official}")


def _read_directory(directory: Path) -> Iterator[tuple[str, Batch]]:
    for suffix in (".bin", ""):
        files = [directory / f"{name}{suffix}" for name in BATCHES]
        if any(file.is_file() for file in files):
            for name, file in zip(BATCHES, files, strict=True):
                if file.is_file():
                    with reading(file):
                        batch = _parse(file.read_bytes(), pickled=not suffix)
                    yield name, batch
            return


def _read_archive(archive: Path) -> Iterator[tuple[str, Batch]]:
    """The batches in the order of the archive: going back in a compressed one means to decompress it again."""
    with tarfile.open(archive) as tar:
        for member in tar:
            name, dot, suffix = PurePosixPath(member.name).name.partition(".")
            if name in BATCHES and dot + suffix in (".bin", "") and member.isreg():
                file = tar.extractfile(member)
                assert file is not None  # it is a regular file
                with reading(archive / member.name):
                    batch = _parse(file.read(), pickled=not suffix)
                yield name, batch
        # The checksum of a compressed archive stands at its end, behind what was needed of it.
        while tar.fileobj is not None and tar.fileobj.read(1 << 20):
            pass


def _parse(contents: bytes, pickled: bool) -> Batch:
    """Images (n, 3072) and labels (n,) of one batch. Raises DataError."""
    X, T = _parse_pickle(contents) if pickled else _parse_records(contents)
    if T.min() < 0 or T.max() >= NUM_CLASSES:
        i = int(np.argmax((T < 0) | (T >= NUM_CLASSES)))
        raise DataError(f"label {T[i]} of image {i}; 0 to {NUM_CLASSES - 1} are allowed")
    return X, T


def _parse_records(contents: bytes) -> Batch:
    """Records of one byte for the label and 3072 for the image."""
    if not contents or len(contents) % (1 + PIXELS):
        raise DataError(f"{len(contents)} bytes; a multiple of {1 + PIXELS}, at least one record, is allowed")
    records = np.frombuffer(contents, np.uint8).reshape(-1, 1 + PIXELS)
    return records[:, 1:], records[:, 0]


def _parse_pickle(contents: bytes) -> Batch:
    """A dictionary with data (n, 3072) of uint8 and labels, a list of n integers; the keys of Python 2 are bytes."""
    batch = load_arrays(contents)
    if not isinstance(batch, dict):
        raise DataError(f"a pickled {type(batch).__name__}; a dictionary with 'data' and 'labels' is allowed")
    X, labels = (batch.get(key.encode(), batch.get(key)) for key in ("data", "labels"))
    if not isinstance(X, np.ndarray) or X.dtype != np.uint8 or X.ndim != 2 or X.shape[1] != PIXELS or not len(X):
        got = f"shape {X.shape}, dtype {X.dtype}" if isinstance(X, np.ndarray) else type(X).__name__
        raise DataError(f"data: {got}; (n, {PIXELS}) of uint8 is allowed")
    if not isinstance(labels, list) or len(labels) != len(X) or not all(type(label) is int for label in labels):
        raise DataError(f"labels: {type(labels).__name__}; a list of {len(X)} integers is allowed")
    return X, np.array(labels)


def _join(batches: list[Batch]) -> Batch:
    """All images, all labels. Every batch is released as soon as it is copied, so memory holds the images once."""
    T = np.concatenate([labels for _, labels in batches])
    X = np.empty((len(T), PIXELS), np.uint8)
    first = 0
    while batches:
        images, _ = batches.pop(0)
        X[first : first + len(images)] = images
        first += len(images)
    return X, T
