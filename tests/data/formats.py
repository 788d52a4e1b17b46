"""Writers of tiny data files in the official formats, so that the loaders can be tried on good and on broken ones."""

from __future__ import annotations

import gzip
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np

MNIST_FILES = {
    "Xtrain": "train-images-idx3-ubyte",
    "Ttrain": "train-labels-idx1-ubyte",
    "Xtest": "t10k-images-idx3-ubyte",
    "Ttest": "t10k-labels-idx1-ubyte",
}
CIFAR10_BATCHES = [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]


def idx(array: np.ndarray) -> bytes:
    """The idx file of an array of bytes."""
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()


def mnist_arrays(rng: np.random.Generator, height: int = 5, width: int = 4) -> dict[str, np.ndarray]:
    return {
        "Xtrain": rng.integers(0, 256, (7, height, width), dtype=np.uint8),
        "Ttrain": rng.integers(0, 10, 7),
        "Xtest": rng.integers(0, 256, (3, height, width), dtype=np.uint8),
        "Ttest": rng.integers(0, 10, 3),
    }


def write_mnist(directory: Path, arrays: dict[str, np.ndarray], *, compress: bool = True, dotted: bool = False) -> None:
    for key, name in MNIST_FILES.items():
        contents = idx(arrays[key])
        name = name.replace("-idx", ".idx") if dotted else name
        (directory / (name + ".gz" * compress)).write_bytes(gzip.compress(contents) if compress else contents)


def cifar10_arrays(rng: np.random.Generator, count: int = 2) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images (count, 3072) and labels (count,) of every batch."""
    return {
        name: (rng.integers(0, 256, (count, 3072), dtype=np.uint8), rng.integers(0, 10, count))
        for name in CIFAR10_BATCHES
    }


def cifar10_files(arrays: dict[str, tuple[np.ndarray, np.ndarray]], *, python: bool) -> dict[str, bytes]:
    """The contents of the six files by name."""
    return {
        name if python else f"{name}.bin": cifar10_pickle(X, T) if python else cifar10_records(X, T)
        for name, (X, T) in arrays.items()
    }


def cifar10_records(X: np.ndarray, T: np.ndarray) -> bytes:
    return np.hstack([T[:, None].astype(np.uint8), X]).tobytes()


def cifar10_pickle(X: np.ndarray, T: np.ndarray, *, protocol: int = 2) -> bytes:
    return pickle.dumps({"batch_label": "a batch", "labels": T.tolist(), "data": X, "filenames": ["a.png"]}, protocol)


def python2_pickle(X: np.ndarray, T: np.ndarray) -> bytes:
    """The opcodes that Python 2's `pickle.dumps(..., 2)` wrote for a batch: its texts are byte strings."""

    def text(value: bytes) -> bytes:
        return b"T" + len(value).to_bytes(4, "little") + value  # BINSTRING

    def integer(value: int) -> bytes:
        return b"J" + value.to_bytes(4, "little", signed=True)  # BININT

    def pair(*values: bytes) -> bytes:
        return b"(" + b"".join(values) + b"t"

    dtype = b"cnumpy\ndtype\n" + pair(text(b"u1"), integer(0), integer(1)) + b"R"
    dtype += pair(integer(3), text(b"|"), b"N", b"N", b"N", integer(-1), integer(-1), integer(0)) + b"b"
    array = b"cnumpy.core.multiarray\n_reconstruct\n" + pair(b"cnumpy\nndarray\n", pair(integer(0)), text(b"b")) + b"R"
    array += pair(integer(1), pair(*map(integer, X.shape)), dtype, b"\x89", text(X.tobytes())) + b"b"  # \x89: False
    labels = b"](" + b"".join(map(integer, T.tolist())) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + labels + b"u."


def tar(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    """An archive with these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, contents in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(contents)
            archive.addfile(member, io.BytesIO(contents))
    return buffer.getvalue()
