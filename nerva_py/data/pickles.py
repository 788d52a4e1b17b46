"""A reader of pickles that makes numbers, texts, containers and numeric arrays only: no code can be executed.

An ordinary `pickle.load` calls whatever functions the file names. Here each of the few names that a pickled array needs
stands for a function below; any other name is an error.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from nerva_py.errors import DataError

# What a malformed pickle makes the unpickler raise.
MALFORMED = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
)


def load_arrays(contents: bytes) -> Any:
    """The object in a pickle of plain values and numeric arrays, by Python 2 or 3. DataError for anything else."""
    try:
        return _ArrayUnpickler(io.BytesIO(contents), encoding="bytes").load()
    except DataError:
        raise
    except MALFORMED as error:
        raise DataError(f"not a complete pickle of arrays ({type(error).__name__}: {error})") from None


class _ArrayType:
    """Stands for `numpy.ndarray`, which the file names but need not call."""


def _reconstruct(array_type: type, shape: tuple[int, ...], typecode: bytes) -> np.ndarray:
    """The empty array that a pickle then fills by `__setstate__`, which checks sizes."""
    return np.empty(0, np.uint8)


def _dtype(code: str | bytes, align: bool = False, copy: bool = True) -> np.dtype:
    dtype = np.dtype(code.decode("ascii") if isinstance(code, bytes) else code)
    if dtype.kind not in "biuf":
        raise DataError(f"an array of dtype {dtype}; numbers are allowed")
    return dtype


def _frombuffer(buffer: bytes, dtype: np.dtype, shape: tuple[int, ...], order: str) -> np.ndarray:
    return np.frombuffer(buffer, dtype).reshape(shape, order="F" if order == "F" else "C")


def _encode(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes for Python 2."""
    return text.encode("latin1")


ALLOWED: dict[str, Any] = {
    "numpy.ndarray": _ArrayType,
    "numpy.dtype": _dtype,
    "numpy.core.multiarray._reconstruct": _reconstruct,  # NumPy 1
    "numpy._core.multiarray._reconstruct": _reconstruct,  # NumPy 2
    "numpy.core.numeric._frombuffer": _frombuffer,
    "numpy._core.numeric._frombuffer": _frombuffer,
    "_codecs.encode": _encode,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in ALLOWED:
            raise DataError(f"the pickle asks for {module}.{name}; only numeric arrays are allowed")
        return ALLOWED[f"{module}.{name}"]
