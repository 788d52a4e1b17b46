"""What may be in a data set: samples of finite numbers, labels in range. Every message names argument and value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array, issparse

from nerva_py.engine.sparse_batch import canonical_csr
from nerva_py.errors import DataError
from nerva_py.quantities import real_array

CHUNK = 1 << 18  # values looked at together: a temporary of 2 MB in float64, whatever the size of the data
SAMPLE_TYPES = (np.uint8, np.float32, np.float64)

Samples: TypeAlias = np.ndarray | csr_array


def chunks(X: np.ndarray) -> Iterator[np.ndarray]:
    """X in runs of rows with about CHUNK values each."""
    rows = max(1, CHUNK // max(1, X.shape[1]))
    return (X[first : first + rows] for first in range(0, len(X), rows))


def as_samples(name: str, X: ArrayLike) -> Samples:
    """X as C-contiguous, aligned uint8, float32 or float64, copied only if it is not; other numbers as float32.

    A SciPy sparse matrix of any format becomes a `csr_array` of float32 or float64 with sorted indices, each once.
    """
    if issparse(X):
        return canonical_csr(name, X)
    array = _as_array(name, X)
    return np.require(array, array.dtype if array.dtype in SAMPLE_TYPES else np.float32, ("C", "A"))


def as_targets(name: str, T: ArrayLike) -> np.ndarray:
    """T as int64 labels (M,), if it holds integers or truth values, or as floating-point targets (M, K)."""
    labels = np.asarray(T) if isinstance(T, np.ndarray | list | tuple) else None
    if labels is not None and labels.dtype.kind in "UST":
        raise DataError(
            f"{name}: texts, such as {labels.flat[0]!r}; labels are integers from 0: names, {name} = np.unique({name}, "
            "return_inverse=True) makes them, and keeps the names"
        )
    array = _as_array(name, T)
    if array.dtype.kind in "biu":
        return np.require(array, np.int64, ("C", "A"))
    array = np.require(array, array.dtype if array.dtype in SAMPLE_TYPES else np.float32, ("C", "A"))
    return array.reshape(-1, 1) if array.ndim == 1 else array


def is_one_hot(T: np.ndarray) -> bool:
    """Whether T is (M, K) of numbers with K > 1, each row a single 1 among zeros."""
    if T.ndim != 2 or T.shape[1] < 2 or T.dtype.kind not in "buif":
        return False
    return bool((np.count_nonzero(T, axis=1) == 1).all() and (T.max(axis=1, initial=0) == 1).all())


def check_samples(name: str, X: Samples) -> None:
    """DataError unless X is (M, D), of a type and layout that the kernels read, and finite."""
    if issparse(X):
        check_sparse_samples(name, X)
        return
    if X.ndim != 2 or X.dtype not in SAMPLE_TYPES:
        raise DataError(f"{name}: shape {X.shape}, dtype {X.dtype}; (M, D) of uint8, float32 or float64 is allowed")
    if not (X.flags.c_contiguous and X.flags.aligned):
        raise DataError(f"{name}: strides {X.strides}, aligned {X.flags.aligned}; C order, aligned is allowed")
    check_finite(name, X)


def check_sparse_samples(name: str, X: csr_array) -> None:
    """DataError unless X is such a `csr_array` as `as_samples` makes."""
    canonical = canonical_csr(name, X)
    if not isinstance(X, csr_array) or not all(
        _same_memory(getattr(X, array), getattr(canonical, array)) for array in ("data", "indices", "indptr")
    ):
        raise DataError(
            f"{name}: {type(X).__name__} of {X.dtype}; a csr_array of float32 or float64 with sorted indices, each position "
            "once, is allowed, as from_arrays makes it"
        )
    wrong = np.flatnonzero(~np.isfinite(X.data))
    if wrong.size:
        i, j = np.searchsorted(X.indptr, wrong[0], side="right") - 1, X.indices[wrong[0]]
        raise DataError(f"{name}[{i}, {j}]: {X.data[wrong[0]]}; finite values are allowed")


def _same_memory(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.size == b.size and (a.size == 0 or a.ctypes.data == b.ctypes.data)


def check_targets(name: str, T: np.ndarray, num_classes: int | None) -> None:
    """DataError unless T is (M,) of int64 in 0..num_classes-1 or, if num_classes is None, (M, K) of finite floats."""
    if num_classes is None:
        if T.ndim != 2 or T.dtype not in (np.float32, np.float64) or T.shape[1] == 0:
            raise DataError(f"{name}: shape {T.shape}, dtype {T.dtype}; (M, K) of float32 or float64 is allowed")
        check_finite(name, T)
        return
    if T.ndim != 1 or T.dtype != np.int64:
        raise DataError(f"{name}: shape {T.shape}, dtype {T.dtype}; (M,) of int64, class labels, is allowed")
    wrong = np.flatnonzero((T < 0) | (num_classes <= T))
    if wrong.size:
        allowed = f"with {num_classes} classes, 0 to {num_classes - 1} are allowed"
        raise DataError(f"{name}[{wrong[0]}]: label {T[wrong[0]]}; {allowed}")


def check_finite(name: str, X: np.ndarray) -> None:
    """DataError at the first NaN or infinity; looks at a chunk at a time."""
    if X.dtype == np.uint8:
        return
    first = 0
    for chunk in chunks(X):
        finite = np.isfinite(chunk)
        if not finite.all():
            i, j = np.argwhere(~finite)[0]
            raise DataError(f"{name}[{first + i}, {j}]: {chunk[i, j]}; finite values are allowed")
        first += len(chunk)


def _as_array(name: str, values: ArrayLike) -> np.ndarray:
    try:
        array = np.asarray(values)
    except ValueError as error:  # lists of different lengths
        raise DataError(f"{name}: {error}") from None
    if array.dtype.kind not in "buif" or array.ndim not in (1, 2):
        raise DataError(f"{name}: shape {array.shape}, dtype {array.dtype}; a matrix of real numbers is allowed")
    return real_array(name, array, DataError)
