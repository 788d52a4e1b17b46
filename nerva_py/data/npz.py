"""Data sets as npz files with Nerva's keys Xtrain, Ttrain, Xtest, Ttest; targets that are integers are class indices, and
so are rows with a single 1 among zeros, integers or floating-point numbers.

Sparse samples are stored as the arrays of their CSR form, under the keys Xtrain.data, Xtrain.indices, Xtrain.indptr and
Xtrain.shape, and so for Xtest.
"""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from nerva_py.data.checks import is_one_hot
from nerva_py.data.dataset import Dataset, from_arrays
from nerva_py.errors import DataError
from nerva_py.files import reading, write_atomically

KEYS = ("Xtrain", "Ttrain", "Xtest", "Ttest")
# Ours, so that a data set comes back as it was; a file of Nerva's has none of them.
CSR = ("data", "indices", "indptr", "shape")
OPTIONAL = {"num_classes": (), "image_shape": (3,), "scale": None, "shift": None}


def load_npz(path: str | PathLike[str]) -> Dataset:
    """The data set in an npz file, written by Nerva or by `save_npz`. Pickled objects in it are refused.

    Without the keys scale and shift, bytes are normalised and floating-point values taken as they are, as `from_arrays`
    does. Raises DataError.
    """
    path = Path(path)
    with reading(path):
        arrays = _read(path)
        if all(is_one_hot(arrays[key]) for key in ("Ttrain", "Ttest") if arrays[key].size) and arrays["Ttrain"].size:
            arrays = {"num_classes": np.int64(arrays["Ttrain"].shape[1]), **arrays}
            arrays |= {key: arrays[key].argmax(axis=1) for key in ("Ttrain", "Ttest")}
        num_classes = int(arrays["num_classes"]) if "num_classes" in arrays else None
        image_shape = tuple(arrays["image_shape"].tolist()) if "image_shape" in arrays else None
        dataset = from_arrays(
            *(arrays[key] for key in KEYS),
            name=path.stem,
            num_classes=num_classes,
            image_shape=image_shape,
            normalization="none" if "scale" in arrays else None,
        )
        if "scale" in arrays:
            dataset = replace(dataset, scale=arrays["scale"], shift=arrays["shift"])
    return dataset


def save_npz(path: str | PathLike[str], dataset: Dataset) -> None:
    """Write the samples as they are stored, the targets, and how to normalise; `load_npz` gives the same data set back.

    Written beside its place and then moved there, so an old file stays whole if writing fails. Raises DataError.
    """
    arrays = {key: getattr(dataset, key) for key in (*KEYS, *OPTIONAL) if getattr(dataset, key) is not None}
    for key in KEYS:
        if issparse(arrays[key]):
            X = arrays.pop(key)
            arrays |= {f"{key}.{part}": getattr(X, part) for part in CSR}
    write_atomically(Path(path), lambda file: np.savez(file, **arrays))


def _read(path: Path) -> dict[str, Any]:
    """The arrays under the known keys. Raises DataError, and what `reading` turns into one."""
    try:
        with path.open("rb") as file:  # opened here, because np.load leaves the file open when it finds no zip archive
            npz = np.load(file, allow_pickle=False)
            if isinstance(npz, np.ndarray):
                raise DataError("a single array; an npz file with Xtrain, Ttrain, Xtest and Ttest is allowed")
            sparse = [key for key in ("Xtrain", "Xtest") if key not in npz.files and f"{key}.data" in npz.files]
            missing = [key for key in KEYS if key not in npz.files and key not in sparse]
            missing += [f"{key}.{part}" for key in sparse for part in CSR if f"{key}.{part}" not in npz.files]
            if missing:
                raise DataError(f"has no {', '.join(missing)}; its keys are {', '.join(npz.files) or 'none'}")
            arrays = {key: npz[key] for key in (*KEYS, *OPTIONAL) if key in npz.files}
            arrays |= {key: _csr(key, *(npz[f"{key}.{part}"] for part in CSR)) for key in sparse}
    except DataError:
        raise
    except (ValueError, RuntimeError) as error:  # no zip archive, a kind of it that Python does not read, or objects
        raise DataError(f"not an npz file of numeric arrays ({error})") from None
    for key in ("num_classes", "image_shape"):
        if key in arrays and (arrays[key].dtype.kind not in "iu" or arrays[key].shape != OPTIONAL[key]):
            raise DataError(f"{key}: {arrays[key]}; integers of shape {OPTIONAL[key]} are allowed")
    if ("scale" in arrays) != ("shift" in arrays):
        raise DataError("has only one of the keys scale and shift; both or neither are allowed")
    return arrays


def _csr(key: str, data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, shape: np.ndarray) -> csr_array:
    """The matrix of these arrays; `from_arrays` looks at what is in them. Raises DataError."""
    if shape.shape != (2,) or shape.dtype.kind not in "iu" or shape.min() < 0:
        raise DataError(f"{key}.shape: {shape}; two integers of at least 0 are allowed")
    for name, array in (("indices", indices), ("indptr", indptr)):
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise DataError(f"{key}.{name}: shape {array.shape}, dtype {array.dtype}; a vector of integers is allowed")
    try:
        return csr_array((data, indices, indptr), shape=tuple(shape.tolist()))
    except (ValueError, OverflowError) as error:
        raise DataError(f"{key}: not a valid CSR matrix ({error})") from None
