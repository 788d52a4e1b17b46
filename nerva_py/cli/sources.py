"""From the data options to the data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nerva_py.data import Dataset, load_cifar10, load_dataset, load_mnist, load_npz
from nerva_py.data.registry import DATASETS, FROM_FILES, GENERATED
from nerva_py.errors import DataError, NervaError, unknown
from nerva_py.training import Callback, Run

from .options import Options, option

READERS = {"cifar10": load_cifar10, "mnist": load_mnist, "load_dataset": load_npz}


class Source(NamedTuple):
    """The option that says where the data are, the name by which they have defaults, and how they are read."""

    option: str
    name: str
    read: Callable[[], Dataset]


def chosen_data(options: Options, epoch: int = 0) -> Dataset:
    """The one data set that the options name, digits if they name none; of a set an epoch that of this one. Raises
    NervaError."""
    source = chosen_source(options, epoch)
    try:
        data = source.read()
        return data.normalized("feature") if options.normalize else data
    except DataError as error:
        raise DataError(f"{source.option} {error}") from None


def chosen_source(options: Options, epoch: int = 0) -> Source:
    """What will be read, without reading it. Raises NervaError for options that contradict each other."""
    names = ("dataset", "cifar10", "mnist", "generate_dataset", "load_dataset")
    given = [name for name in names if getattr(options, name) is not None]
    if len(given) > 1:
        raise NervaError(f"only one of {' and '.join(map(option, given))} can be given")
    if options.data_dir is not None and given not in ([], ["dataset"]):
        raise NervaError(f"--data-dir belongs to --dataset NAME, not to {option(given[0])}")
    if options.dataset_size is not None and given not in (["dataset"], ["generate_dataset"]):
        raise NervaError(f"--dataset-size belongs to a data set that is drawn: {' or '.join(GENERATED)}")
    if options.preprocessed is not None:
        path = epoch_file(options.preprocessed, epoch)
        return Source("--preprocessed", given[0] if given else path.stem, lambda: load_npz(path))
    if given and given[0] in READERS:
        path = getattr(options, given[0])
        return Source(option(given[0]), given[0], lambda: READERS[given[0]](path))
    return _named(options)


def _named(options: Options) -> Source:
    """The data set of that name: an npz file, one that is drawn, or one that is known; or that of the files in a directory."""
    what = "--dataset" if options.generate_dataset is None else "--generate-dataset"
    name = options.generate_dataset or options.dataset
    if name is None and options.data_dir is not None:
        name = _in_directory(options.data_dir)
    name = name or "digits"
    if Path(name).suffix == ".npz" and what == "--dataset":
        return Source(what, Path(name).stem, lambda: load_npz(name))
    known = DATASETS if what == "--dataset" else tuple(GENERATED)
    if name not in known:
        raise unknown(what, name, known)
    if options.dataset_size is not None and name not in GENERATED:
        raise NervaError(f"--dataset-size belongs to a data set that is drawn, {' or '.join(GENERATED)}, not to {name}")
    # A stream of its own: the network's weights come from default_rng(seed).
    rng = np.random.default_rng([options.seed, 1])
    return Source(what, name, lambda: load_dataset(name, options.data_dir, rng, options.dataset_size))


def _in_directory(directory: Path) -> str:
    """The one data set that has files in this directory. Raises NervaError."""
    if not directory.is_dir():
        raise DataError(f"--data-dir {directory}: no such directory")
    marks = {"cifar10": ("cifar-10*", "data_batch_1*"), "mnist": ("mnist*", "MNIST*", "train-images*")}
    found = [name for name in FROM_FILES if any(any(directory.glob(mark)) for mark in marks[name])]
    if len(found) != 1:
        what = f"has files of {' and '.join(found)}" if found else f"has no files of {' or '.join(FROM_FILES)}"
        raise NervaError(f"--data-dir {directory}: {what}; say which with --dataset NAME")
    return found[0]


# ------------------------------------------------------------------------------------------------------ a set an epoch


def epoch_file(directory: Path, epoch: int) -> Path:
    """The data set of epoch 0, 1, 2, ..."""
    return directory / f"epoch{epoch}.npz"


def check_epoch_files(directory: Path, epochs: int) -> None:
    """Refuse a directory that lacks the data of an epoch. Raises DataError."""
    for epoch in range(max(1, epochs)):
        if not epoch_file(directory, epoch).is_file():
            raise DataError(
                f"--preprocessed {directory}: has no {epoch_file(directory, epoch).name}; {epochs} epochs need one each"
            )


class DataOfEpoch(Callback):
    """Before each epoch reads the data set that was made for it; a run begins, and is resumed, with that of the first one."""

    def __init__(self, options: Options):
        self.options = options
        self.epoch = 1

    def on_epoch_begin(self, run: Run) -> None:
        if run.epoch == self.epoch:
            return
        data, before = chosen_data(self.options, run.epoch - 1), run.data
        if data.num_classes is not None and before.num_classes is not None:  # a class may be missing in an epoch
            data = replace(data, num_classes=max(data.num_classes, before.num_classes))
        if (data.Xtrain.shape, data.num_outputs) != (before.Xtrain.shape, before.num_outputs):
            raise DataError(
                f"--preprocessed: epoch {run.epoch}: {data.describe()}; in the epoch before: {before.describe()}"
            )
        run.data, self.epoch = data, run.epoch
