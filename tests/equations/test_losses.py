from __future__ import annotations

import math

import numpy as np
import pytest

from nerva_py.equations.losses import LOSSES, Loss
from nerva_py.matrix import exp, hadamard, rows_sum
from tests import naive
from tests.samples import DTYPES, assert_close, batch, one_hot

N, K = 5, 4


def log_sigmoid(y):
    return -math.log1p(math.exp(-y))


def squared_error(Y, T):
    return sum((y - t) ** 2 for y, t in zip(Y.flat, T.flat, strict=True))


def log_likelihood(Y, T):
    return sum(math.log(sum(y * t for y, t in zip(*row, strict=True))) for row in zip(Y, T, strict=True))


REFERENCE = {
    "SquaredError": squared_error,
    "HalfSquaredError": lambda Y, T: squared_error(Y, T) / 2,
    "MeanSquaredError": lambda Y, T: squared_error(Y, T) / (N * K),
    "CrossEntropy": lambda Y, T: -sum(t * math.log(y) for y, t in zip(Y.flat, T.flat, strict=True)),
    "SoftmaxCrossEntropy": lambda Y, T: REFERENCE["CrossEntropy"](naive.softmax(Y), T),
    "LogisticCrossEntropy": lambda Y, T: -sum(t * log_sigmoid(y) for y, t in zip(Y.flat, T.flat, strict=True)),
    "BinaryCrossEntropy": lambda Y, T: (
        -sum(t * log_sigmoid(y) + (1 - t) * log_sigmoid(-y) for y, t in zip(Y.flat, T.flat, strict=True))
    ),
    "PoissonLikelihood": lambda Y, T: sum(math.exp(y) - t * y for y, t in zip(Y.flat, T.flat, strict=True)),
    "NegativeLogLikelihood": lambda Y, T: -log_likelihood(Y, T),
}
POSITIVE = {"CrossEntropy", "NegativeLogLikelihood"}  # defined for Y > 0 only
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def outputs(loss, rng, dtype=np.float64):
    Y = batch(rng, N, K, dtype)
    return np.exp(Y) if loss.name in POSITIVE else Y


def soft_targets(rng, dtype=np.float64):
    """Not one-hot: a gradient that is right for one-hot targets alone is found out."""
    return np.asfortranarray(rng.uniform(0.1, 1, (N, K)).astype(dtype))


def test_every_loss_has_a_reference():
    assert set(LOSSES) == set(REFERENCE)
    assert all(LOSSES[name].name == name for name in LOSSES)


@every_loss
@pytest.mark.parametrize(
    "targets", [one_hot, lambda rng, N, K, dtype: soft_targets(rng, dtype)], ids=["one-hot", "soft"]
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_values(loss, targets, dtype, rng):
    Y, T = outputs(loss, rng, dtype), targets(rng, N, K, dtype)
    assert float(loss(Y, T)) == pytest.approx(REFERENCE[loss.name](Y.astype(float), T), rel=1e-5)


@every_loss
def test_gradients_are_the_derivatives(loss, rng):
    Y, T = outputs(loss, rng), soft_targets(rng)
    expected = naive.central_difference(lambda: float(loss(Y, T)), Y)
    np.testing.assert_allclose(loss.gradient(Y, T), expected, atol=1e-7)


@every_loss
def test_training_descends_the_mean_over_the_samples(loss, rng):
    """`mean_gradient` is the gradient of `total` / N, the loss that is reported."""
    Y, T = outputs(loss, rng), soft_targets(rng)
    expected = naive.central_difference(lambda: float(loss.total(Y, T)) / N, Y)
    np.testing.assert_allclose(loss.mean_gradient(Y, T), expected, atol=1e-7)


@every_loss
def test_totals_add_up_over_batches(loss, rng):
    Y, T = outputs(loss, rng), soft_targets(rng)
    parts = [slice(0, 2), slice(2, N)]
    assert sum(float(loss.total(Y[part], T[part])) for part in parts) == pytest.approx(float(loss.total(Y, T)))


@every_loss
@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_repeat_samples(loss, dtype, rng):
    """A sample of weight 3 counts as three."""
    Y, T, counts = outputs(loss, rng, dtype), soft_targets(rng, dtype), np.array([1, 3, 2, 1, 4])
    w = counts.astype(dtype)[:, None]
    repeated = np.repeat(np.arange(N), counts)
    total = float(loss.total(Y[repeated], T[repeated]))
    assert float(loss.total(Y, T, w)) == pytest.approx(total, rel=1e-5)
    once = loss.mean_gradient(Y[repeated], T[repeated])[np.searchsorted(repeated, np.arange(N))]
    gradient = loss.mean_gradient(Y, T, w)
    assert gradient.dtype == dtype
    assert_close(gradient, once * w)


@every_loss
@pytest.mark.parametrize("weighted", [False, True])
def test_gradients_of_the_shards_of_a_batch_are_those_of_the_batch(loss, weighted, rng):
    """`total` is the weight of the whole mini-batch."""
    Y, T, w = outputs(loss, rng), soft_targets(rng), rng.uniform(0.5, 2, (N, 1)) if weighted else None
    total = N if w is None else w.sum()
    parts = [
        loss.mean_gradient(Y[part], T[part], None if w is None else w[part], total)
        for part in (slice(0, 2), slice(2, N))
    ]
    assert_close(np.concatenate(parts), loss.mean_gradient(Y, T, w))


@pytest.mark.parametrize("K", [1, 10, 100])
def test_the_sum_of_the_samples_is_as_precise_as_one_sum_in_float32(K, rng):
    """Rounded row by row: on average within the unit roundoff of the same sum in float64, at most by two units off."""
    errors = []
    for _ in range(200):
        Y, T = batch(rng, 100, K, np.float32), batch(rng, 100, K, np.float32)
        exact = float(np.square((Y - T).astype(np.float64)).sum())
        errors.append(float(LOSSES["SquaredError"](Y, T)) / exact - 1)
    assert np.sqrt(np.mean(np.square(errors))) < 1.5 * 2.0**-24
    assert np.abs(errors).max() < 6 * 2.0**-24


def test_a_loss_of_your_own(rng):
    """That of the docstring."""

    def poisson(Y, T):
        return rows_sum(exp(Y) - hadamard(T, Y))

    def poisson_gradient(Y, T):
        return exp(Y) - T

    Poisson = Loss("Poisson", poisson, poisson_gradient)
    Y, T, w = batch(rng, N, K), batch(rng, N, K), rng.uniform(0.5, 2, (N, 1))
    expected = naive.central_difference(lambda: float(Poisson.total(Y, T, w)) / w.sum(), Y)
    np.testing.assert_allclose(Poisson.mean_gradient(Y, T, w), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - POSITIVE - {"PoissonLikelihood"}))  # exp(1000) is infinite
@pytest.mark.parametrize("dtype", DTYPES)
def test_large_outputs(name, dtype):
    """Finite and right where the definition overflows; warnings are errors."""
    loss = LOSSES[name]
    Y = np.array([[1000.0, -1000.0, 0.0], [-1000.0, 1000.0, 1000.0]], dtype)
    T = np.array([[1.0, 0, 0], [1, 0, 0]], dtype)
    expected = {
        "SoftmaxCrossEntropy": 2000 + math.log(2),
        "LogisticCrossEntropy": 1000,
        "BinaryCrossEntropy": 3000 + math.log(2),
    }
    value, gradient = float(loss(Y, T)), loss.gradient(Y, T)
    assert np.isfinite(gradient).all()
    assert math.isfinite(value)
    if name in expected:
        assert value == pytest.approx(expected[name])
        assert np.abs(gradient).max() <= 2


def test_softmax_cross_entropy_is_cross_entropy_of_softmax(rng):
    from nerva_py.equations.softmax import softmax

    Y, T = batch(rng, N, K), soft_targets(rng)
    assert float(LOSSES["SoftmaxCrossEntropy"](Y, T)) == pytest.approx(float(LOSSES["CrossEntropy"](softmax(Y), T)))


def test_cross_entropy_is_negative_log_likelihood_for_one_hot_targets(rng):
    Y, T = np.exp(batch(rng, N, K)), one_hot(rng, N, K)
    one, other = LOSSES["CrossEntropy"], LOSSES["NegativeLogLikelihood"]
    assert float(one(Y, T)) == pytest.approx(float(other(Y, T)))
    assert_close(one.gradient(Y, T), other.gradient(Y, T))


@every_loss
def test_nan_is_visible(loss, rng):
    Y, T = outputs(loss, rng), one_hot(rng, N, K)
    Y[T == 1] = np.nan
    assert np.isnan(loss(Y, T))
    assert np.isnan(loss.gradient(Y, T)).any()


@pytest.mark.parametrize("size", [1, 100, 3000])
def test_the_gradient_of_softmax_cross_entropy_in_one_pass(size, rng):
    """Against its equation, for few samples and for many, and for targets of another kind."""
    gradient = LOSSES["SoftmaxCrossEntropy"].gradient
    Y, T = batch(rng, size, K), soft_targets(rng)[rng.integers(0, N, size)]
    for targets in (T, T.astype(np.float32), np.asfortranarray(T), (T > 0.5).astype(np.int64)):
        assert_close(gradient(Y, targets), gradient.definition(Y, targets))
    assert gradient(Y[:0], T[:0]).shape == (0, K)
    Y[0, 1] = np.nan
    assert np.isnan(gradient(Y, T)[0]).all()
