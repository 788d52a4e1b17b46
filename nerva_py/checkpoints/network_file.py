"""`save` and `load`: a network as one file from which it can be rebuilt, without code and without pickles."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from pathlib import Path
from typing import Any

from nerva_py.data import Dataset
from nerva_py.errors import NervaError
from nerva_py.files import reading
from nerva_py.network import MLP

from . import container, fields, trees
from .datasets import DataDescription, describe
from .networks import build_network, network_tree


def save(network: MLP, path: str | PathLike[str], *, data: Dataset | None = None) -> None:
    """Write the network: layers, weights with their topology, biases, statistics, everything that `load` needs.

    With `data` the file knows how raw samples are normalised, which `nerva-py predict` and `read_checkpoint(path).predict`
    use. An old file stays whole until the new one is. For a run that can be resumed, see `ModelCheckpoint`. Raises
    NervaError for a network with layers of your own or numbers that are not finite, DataError if writing fails.
    """
    if not isinstance(network, MLP):
        raise NervaError(f"network must be an MLP, not {type(network).__name__}; the call is save(network, path)")
    write(path, network, None if data is None else describe(data))


def load(path: str | PathLike[str], backend: str | None = None) -> MLP:
    """The network in a file that `save` or a `ModelCheckpoint` has written, bit for bit.

    `backend` (numba, scipy, mkl) computes its sparse products; by default the one that it had. Nothing in the file is
    executed. Raises DataError, which names the file, for one that is damaged, foreign or of another version.
    """
    path = Path(path)
    tree = container.read(path)
    with reading(path), trees.well_formed("its network"):
        return build_network(fields.field(tree, "network"), backend)
    raise AssertionError  # `reading` ends in a result or an error


def write(
    path: str | PathLike[str], network: MLP, data: DataDescription | None, training: dict[str, Any] | None = None,
    notes: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """The file of a network, of what is known of its data, of the run that it is in, and with notes of whoever writes it."""
    container.write(
        Path(path),
        {
            "nerva_py": _version(),
            "network": network_tree(network),
            "data": None if data is None else data.tree(),
            "training": training,
            "notes": notes or {},
        },
    )


def _version() -> str:
    try:
        return version("nerva-py")
    except PackageNotFoundError:
        return "unknown"
