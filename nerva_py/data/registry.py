"""The data sets by name."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike

import numpy as np

from nerva_py.data.cifar10 import load_cifar10
from nerva_py.data.dataset import Dataset
from nerva_py.data.generated import load_digits, make_checkerboard, make_mini
from nerva_py.data.mnist import load_mnist
from nerva_py.data.text import load_text
from nerva_py.errors import DataError, unknown

Directory = str | PathLike[str] | None

FROM_FILES: dict[str, Callable[[Directory], Dataset]] = {"mnist": load_mnist, "cifar10": load_cifar10}
WITHOUT_FILES: dict[str, Callable[[np.random.Generator], Dataset]] = {
    "digits": lambda rng: load_digits(),
    "checkerboard": lambda rng: make_checkerboard(20_000, 5_000, rng),
    "mini": lambda rng: make_mini(1_000, 200, rng),
    "text": lambda rng: load_text(),
}
DATASETS = (*WITHOUT_FILES, *FROM_FILES)


def load_dataset(name: str, data_dir: Directory = None, rng: np.random.Generator | None = None) -> Dataset:
    """The data set of this name: digits, checkerboard, mini, text, mnist or cifar10.

    `data_dir` is where the files of mnist or cifar10 are; None downloads them into the user's cache. `rng` draws the
    generated ones; None is default_rng(0). Raises NervaError for another name, DataError for files that cannot be used.
    """
    if name in FROM_FILES:
        return FROM_FILES[name](data_dir)
    if name not in WITHOUT_FILES:
        raise unknown("data set", name, DATASETS)
    if data_dir is not None:
        raise DataError(f"data_dir: {data_dir}; the data set {name!r} reads no files, only {', '.join(FROM_FILES)} do")
    return WITHOUT_FILES[name](np.random.default_rng(0) if rng is None else rng)
