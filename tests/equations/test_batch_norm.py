from __future__ import annotations

import numpy as np
import pytest

from nerva_py.equations import batch_norm as B
from tests import naive
from tests.samples import DTYPES, assert_close, batch

N, D, EPSILON = 9, 4, 1e-3


@pytest.fixture(params=DTYPES, ids=["float32", "float64"])
def case(request, rng):
    """X with columns of different means and variances, γ, β, DY"""
    X = batch(rng, N, D, request.param) * np.array([1, 2, 0.5, 3], request.param) + np.arange(D, dtype=request.param)
    gamma, beta = (rng.standard_normal((1, D)).astype(request.param) for _ in range(2))
    return X, gamma, beta, batch(rng, N, D, request.param)


def test_statistics(case):
    X, *_ = case
    Z, mean, variance = B.standardize(X, EPSILON)
    assert_close(mean, naive.columns(X, naive.mean))
    assert_close(variance, naive.columns(X, naive.variance))
    assert_close(B.variance_paper(X), naive.columns(X, naive.variance))
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose((Z**2).mean(axis=0), variance[0] / (variance[0] + EPSILON), rtol=1e-5)


def test_forward(case):
    X, gamma, beta, _ = case
    Y, Z, _, _ = B.batch_norm(X, gamma, beta, EPSILON)
    expected = gamma * (X - naive.columns(X, naive.mean)) / np.sqrt(naive.columns(X, naive.variance) + EPSILON) + beta
    assert_close(Y, expected, X.dtype)
    assert_close(B.scale_and_shift(Z, gamma, beta), expected, X.dtype)


def test_the_efficient_backward_form_is_the_papers(case):
    X, gamma, beta, DY = case
    _, Z, _, variance = B.batch_norm(X, gamma, beta, EPSILON)
    DX, _, _ = B.batch_norm_backward(Z, variance, gamma, DY, EPSILON)
    assert_close(DX, B.batch_norm_input_gradient_paper(Z, variance, gamma, DY, EPSILON))


@pytest.mark.parametrize("epsilon", [0.0, 1e-5, 1.0])
def test_backward_is_the_derivative(epsilon, rng):
    """Also with a large ε: the equation is exact, not an approximation for small ε."""
    X, DY = batch(rng, N, D), batch(rng, N, D)
    gamma, beta = rng.standard_normal((2, 1, D))

    def loss():
        return float(np.sum(DY * B.batch_norm(X, gamma, beta, epsilon)[0]))

    _, Z, _, variance = B.batch_norm(X, gamma, beta, epsilon)
    for actual, x in zip(B.batch_norm_backward(Z, variance, gamma, DY, epsilon), (X, gamma, beta), strict=True):
        np.testing.assert_allclose(actual, naive.central_difference(loss, x), atol=1e-7)


def test_evaluation_backward_is_the_derivative(rng):
    X, DY = batch(rng, N, D), batch(rng, N, D)
    gamma, beta, mean = rng.standard_normal((3, 1, D))
    variance = rng.uniform(0.5, 2, (1, D))

    def loss():
        return float(np.sum(DY * B.batch_norm_evaluation(X, gamma, beta, mean, variance, EPSILON)))

    gradients = B.batch_norm_evaluation_backward(X, gamma, mean, variance, DY, EPSILON)
    for actual, x in zip(gradients, (X, gamma, beta), strict=True):
        np.testing.assert_allclose(actual, naive.central_difference(loss, x), atol=1e-7)


def test_evaluation_with_the_batchs_statistics_is_training(case):
    X, gamma, beta, _ = case
    Y, _, mean, variance = B.batch_norm(X, gamma, beta, EPSILON)
    assert_close(B.batch_norm_evaluation(X, gamma, beta, mean, variance, EPSILON), Y)


def test_a_constant_feature_gives_beta():
    X, gamma, beta = np.full((5, 1), 7.0), np.array([[2.0]]), np.array([[3.0]])
    Y, Z, _, variance = B.batch_norm(X, gamma, beta, EPSILON)
    assert (Y == 3).all()
    DX, _, _ = B.batch_norm_backward(Z, variance, gamma, np.ones((5, 1)), EPSILON)
    assert np.isfinite(DX).all()


def test_a_single_sample_gives_beta(rng):
    X, beta = batch(rng, 1, D), rng.standard_normal((1, D))
    assert_close(B.batch_norm(X, np.ones((1, D)), beta, EPSILON)[0], beta)


def test_the_unbiased_variance_is_that_of_a_sample(case):
    X, *_ = case
    _, _, variance = B.standardize(X, EPSILON)
    assert_close(B.unbiased_variance(variance, N), X.astype(np.float64).var(axis=0, ddof=1, keepdims=True), X.dtype)


def test_without_DX_the_other_gradients_are_the_same(case):
    X, gamma, beta, DY = case
    _, Z, _, variance = B.batch_norm(X, gamma, beta, EPSILON)
    DX, *others = B.batch_norm_backward(Z, variance, gamma, DY, EPSILON, needs_DX=False)
    assert DX is None
    for one, other in zip(others, B.batch_norm_backward(Z, variance, gamma, DY, EPSILON)[1:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_running_average_forgets_exponentially():
    running = np.zeros((1, 1))
    for _ in range(3):
        running = B.running_average(running, np.ones((1, 1)), 0.1)
    assert_close(running, [[1 - 0.9**3]])
