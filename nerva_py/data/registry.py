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
# How it is drawn, and the numbers of training and test samples by default.
GENERATED: dict[str, tuple[Callable[[int, int, np.random.Generator], Dataset], int, int]] = {
    "checkerboard": (make_checkerboard, 20_000, 5_000),
    "mini": (make_mini, 1_000, 200),
}
INSTALLED: dict[str, Callable[[], Dataset]] = {"digits": load_digits, "text": load_text}
DATASETS = ("digits", *GENERATED, "text", *FROM_FILES)
TEST_SHARE = 5  # a fifth as many test samples as training samples, if the number of the latter is given


def load_dataset(
    name: str, data_dir: Directory = None, rng: np.random.Generator | None = None, size: int | None = None
) -> Dataset:
    """The data set of this name: digits, checkerboard, mini, text, mnist or cifar10.

    `data_dir` is where the files of mnist or cifar10 are; None downloads them into the user's cache. `rng` draws the
    generated ones, checkerboard and mini; None is default_rng(0). `size`: how many training samples are drawn, and a fifth of
    that for testing. Raises NervaError for another name, DataError for files that cannot be used.
    """
    if name not in DATASETS:
        raise unknown("data set", name, DATASETS)
    if size is not None and name not in GENERATED:
        raise DataError(f"size: {size}; the data set {name!r} is not drawn, only {', '.join(GENERATED)} are")
    if name in FROM_FILES:
        return FROM_FILES[name](data_dir)
    if data_dir is not None:
        raise DataError(f"data_dir: {data_dir}; the data set {name!r} reads no files, only {', '.join(FROM_FILES)} do")
    if name in INSTALLED:
        return INSTALLED[name]()
    make, n_train, n_test = GENERATED[name]
    if size is not None:
        if size < TEST_SHARE:
            raise DataError(f"size: {size}; {TEST_SHARE} and more samples are allowed")
        n_train, n_test = size, size // TEST_SHARE
    return make(n_train, n_test, np.random.default_rng(0) if rng is None else rng)
