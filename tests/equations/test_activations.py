from __future__ import annotations

import math

import numpy as np
import pytest

from nerva_py.equations import activations
from nerva_py.equations.activations import (
    AllReLU,
    HyperbolicTangent,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SReLU,
    TReLU,
    srelu_parameter_gradients,
)
from tests import naive
from tests.samples import DTYPES, assert_close, batch

ALL = [ReLU(), LeakyReLU(0.1), AllReLU(-0.6), TReLU(0.3), Sigmoid(), HyperbolicTangent(), SReLU(0.1, -0.5, 0.3, 0.6)]
REFERENCE = {
    "ReLU": lambda x: max(0.0, x),
    "LeakyReLU": lambda x: max(0.1 * x, x),
    "AllReLU": lambda x: -0.6 * x if x <= 0 else x,
    "TReLU": lambda x: x if x >= 0.3 else 0.0,
    "Sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "HyperbolicTangent": math.tanh,
    "SReLU": lambda x: -0.5 + 0.1 * (x + 0.5) if x <= -0.5 else 0.6 + 0.3 * (x - 0.6) if x >= 0.6 else x,
}
every_activation = pytest.mark.parametrize("f", ALL, ids=lambda f: f.name)


@every_activation
@pytest.mark.parametrize("dtype", DTYPES)
def test_values(f, dtype, rng):
    Z = batch(rng, 17, 5, dtype)
    assert_close(f(Z), naive.elementwise(REFERENCE[f.name], Z))


@every_activation
def test_derivatives_are_those_of_the_values(f, rng):
    Z = batch(rng, 17, 5)  # no element is within 1e-6 of a kink
    h = 1e-6
    assert np.abs(f.gradient(Z) - (f(Z + h) - f(Z - h)) / (2 * h)).max() < 1e-8


@every_activation
def test_backward_multiplies_with_the_derivative(f, rng):
    DY, Z = batch(rng, 17, 5), batch(rng, 17, 5)
    assert_close(f.backward(DY, Z), DY * f.gradient(Z))


@every_activation
@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_stays_nan(f, dtype):
    """A diverging run must be seen."""
    Z = np.full((9, 3), np.nan, dtype)
    assert np.isnan(f(Z)).all()


@every_activation
@pytest.mark.parametrize("dtype", DTYPES)
def test_large_arguments(f, dtype):
    Z = np.array([[-1000.0, 1000.0, 0.0]], dtype)
    for result in (f(Z), f.gradient(Z), f.backward(np.ones_like(Z), Z)):
        assert np.isfinite(result).all()
        assert result.dtype == dtype


KINKS = [  # f, a kink, the derivative that the docstring names
    (ReLU(), 0.0, 0.0),
    (LeakyReLU(0.1), 0.0, 0.1),
    (AllReLU(-0.6), 0.0, -0.6),
    (TReLU(0.25), 0.25, 1.0),
    (SReLU(0.1, -0.5, 0.3, 0.5), -0.5, 0.1),
    (SReLU(0.1, -0.5, 0.3, 0.5), 0.5, 0.3),
]


@pytest.mark.parametrize(("f", "kink", "slope"), KINKS, ids=lambda value: getattr(value, "name", value))
def test_the_derivative_at_a_kink(f, kink, slope):
    assert f.gradient(np.array([[kink]]))[0, 0] == slope
    assert f.gradient(np.array([[-kink]]))[0, 0] == f.derivative(-kink, *f.parameters)


# -------------------------------------------------------------------------------------------------------------- SReLU


def test_srelu_contains_relu_and_a_clipped_relu(rng):
    Z = 2 * batch(rng, 20, 3)
    assert_close(SReLU(0, 0, 1, 1)(Z), np.maximum(Z, 0))
    assert_close(SReLU()(Z), np.maximum(Z, 0))
    assert_close(SReLU(0, 0, 0, 1)(Z), np.clip(Z, 0, 1))


def test_the_first_case_of_srelu_wins_where_they_overlap():
    """t_l ≥ t_r: the printed specification lets both cases apply."""
    f, Z, DY = SReLU(0.1, 0.5, 0.3, -0.5), np.array([[0.0]]), np.array([[1.0]])
    assert_close(f(Z), [[0.5 - 0.05]])
    assert_close(f.gradient(Z), [[0.1]])
    Dal, Dtl, Dar, Dtr = srelu_parameter_gradients(DY, Z, *f.parameters)
    assert (Dal, Dtl, Dar, Dtr) == pytest.approx((-0.5, 0.9, 0, 0))


@pytest.mark.parametrize("parameters", [(0.1, -0.5, 0.3, 0.6), (0.1, 0.5, 0.3, -0.5)], ids=["apart", "overlapping"])
def test_srelu_parameter_gradients(parameters, rng):
    Z, DY, p = batch(rng, 17, 5), batch(rng, 17, 5), np.array(parameters)
    gradient = naive.central_difference(lambda: float(np.sum(DY * SReLU(*p.tolist())(Z))), p)
    np.testing.assert_allclose(srelu_parameter_gradients(DY, Z, *parameters), gradient, atol=1e-7)


def test_every_factory_is_tested():
    factories = {name for name, value in vars(activations).items() if callable(value) and name[:1].isupper()}
    assert {f.name for f in ALL} == factories - {"Activation", "Callable", "Any"}
