"""From the data options to the data set."""

from __future__ import annotations

import numpy as np

from nerva_py.data import Dataset, load_cifar10, load_dataset, load_mnist, load_npz
from nerva_py.data.registry import WITHOUT_FILES
from nerva_py.errors import NervaError, unknown

from .options import Options

GENERATED = sorted(set(WITHOUT_FILES) - {"digits", "text"})


def chosen_data(options: Options) -> Dataset:
    """The one data set that the options name; digits if they name none."""
    given = {
        "--dataset": options.dataset,
        "--cifar10": options.cifar10,
        "--mnist": options.mnist,
        "--generate-dataset": options.generate_dataset,
        "--load-dataset": options.load_dataset,
    }
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise NervaError(f"only one of {' and '.join(named)} can be given")
    if options.data_dir is not None and options.dataset is None:
        raise NervaError("--data-dir belongs to --dataset NAME, which is missing")
    if options.cifar10 is not None:
        return load_cifar10(options.cifar10)
    if options.mnist is not None:
        return load_mnist(options.mnist)
    if options.load_dataset is not None:
        return load_npz(options.load_dataset)
    name = options.generate_dataset or options.dataset or "digits"
    if options.generate_dataset is not None and name not in GENERATED:
        raise unknown("--generate-dataset", name, GENERATED)
    # A stream of its own: the network's weights come from default_rng(seed).
    return load_dataset(name, options.data_dir, np.random.default_rng([options.seed, 1]))
