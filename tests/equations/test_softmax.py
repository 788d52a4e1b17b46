from __future__ import annotations

import numpy as np
import pytest

from nerva_py.equations import softmax as S
from tests import naive
from tests.samples import DTYPES, assert_close, batch


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (7, 1), (7, 6)])
def test_values(dtype, shape, rng):
    X = batch(rng, *shape, dtype)
    expected = naive.softmax(X)
    assert_close(S.softmax(X), expected, dtype)
    assert_close(S.softmax_definition(X), expected, dtype)
    assert_close(S.log_softmax(X), np.log(expected), dtype)
    assert_close(S.log_softmax_definition(X), np.log(expected), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_sum_to_one(dtype, rng):
    assert_close(S.softmax(50 * batch(rng, 20, 9, dtype)).sum(axis=1), np.ones(20), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_arguments(dtype):
    X = np.array([[1000.0, -1000.0, 0.0], [-1000.0, -1000.0, -1000.0], [1000.0, 1000.0, 1000.0]], dtype)
    third = 1 / 3
    assert_close(S.softmax(X), [[1, 0, 0], [third] * 3, [third] * 3])
    assert_close(S.log_softmax(X), [[0, -2000, -1000], [np.log(third)] * 3, [np.log(third)] * 3])


def test_a_shift_of_a_row_changes_nothing(rng):
    X = batch(rng, 7, 6)
    shift = np.arange(7.0)[:, None]
    assert_close(S.softmax(X + shift), S.softmax(X))
    assert_close(S.log_softmax(X + shift), S.log_softmax(X))


def test_the_efficient_backward_forms_are_the_papers(rng):
    Z, DY = batch(rng, 7, 6), batch(rng, 7, 6)
    Y = S.softmax(Z)
    assert_close(S.softmax_backward(Y, DY), S.softmax_backward_paper(Y, DY))
    assert_close(S.log_softmax_backward(S.log_softmax(Z), DY), S.log_softmax_backward_paper(Z, DY))


@pytest.mark.parametrize(
    ("forward", "backward"),
    [(S.softmax, S.softmax_backward), (S.log_softmax, S.log_softmax_backward)],
    ids=["softmax", "log-softmax"],
)
def test_backward_is_the_derivative(forward, backward, rng):
    Z, DY = batch(rng, 4, 5), batch(rng, 4, 5)
    expected = naive.central_difference(lambda: float(np.sum(DY * forward(Z))), Z)
    np.testing.assert_allclose(backward(forward(Z), DY), expected, atol=1e-8)


@pytest.mark.parametrize(
    ("forward", "jacobian", "backward"),
    [
        (S.softmax, S.softmax_jacobian, S.softmax_backward),
        (S.log_softmax, S.log_softmax_jacobian, S.log_softmax_backward),
    ],
    ids=["softmax", "log-softmax"],
)
def test_backward_multiplies_with_the_jacobian(forward, jacobian, backward, rng):
    """DZ = DY · ∂y/∂z for a single row."""
    z, dy = batch(rng, 1, 5), batch(rng, 1, 5)
    assert_close(backward(forward(z), dy), dy @ jacobian(z))


@pytest.mark.parametrize("function", [S.softmax, S.log_softmax])
def test_nan_stays_nan_in_its_row(function, rng):
    X = batch(rng, 3, 4)
    X[1, 2] = np.nan
    np.testing.assert_array_equal(np.isnan(function(X)).any(axis=1), [False, True, False])
