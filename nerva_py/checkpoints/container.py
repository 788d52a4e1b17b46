"""The container of a checkpoint: an npz file that NumPy reads, too, and of which no damage goes unseen.

It is a zip archive without compression, so that nothing in it can be larger than the file:

    checkpoint.json     what it is, its format version, and everything that is not an array
    <path>.npy          an array, little-endian, in C order
    sha256              the hash of all entries before it, names and sizes included

Nothing is unpickled and nothing evaluated: of an array's header only the one form is accepted that is written here.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import struct
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nerva_py.errors import DataError
from nerva_py.files import reading, write_atomically

from . import trees
from .trees import Arrays

FORMAT = "nerva_py checkpoint"
VERSION = 3  # 1 had a random generator in the network, 2 knew no layers of your own
TEXT, CHECKSUM = "checkpoint.json", "sha256"
PIECE = 1 << 24  # bytes that are read at a time

_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(rb"\{'descr': '([<|])([biuf])([1248])', 'fortran_order': False, 'shape': \(([0-9, ]*)\), \}\s*")
# What zipfile makes of an archive that somebody has damaged.
_BROKEN = (
    ValueError,
    RuntimeError,
    NotImplementedError,
    OverflowError,
    MemoryError,
    struct.error,
    LookupError,
    TypeError,
)


def write(path: Path, tree: dict[str, Any]) -> None:
    """Write the tree; the old file stays whole until the new one is. Raises NervaError, DataError."""
    text, arrays = trees.dump({"format": FORMAT, "version": VERSION, **tree})
    write_atomically(path, lambda file: _write(file, text, arrays))


def read(path: Path) -> dict[str, Any]:
    """What `write` was given. Raises DataError, which names the file, for any other file and for every damage."""
    with reading(path):
        try:
            with path.open("rb") as file, zipfile.ZipFile(file) as archive:
                return _read(archive)
        except DataError:
            raise
        except zipfile.BadZipFile as error:
            raise DataError(f"not a checkpoint, or truncated: no npz file ({error})") from None
        except _BROKEN as error:
            raise DataError(f"corrupt ({type(error).__name__}: {error})") from None
    raise AssertionError  # `reading` ends in a result or an error


# ------------------------------------------------------------------------------------------------------------- writing


def _write(file: BinaryIO, text: bytes, arrays: Arrays) -> None:
    hashed = hashlib.sha256()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, parts in _entries(text, arrays):
            size = sum(len(part) for part in parts)
            hashed.update(_title(name, size))
            # A fixed date, so that equal checkpoints are equal files.
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=size >= 1 << 31) as entry:
                for part in parts:
                    hashed.update(part)
                    entry.write(part)
        archive.writestr(zipfile.ZipInfo(CHECKSUM), hashed.hexdigest())


def _entries(text: bytes, arrays: Arrays) -> Iterator[tuple[str, list[bytes | memoryview]]]:
    yield TEXT, [text]
    for name, array in arrays.items():
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
        yield f"{name}.npy", [_header(little), little.reshape(-1).view(np.uint8).data]


def _header(array: np.ndarray) -> bytes:
    shape = "".join(f"{n}, " for n in array.shape) if array.ndim == 1 else ", ".join(map(str, array.shape))
    order = "|" if array.dtype.itemsize == 1 else "<"
    kind = f"{order}{array.dtype.kind}{array.dtype.itemsize}"
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape.rstrip() if array.ndim == 1 else shape}), }}"
    padding = -(len(_MAGIC) + 2 + len(text) + 1) % 64
    line = text.encode() + b" " * padding + b"\n"
    return _MAGIC + struct.pack("<H", len(line)) + line


def _title(name: str, size: int) -> bytes:
    return f"{name}\0{size}\0".encode()


# ------------------------------------------------------------------------------------------------------------- reading


def _read(archive: zipfile.ZipFile) -> dict[str, Any]:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if names[:1] != [TEXT]:
        raise DataError(_foreign(names))
    _check_sizes(archive, entries)
    hashed = hashlib.sha256()
    text = _contents(archive, entries[0], hashed)
    _check_version(text)
    if names[-1] != CHECKSUM or len(set(names)) != len(names):
        raise DataError(f"corrupt: its entries are {', '.join(names[:5])}, ..., {names[-1]}")
    arrays: Arrays = {}
    for entry in entries[1:-1]:
        if not entry.filename.endswith(".npy"):
            raise DataError(f"corrupt: has an entry {entry.filename!r}")
        arrays[entry.filename.removesuffix(".npy")] = _array(entry.filename, _contents(archive, entry, hashed))
    if archive.read(entries[-1]) != hashed.hexdigest().encode():
        raise DataError("corrupt: its checksum is that of other contents")
    tree = trees.load(text, arrays)
    return {key: value for key, value in tree.items() if key not in ("format", "version")}


def _foreign(names: list[str]) -> str:
    """What the file is instead."""
    keys = [name.removesuffix(".npy") for name in names]
    shown = ", ".join(keys[:8]) + (", ..." if len(keys) > 8 else "") or "none"
    hint = ""
    if any(re.fullmatch(r"W1(\.data)?", key) for key in keys):
        hint = ". It holds weights: read them with exchange.from_nerva, or --load-weights"
    elif "Xtrain" in keys:
        hint = ". It holds a data set: read it with load_npz, or --load-dataset"
    return f"not a checkpoint of nerva_py, but an archive with the entries {shown}{hint}"


def _check_sizes(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> None:
    """Nothing is compressed, and all together is no larger than the file, so that reading needs no more memory than that."""
    assert archive.fp is not None
    available = archive.fp.seek(0, io.SEEK_END)
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise DataError(f"its entry {entry.filename!r} is compressed, which a checkpoint never is")
    if sum(entry.file_size for entry in entries) > available:
        raise DataError("corrupt: its entries are larger than the file")


def _contents(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, hashed: Any) -> bytearray:
    contents = bytearray(entry.file_size)
    view, filled = memoryview(contents), 0
    with archive.open(entry) as file:
        while piece := file.read(PIECE):
            if filled + len(piece) > len(contents):
                raise DataError(f"corrupt: {entry.filename!r} is longer than its size")
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
    if filled != len(contents):
        raise DataError(f"corrupt: {entry.filename!r} has {filled} of its {len(contents)} bytes")
    hashed.update(_title(entry.filename, len(contents)))
    hashed.update(contents)
    return contents


def _check_version(text: bytearray) -> None:
    try:
        head = json.loads(text.decode())
        kind, version, writer = head["format"], head["version"], head.get("nerva_py")
    except trees.MALFORMED as error:
        raise DataError(f"corrupt: {TEXT} cannot be read ({type(error).__name__}: {error})") from None
    if kind != FORMAT or type(version) is not int or version < 1:
        raise DataError(f"not a checkpoint of nerva_py: its format is {kind!r}, version {version!r}")
    if version != VERSION:
        cure = (
            "update it"
            if version > VERSION
            else "save_weights of the older one writes what exchange.from_nerva of this one reads"
        )
        raise DataError(
            f"has format version {version}, as nerva_py {writer!r:.30} wrote it; this one reads {VERSION}: {cure}"
        )


def _array(name: str, contents: bytearray) -> np.ndarray:
    """The array, which owns its memory and may be written to."""
    size = struct.unpack("<H", contents[8:10])[0]
    match = _HEADER.fullmatch(contents[10 : 10 + size])
    if contents[:8] != _MAGIC or match is None:
        raise DataError(f"corrupt: {name} is no numeric array as checkpoints have them")
    order, kind, width, sizes = (group.decode() for group in match.groups())
    dtype = np.dtype(f"{order}{kind}{width}")
    shape = tuple(int(n) for n in sizes.replace(" ", "").split(",") if n)
    if math.prod(shape) * dtype.itemsize != len(contents) - 10 - size:
        raise DataError(f"corrupt: {name} of {dtype} and shape {shape} has {len(contents) - 10 - size} bytes")
    flat = np.frombuffer(contents, dtype, offset=10 + size)
    if sys.byteorder != "little":
        flat = flat.astype(dtype.newbyteorder("="))
    return flat.reshape(shape).copy()
