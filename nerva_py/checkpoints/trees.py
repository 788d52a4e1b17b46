"""Nested values with arrays in them, as JSON beside named arrays; and back, with one clear error for what is malformed.

Dicts with string keys, lists, numbers, strings, booleans, None and numeric arrays. In the JSON {"$array": "network.b"}
stands for the array of that name, which is the path to its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from nerva_py.errors import DataError, NervaError

Arrays = dict[str, np.ndarray]
PLACE = "$array"
# What JSON of somebody else's making, or a tree that is not of our shape, makes Python raise.
MALFORMED = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError,
)  # fmt: skip


@contextmanager
def well_formed(what: str) -> Iterator[None]:
    """Within this context whatever a tree of the wrong shape makes Python raise is a DataError."""
    try:
        yield
    except NervaError:
        raise
    except MALFORMED as error:
        raise DataError(f"malformed: {what} ({type(error).__name__}: {error})") from error


def dump(tree: Any) -> tuple[bytes, Arrays]:
    """The tree as JSON and arrays. Raises NervaError, which names the place of a value that cannot be kept."""
    arrays: Arrays = {}
    return json.dumps(_plain(tree, "", arrays), separators=(",", ":"), ensure_ascii=False).encode(), arrays


def load(text: bytes | bytearray, arrays: Arrays) -> Any:
    """The tree again. Every array must be used once. Raises DataError."""
    left = dict(arrays)
    try:
        tree = _filled(json.loads(text.decode()), left)
    except KeyError as error:
        raise DataError(f"has no array {error}") from None
    except MALFORMED as error:
        raise DataError(f"its description is malformed ({type(error).__name__}: {error})") from None
    if left:
        raise DataError(f"has arrays without a place: {', '.join(sorted(left)[:5])}")
    return tree


def _plain(value: Any, path: str, arrays: Arrays) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and value.dtype.itemsize <= 8:
        name = _entry_name(path)
        while name in arrays:  # as "a.b" may be a key of one dict, and b one in the dict under a
            name += "_"
        arrays[name] = value
        return {PLACE: name}
    if isinstance(value, list | tuple):
        return [_plain(item, _below(path, number), arrays) for number, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or key == PLACE:
                raise NervaError(f"{path or 'a checkpoint'}: key {key!r}; strings other than {PLACE!r} are allowed")
        return {key: _plain(item, _below(path, key), arrays) for key, item in value.items()}
    raise NervaError(
        f"{path}: {type(value).__name__} cannot be kept in a checkpoint, only numbers, strings, None, lists, dicts "
        "and numeric arrays"
    )


def _entry_name(path: str) -> str:
    """What can stand in any zip archive: letters, digits and a few signs."""
    return re.sub(r"[^\w.\-+ ]", "_", path, flags=re.ASCII)[:200]


def _below(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _filled(value: Any, arrays: Arrays) -> Any:
    if isinstance(value, list):
        return [_filled(item, arrays) for item in value]
    if isinstance(value, dict):
        if PLACE in value:
            return arrays.pop(value[PLACE])
        return {key: _filled(item, arrays) for key, item in value.items()}
    return value
