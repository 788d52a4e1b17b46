"""Files that somebody has damaged, and files whose checksum is right but whose contents are not."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nerva_py.checkpoints import container

ODD = (
    None,
    True,
    -1,
    0,
    1,
    3,
    10**6,
    2**63,
    1e300,
    float("nan"),
    float("inf"),
    "",
    "../x",
    "ReLU",
    [],
    [1],
    {},
    {"x": 1},
)


def damaged(contents: bytes, rng: random.Random) -> bytes:
    """The bytes with one of the things that happen to files."""
    data = bytearray(contents)
    kind = rng.randrange(8)
    place = rng.randrange(len(data))
    if kind == 0:  # a bit
        data[place] ^= 1 << rng.randrange(8)
    elif kind == 1:  # some bytes
        for _ in range(rng.randint(1, 20)):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == 2:  # truncated
        del data[place:]
    elif kind == 3:  # a hole
        del data[place : place + rng.randint(1, 400)]
    elif kind == 4:  # a block of zeros, as of a disk that failed
        length = rng.randint(1, 600)
        data[place : place + length] = bytes(len(data[place : place + length]))
    elif kind == 5:  # something inserted
        data[place:place] = rng.randbytes(rng.randint(1, 100))
    elif kind == 6:  # one part copied over another
        other = rng.randrange(len(data))
        length = min(rng.randint(1, 300), len(data) - max(place, other))
        data[place : place + length] = data[other : other + length]
    else:  # in the directory of the archive, which no checksum of the archive covers
        start = max(len(data) - rng.randint(1, 6000), 0)
        data[rng.randrange(start, len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(data)


def forged(tree: Any, path: Path, rng: random.Random) -> None:
    """Write the tree with one value changed, and with the right checksum."""
    tree = copy.deepcopy(tree)
    places = list(_places(tree))
    holder, key = rng.choice(places)
    value = holder[key]
    if isinstance(value, np.ndarray) and value.size and rng.random() < 0.8:
        holder[key] = _other_array(value, rng)
    elif isinstance(value, dict | list) and value and rng.random() < 0.5:
        del value[rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))]
    else:
        holder[key] = rng.choice(ODD)
    container.write(path, tree)


def _other_array(array: np.ndarray, rng: random.Random) -> np.ndarray:
    kind = rng.randrange(6)
    result = array.copy()
    place = rng.randrange(array.size)
    if kind == 0:
        result.reshape(-1)[place] = (
            rng.choice((0, 1, 100)) if array.dtype.kind in "bu" else rng.choice((-1, 0, 1, 10**6))
        )
    elif kind == 1:
        result = result.reshape(-1)[: rng.randrange(array.size)]
    elif kind == 2:
        result = result.astype(rng.choice(("f4", "f8", "i4", "i8", "u1", "f2")))
    elif kind == 3:
        result = result.reshape(-1)[::-1].reshape(array.shape)
    elif kind == 4:
        result = np.concatenate([result.reshape(-1), result.reshape(-1)])
    elif array.dtype.kind == "f":
        result.reshape(-1)[place] = rng.choice((np.nan, np.inf, -np.inf, 1e30))
    else:
        result.reshape(-1)[place] = np.iinfo(array.dtype).max if array.dtype.kind in "iu" else True
    return result


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])
