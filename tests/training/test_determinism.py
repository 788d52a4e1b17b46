"""Two runs with one seed are equal bit for bit, with one thread or two."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from nerva_py.data import CropFlip, load_digits, make_mini
from nerva_py.network import mlp
from nerva_py.training import train

NETWORKS = {
    "sparse": {"layers": "ReLU;ReLU;Linear", "overall_density": 0.1},
    "dense": {"layers": "ReLU;Sigmoid;Linear"},
    "nearly dense": {"layers": "SReLU;LeakyReLU;Linear", "overall_density": 0.9, "distribution": "Uniform"},
    "dropout": {"layers": "ReLU;Dropout(0.3);ReLU;Linear", "overall_density": 0.3, "dropouts": [0.3, 0.2, 0.1]},
    "batch norm": {"layers": "BatchNorm;AllReLU;BatchNorm;HyperbolicTangent;Linear", "overall_density": 0.2},
}
OPTIMIZERS = ["GradientDescent", "Momentum(0.9)", "Nesterov(0.9, 0.001)", "Adam", "AdamW"]


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def run(data, threads: int, network: dict, seed: int = 5, **options) -> tuple[np.ndarray, list]:
    """All trained numbers, and the losses, of a short run with that many threads."""
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        net = mlp(layer_sizes=[64, 70, 50, 10], seed=seed, **network)
        history = train(net, data, epochs=2, batch_size=100, seed=seed, **options)
    finally:
        numba.set_num_threads(before)
    numbers = np.concatenate([parameter.vector for parameter in net.parameters()])
    return numbers, [(epoch.train_loss, epoch.test_loss, epoch.test_accuracy) for epoch in history]


def assert_same(one, other) -> None:
    np.testing.assert_array_equal(one[0], other[0])
    assert one[1] == other[1]


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name, digits):
    first = run(digits, 2, NETWORKS[name])
    assert_same(first, run(digits, 2, NETWORKS[name]))
    assert_same(first, run(digits, 1, NETWORKS[name]))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers(optimizer, digits):
    results = [run(digits, threads, NETWORKS["sparse"], optimizer=optimizer) for threads in (1, 2)]
    assert_same(*results)


def test_augmentation(digits):
    results = [run(digits, threads, NETWORKS["sparse"], augmentation=CropFlip(pad=1)) for threads in (1, 2)]
    assert_same(*results)


def test_another_seed_gives_another_run(digits):
    one, other = (run(digits, 2, NETWORKS["sparse"], seed)[0] for seed in (1, 2))
    assert not np.array_equal(one, other)


def test_the_order_of_the_samples_is_the_seeds_alone():
    """Whatever else draws random numbers."""
    data = make_mini(50, 10, np.random.default_rng(0))
    results = []
    for _ in range(2):
        np.random.default_rng().random(7)
        net = mlp("ReLU;Linear", [8, 5, 3], seed=1)
        train(net, data, epochs=1, batch_size=10, seed=1)
        results.append(net.layers[0].W.vector)
    np.testing.assert_array_equal(*results)
