"""Moments of the initial weights, at fixed seeds."""

from __future__ import annotations

import numpy as np
import pytest

from nerva_py.errors import NervaError
from nerva_py.network import INITIALIZERS, mlp
from nerva_py.network.specs import build

K, D = 300, 400
UNIFORM = 1 / np.sqrt(3)  # standard deviation of U(−1, 1)

# spec -> (mean, standard deviation, largest magnitude)
MOMENTS = {
    "Xavier": (0, UNIFORM / np.sqrt(D), 1 / np.sqrt(D)),
    "XavierNormalized": (0, np.sqrt(2 / (D + K)), np.sqrt(6 / (D + K))),
    "XavierUniform": (0, np.sqrt(2 / (D + K)), np.sqrt(6 / (D + K))),
    "XavierNormal": (0, np.sqrt(2 / (D + K)), np.inf),
    "HeUniform": (0, np.sqrt(2 / D), np.sqrt(6 / D)),
    "HeNormal": (0, np.sqrt(2 / D), np.inf),
    "PyTorch": (0, UNIFORM / np.sqrt(D), 1 / np.sqrt(D)),
    "He": (0, np.sqrt(2 / D), np.inf),
    "SparseHe": (0, np.sqrt(2 / D), np.inf),
    "Uniform(-1, 3)": (1, 2 * UNIFORM, 3),
    "Normal(2, 0.5)": (2, 0.5, np.inf),
    "Zero": (0, 0, 0),
    "None": (0, 0, 0),
}


@pytest.mark.parametrize("spec", MOMENTS)
def test_moments_of_a_dense_layer(spec, rng):
    mean, deviation, largest = MOMENTS[spec]
    values = build("initializer", spec, INITIALIZERS).weights((K, D), np.full(K, D), rng)
    assert values.shape == (K * D,)
    assert values.mean() == pytest.approx(mean, abs=5 * deviation / np.sqrt(K * D))
    assert values.std() == pytest.approx(deviation, rel=0.02)
    assert np.abs(values).max() <= largest


def test_every_initializer_is_tested():
    assert {spec.partition("(")[0] for spec in MOMENTS} == set(INITIALIZERS)


def test_sparse_he_goes_by_the_neurons_own_number_of_inputs(rng):
    counts = np.array([8, 20000, 0, 200000])
    values = INITIALIZERS["SparseHe"]().weights((4, 10**6), counts, rng)
    rows = np.split(values, np.cumsum(counts)[:-1])
    assert [len(row) for row in rows] == counts.tolist()
    for k in (1, 3):
        assert rows[k].std() == pytest.approx(np.sqrt(2 / counts[k]), rel=0.03)


def test_only_pytorchs_initializer_draws_biases(rng):
    for spec in MOMENTS:
        b = build("initializer", spec, INITIALIZERS).biases((K, D), rng)
        assert b.shape == (1, K)
        assert b.any() == (spec == "PyTorch")
        assert np.abs(b).max() <= 1 / np.sqrt(D)


def test_a_sparse_layer_gets_one_value_for_each_stored_weight():
    network = mlp("Linear", [400, 300], overall_density=0.1, weights="SparseHe", seed=1)
    W = network.layers[0].W.value
    counts = np.diff(W.support.indptr)
    scaled = W.data / np.sqrt(2 / np.repeat(counts, counts))
    assert scaled.std() == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("spec", ["Uniform(3, -1)", "Normal(0, -1)", "Uniform(nan, 1)"])
def test_impossible_distributions(spec):
    with pytest.raises(NervaError, match="initializer"):
        build("initializer", spec, INITIALIZERS)
