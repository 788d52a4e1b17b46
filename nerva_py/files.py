"""Reading and writing files: one clear error for whatever is wrong with a file, and no half-written files."""

from __future__ import annotations

import glob
import gzip
import lzma
import os
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from nerva_py.errors import DataError

fcntl: Any
try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None

BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, pickle.UnpicklingError)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Within this context every failure to read `path` is one DataError that begins with the path."""
    try:
        yield
    except DataError as error:
        message = str(error)  # names the file already where the file is inside `path`
        raise DataError(message if message.startswith(str(path)) else f"{path}: {message}") from None
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except BROKEN as error:
        raise DataError(f"{path}: cannot be read, truncated or corrupt ({type(error).__name__}: {error})") from None


def read_bytes(path: Path) -> bytes:
    """The contents of a file, decompressed if it begins as a gzip file does (whatever its name). Raises DataError."""
    with reading(path):
        contents = path.read_bytes()
        contents = gzip.decompress(contents) if contents[:2] == b"\x1f\x8b" else contents
        if not contents:
            raise DataError("the file is empty")
        return contents


def write_atomically(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Let `write` write the file beside its place, then move it there: `path` is the old file or the whole new one.

    That holds whenever the process is killed, too; what it then leaves beside the file is removed by the next call for the
    same path. Raises DataError.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        remove_abandoned(path)
        with temporary.open("xb") as file:
            _lock(file)
            write(file)
            file.flush()
            os.fsync(file.fileno())
            os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        temporary.unlink(missing_ok=True)


def _lock(file: BinaryIO) -> None:
    """Hold the file as long as this process lives and has it open. Raises BlockingIOError if another process does."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def remove_abandoned(path: Path) -> None:
    """Remove what processes that were killed have left beside the file: what no living process holds."""
    if fcntl is None:
        return
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        with suppress(OSError), left.open("rb") as file:
            _lock(file)
            left.unlink()


def _sync(folder: Path) -> None:
    """Let the new name of a file reach the disk, where folders can be synchronised."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
