"""Weights of samples in training: laws that hold whatever the network."""

from __future__ import annotations

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.data import from_arrays, make_mini
from nerva_py.equations.losses import LOSSES
from nerva_py.errors import NervaError
from nerva_py.network import mlp
from nerva_py.training import evaluate, train

M = 60


@pytest.fixture
def X(rng):
    return rng.standard_normal((M, 8))


@pytest.fixture
def labels(rng):
    return rng.integers(0, 3, M)


@pytest.fixture
def weights(rng):
    return rng.integers(0, 4, M)


def trained(X, T, **options):
    net = mlp("Sigmoid;Linear", [8, 12, 3], overall_density=0.5, seed=1, dtype=np.float64)
    data = from_arrays(X, T, num_classes=3 if T.ndim == 1 else None)
    settings = {"optimizer": "Nesterov(0.9)", "learning_rate": 0.1, "epochs": 4, "batch_size": 16, "seed": 1} | options
    history = train(net, data, **settings)
    return np.concatenate([parameter.vector for parameter in net.parameters()]), history


def test_weights_of_one_change_nothing(X, labels):
    plain, history = trained(X, labels)
    weighted, same = trained(X, labels, sample_weight=np.ones(M))
    np.testing.assert_allclose(weighted, plain, rtol=1e-12)
    assert same[-1].train_loss == pytest.approx(history[-1].train_loss)
    assert same[-1].train_accuracy == history[-1].train_accuracy


def test_only_their_ratios_matter(X, labels, weights):
    one, _ = trained(X, labels, sample_weight=weights)
    other, _ = trained(X, labels, sample_weight=1000.0 * weights)
    np.testing.assert_allclose(one, other, rtol=1e-10)


def test_a_sample_of_weight_0_is_left_out(X, labels, weights):
    """In every mini-batch, and bit for bit: it takes no place in a batch and no number of the random generator."""
    counted = weights > 0
    weighted, history = trained(X, labels, sample_weight=weights)
    chosen, same = trained(X[counted], labels[counted], sample_weight=weights[counted])
    np.testing.assert_array_equal(weighted, chosen)
    assert history[-1].train_loss == pytest.approx(same[-1].train_loss, rel=1e-12)
    assert history[-1].train_accuracy == pytest.approx(same[-1].train_accuracy)


@pytest.mark.parametrize("name", ["SoftmaxCrossEntropy", "HalfSquaredError", "BinaryCrossEntropy"])
def test_a_weight_counts_repetitions(X, weights, name, rng):
    """In full batches, where it does not matter which samples meet in one."""
    T = rng.uniform(0, 1, (M, 3))
    weighted, history = trained(X, T, loss=name, sample_weight=weights, batch_size=M)
    rows = np.repeat(np.arange(M), weights)
    repeated, same = trained(X[rows], T[rows], loss=name, batch_size=len(rows))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-9)
    assert history[-1].train_loss == pytest.approx(same[-1].train_loss)


def test_evaluation_with_weights(X, labels, weights):
    net = mlp("ReLU;Linear", [8, 12, 3], seed=1, dtype=np.float64)
    rows = np.repeat(np.arange(M), weights)
    loss = LOSSES["SoftmaxCrossEntropy"]
    weighted = evaluate(net, from_arrays(X, labels), loss, "train", weights)
    assert weighted == pytest.approx(evaluate(net, from_arrays(X[rows], labels[rows]), loss, "train"))


def test_running_loss_is_that_of_the_batches_as_they_were_met(X, labels, weights):
    """At a learning rate of 0 it is the loss of all samples; else it lies behind the loss after the epoch."""
    for options in ({}, {"sample_weight": weights}):
        still = trained(X, labels, learning_rate=0.0, **options)[1]
        running = trained(X, labels, learning_rate=0.0, statistics="running", **options)[1]
        assert [e.train_loss for e in running] == pytest.approx([e.train_loss for e in still])
        moving = trained(X, labels, batch_size=M, **options)[1]
        behind = trained(X, labels, batch_size=M, statistics="running", **options)[1]
        assert [e.train_loss for e in behind][1:] == pytest.approx([e.train_loss for e in moving][:-1])
        assert behind[0].train_accuracy is None


def test_running_loss_changes_no_weight(X, labels):
    np.testing.assert_array_equal(trained(X, labels)[0], trained(X, labels, statistics="running")[0])


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(M - 1), r"sample_weight must be 60 numbers, one a training sample, not shape \(59,\)"),
        (np.ones((M, 1)), r"shape \(60, 1\)"),
        (["heavy"] * M, "dtype <U5"),
        (np.zeros(M), "sample_weight is 0 for every sample"),
        (np.where(np.arange(M) == 7, -1.0, 1.0), r"sample_weight\[7\] is -1.0; finite numbers of at least 0"),
        (np.where(np.arange(M) == 7, np.nan, 1.0), r"sample_weight\[7\] is nan"),
        (np.where(np.arange(M) == 7, np.inf, 1.0), r"sample_weight\[7\] is inf"),
    ],
)
def test_errors(X, labels, weight, message):
    with pytest.raises(NervaError, match=message):
        trained(X, labels, sample_weight=weight)


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1e-30, 1e30, 1e39, 1e300])
def test_the_scale_of_all_weights_does_not_matter(scale, rng):
    """In float32, which holds neither 10³⁹ nor 10⁻⁵⁰; up to the rounding of the weights to it."""
    data = make_mini(60, 0, rng)
    for pattern in (np.ones(60), rng.integers(0, 4, 60).astype(float)):
        runs = []
        for w in (pattern, scale * pattern):
            network = nv.mlp("ReLU;Linear", [8, 6, 3], overall_density=0.5, seed=1)
            history = nv.train(network, data, epochs=2, batch_size=20, sample_weight=w, seed=1)
            runs.append([history[-1].train_loss, *np.concatenate([p.vector for p in network.parameters()])])
            loss, accuracy = nv.evaluate(network, data, LOSSES["SoftmaxCrossEntropy"], "train", w)
            assert loss == pytest.approx(history[-1].train_loss, rel=1e-3)
            assert 0 <= accuracy <= 1
        np.testing.assert_allclose(runs[1], runs[0], rtol=1e-3, atol=1e-5)


def test_weights_that_float32_cannot_hold_beside_the_largest_are_none(rng):
    """A batch of them alone has no gradient, not one of 0/0."""
    data = make_mini(40, 0, rng)
    w = np.where(np.arange(40) < 20, 1.0, 1e-60)
    network = nv.mlp("ReLU;Linear", [8, 6, 3], overall_density=0.5, seed=1)
    steps = []

    class Count(nv.Callback):
        def on_step_end(self, run):
            steps.append(run.t)

    nv.train(network, data, epochs=1, batch_size=10, sample_weight=w, shuffle=False, seed=1, callbacks=[Count()])
    assert steps == [1, 2]
