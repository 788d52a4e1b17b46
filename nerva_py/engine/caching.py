"""Compiled kernels are kept on disk, and found again only while everything that they were compiled from is unchanged.

Numba looks at the file that a kernel stands in. A kernel here also calls functions of numbers from other files (a user's
own among them), and helpers that the compiler replaces by code of this package: an edit there must be noticed too.

The cache is a convenience: a file that is damaged, unreadable or of another key is as good as none, and without any place to
write to kernels are compiled in every process.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache

from .process import tell_once

# What reading a pickle may raise though it is as it was written: the modules that it names are no longer those of then.
STALE = (AttributeError, EOFError, ImportError, LookupError, TypeError, ValueError, pickle.PickleError)


def kernel_cache(function: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    """Where the versions of a kernel are kept on disk; what keeps nothing if there is no place to write to."""
    try:
        return KernelCache(function, options)
    except (OSError, RuntimeError) as error:
        _not_kept(error)
        return NullCache()


class KernelCache(FunctionCache):
    """Numba's cache with a key that covers the functions which a kernel calls, and the options it is compiled with."""

    def __init__(self, function: Callable[..., Any], options: Mapping[str, Any]):
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = CheckedFiles(self._cache_path, self._impl.filename_base, stamp)
        self._options = repr(
            [(name, sorted(value) if isinstance(value, set) else value) for name, value in sorted(options.items())]
        )

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError as error:  # the disk is full, or the folder has gone
            _not_kept(error)

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        own = fingerprint(self._py_func), _package_fingerprint(), self._options
        return (*super()._index_key(sig, codegen), *own)


class CheckedFiles(IndexDataCacheFile):
    """Numba's index and its files of compiled code, each behind a digest of what follows, so that nothing else is unpickled or
    run. Each file of code also has its key: processes that begin together may give two of them one name."""

    def load(self, key: Any) -> Any:
        entry = super().load(key)
        return entry[1] if entry is not None and entry[0] == key else None

    def save(self, key: Any, data: Any) -> None:
        super().save(key, (key, data))

    def _load_index(self) -> dict[Any, str]:
        stamp, overloads = self._read(self._index_path) or (None, {})
        return overloads if stamp == self._source_stamp else {}

    def _save_index(self, overloads: dict[Any, str]) -> None:
        with self._open_for_write(self._index_path) as file:
            file.write(self._dump((self._source_stamp, overloads)))

    def _load_data(self, name: str) -> Any:
        return self._read(self._data_path(name))

    def _read(self, path: str) -> Any:
        """What was written to the file, None if there is none or it holds anything else."""
        try:
            content = Path(path).read_bytes()
        except OSError:
            return None
        body = content[_SIZE:]
        if content[:_SIZE] != _digest(body):
            return None
        try:
            return pickle.loads(body)
        except STALE:
            return None

    @contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[io.BytesIO]:
        body = io.BytesIO()
        yield body
        with super()._open_for_write(filepath) as file:
            file.write(_digest(body.getvalue()) + body.getvalue())


def _digest(body: bytes) -> bytes:
    """Other versions of Numba write other pickles, so the version belongs to it."""
    return hashlib.sha256(numba.__version__.encode() + body).digest()


_SIZE = len(_digest(b""))


def _not_kept(error: Exception) -> None:
    message = (
        "compiled kernels cannot be kept on disk, so each process compiles its own; NUMBA_CACHE_DIR may name a folder"
    )
    tell_once(message, error)


def fingerprint(function: Callable[..., Any]) -> str:
    """A hash of the code of a function and of all Python functions that it reaches through names and closures."""
    digest = hashlib.sha256()
    seen: set[int] = set()

    def visit(value: Any) -> None:
        if isinstance(value, CodeType):
            digest.update(value.co_code + repr(value.co_names).encode())
            for constant in value.co_consts:
                visit(constant)
        elif isinstance(value, FunctionType):
            if id(value) in seen:
                return
            seen.add(id(value))
            visit(value.__code__)
            for cell in value.__closure__ or ():
                visit(cell.cell_contents)
            for name in sorted(_names(value.__code__)):
                visit(value.__globals__.get(name))
        elif isinstance(value, int | float | str | tuple):
            digest.update(repr(value).encode())

    visit(function)
    return digest.hexdigest()


def _names(code: CodeType) -> set[str]:
    """Global names that the code or code nested in it refers to."""
    nested = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*(_names(constant) for constant in nested))


@cache
def _package_fingerprint() -> str:
    """A hash of this folder's sources, where the replacements for `column`, `where`, `exp` and so on are defined."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
