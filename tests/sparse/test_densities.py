from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerva_py.errors import NervaError
from nerva_py.sparse import Support, erdos_renyi, erdos_renyi_epsilon, nonzeros, per_layer, uniform
from nerva_py.sparse.densities import DISTRIBUTIONS

LAYERS = st.lists(st.tuples(st.integers(1, 3000), st.integers(1, 3000)), min_size=1, max_size=5)
DENSITIES = st.floats(0, 1)


def shapes(*sizes: int) -> list[tuple[int, int]]:
    return [(K, D) for D, K in pairwise(sizes)]


CIFAR10 = shapes(3072, 1024, 512, 10)

# Computed by another implementation, which rounds density·K·D down layer by layer before it shares out what is left.
# Ours follows the formula, so the totals differ by up to about two weights a network, and so may each layer.
ERDOS_RENYI = {
    0.001: [0.000777357, 0.00174905, 0.060867],
    0.01: [0.00777568, 0.0174953, 0.608836],
    0.05: [0.0412997, 0.0929244, 1],
    0.1: [0.0837828, 0.188511, 1],
    0.2: [0.16875, 0.379687, 1],
    0.5: [0.423651, 0.953214, 1],
}


@pytest.mark.parametrize("density", ERDOS_RENYI)
def test_erdos_renyi_against_another_implementation(density):
    for ours, theirs, (K, D) in zip(erdos_renyi(CIFAR10, density), ERDOS_RENYI[density], CIFAR10, strict=True):
        printed = 1e-5 * theirs  # six digits are given
        assert abs(ours - theirs) <= printed + 2.5 / (K * D)


def test_erdos_renyi_exactly():
    layers = shapes(3072, 1024, 1024, 10)
    densities = erdos_renyi(layers, 0.05)
    # The first two numbers are counts of weights divided by K·D, so they are exact to half a weight.
    for d, expected, (K, D) in zip(densities, [0.042382877, 0.06357384, 1], layers, strict=True):
        assert abs(d - expected) < 0.51 / (K * D)
    assert [nonzeros(d, shape) for d, shape in zip(densities, layers, strict=True)] == [133325, 66662, 10240]


@given(LAYERS, DENSITIES)
def test_erdos_renyi_keeps_the_budget(layers, density):
    densities = erdos_renyi(layers, density)
    budget = density * sum(K * D for K, D in layers)
    assert all(0 <= d <= 1 for d in densities)
    assert sum(d * K * D for d, (K, D) in zip(densities, layers, strict=True)) == pytest.approx(
        budget, rel=1e-9, abs=1e-6
    )


@given(LAYERS, DENSITIES)
def test_erdos_renyi_gives_each_neuron_of_sparse_layers_as_many_weights(layers, density):
    densities = erdos_renyi(layers, density)
    epsilons = [d * K * D / (K + D) for d, (K, D) in zip(densities, layers, strict=True) if d < 1]
    assert epsilons == pytest.approx([np.mean(epsilons)] * len(epsilons) if epsilons else [])
    for d, (K, D) in zip(densities, layers, strict=True):
        if d == 1 and epsilons:
            assert epsilons[0] * (1 + 1e-9) >= K * D / (K + D), "only layers that would pass 1 are dense"


@given(LAYERS)
def test_at_the_ends_every_distribution_is_exact(layers):
    for distribution in DISTRIBUTIONS.values():
        assert distribution(layers, 1.0) == [1.0] * len(layers)
        assert distribution(layers, 0.0) == [0.0] * len(layers)


def test_uniform_and_per_layer():
    assert uniform(CIFAR10, 0.3) == [0.3] * 3
    assert per_layer(CIFAR10, [0.1, 0.2, 1]) == [0.1, 0.2, 1.0]


def test_erdos_renyi_of_a_given_epsilon():
    assert erdos_renyi_epsilon([(100, 300), (2, 3)], 20) == [20 * 400 / 30000, 1.0]


@pytest.mark.parametrize(
    ("density", "shape", "expected"), [(0.1, (10, 10), 10), (0.333, (10, 10), 33), (1, (3, 4), 12)]
)
def test_nonzeros_are_rounded_to_the_nearest(density, shape, expected):
    assert nonzeros(density, shape) == expected
    assert Support.random(shape, expected, np.random.default_rng(0)).nnz == expected


@pytest.mark.parametrize("density", [-0.1, 1.1, float("nan"), float("inf"), "0.5", None])
@pytest.mark.parametrize("distribution", [uniform, erdos_renyi, lambda layers, d: per_layer(layers, [0.5, d, 0.5])])
def test_an_impossible_density_is_named(density, distribution):
    with pytest.raises(NervaError, match=r"must be a number from 0 to 1, not"):
        distribution(CIFAR10, density)


def test_the_number_of_densities():
    with pytest.raises(NervaError, match="must be 3 numbers, one a layer, not 2"):
        per_layer(CIFAR10, [0.1, 0.2])


@pytest.mark.parametrize("epsilon", [-1, float("nan"), float("inf")])
def test_an_impossible_epsilon(epsilon):
    with pytest.raises(NervaError, match="epsilon must be"):
        erdos_renyi_epsilon(CIFAR10, epsilon)
