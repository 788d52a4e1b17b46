from __future__ import annotations

import numpy as np
import pytest

from nerva_py.equations import updates
from nerva_py.errors import NervaError
from nerva_py.matrix.elementwise import BLOCK
from nerva_py.network import Parameter, mlp
from nerva_py.network.specs import build
from nerva_py.training import OPTIMIZERS
from nerva_py.training.optimizers import OptimizerState, states_for
from tests.samples import DTYPES, assert_close

STATES = {"GradientDescent": 0, "Momentum": 1, "Nesterov": 1, "Adam": 2, "AdamW": 2}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_states_are_aligned_with_the_stored_weights(name, dtype):
    network = mlp("ReLU;Linear", [20, 15, 10], overall_density=0.2, dtype=dtype, seed=1)
    for state in states_for(network.parameters(), OPTIMIZERS[name]()):
        assert len(state.vectors) == STATES[name]
        for vector in state.vectors:
            assert vector.shape == state.parameter.vector.shape
            assert vector.dtype == dtype
            assert not vector.any()


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1, 7, 2 * BLOCK, 2 * BLOCK + 5])
def test_a_step_updates_each_number_by_the_equation(name, dtype, size, rng):
    """The compiled pass against the update as a function of numbers."""
    optimizer = OPTIMIZERS[name](weight_decay=0.1)
    parameter = Parameter("theta", rng.standard_normal((1, size)).astype(dtype))
    parameter.gradient = rng.standard_normal((1, size)).astype(dtype)
    state = OptimizerState(parameter, optimizer)
    for vector in state.vectors:
        vector[...] = rng.uniform(0.1, 1, size)
    numbers = [parameter.value[0].tolist(), parameter.gradient[0].tolist(), *(v.tolist() for v in state.vectors)]
    constants = (0.05, 0.1, *optimizer.constants(3))
    expected = [optimizer.update(*row, *constants) for row in zip(*numbers, strict=True)]
    state.step(0.05, 3)
    actual = np.column_stack([parameter.value[0], *state.vectors])
    assert_close(actual, np.reshape(expected, actual.shape))
    assert actual.dtype == dtype


def test_numbers_that_do_not_decay(rng):
    theta, gradient = rng.standard_normal((2, 1, 5))
    results = {}
    for decays in (True, False):
        parameter = Parameter("theta", theta.copy(), gradient.copy(), decays)
        OptimizerState(parameter, OPTIMIZERS["GradientDescent"](weight_decay=0.5)).step(0.1, 1)
        results[decays] = parameter.value
    assert_close(results[False], theta - 0.1 * gradient)
    assert_close(results[True], theta - 0.1 * (gradient + 0.5 * theta))


def test_masked_weights_stay_zero():
    network = mlp("Linear", [20, 10], layer_densities=[0.6], dtype=np.float64, seed=1)
    W = network.layers[0].W
    for name in OPTIMIZERS:
        (state,) = states_for([W], OPTIMIZERS[name](weight_decay=0.1))
        W.gradient = W.value.like((W.value.mask * 1.5).reshape(-1))
        for t in (1, 2, 3):
            state.step(0.1, t)
        assert (W.value.array[W.value.mask == 0] == 0).all()


def test_nan_in_a_gradient_is_visible():
    for name in OPTIMIZERS:
        parameter = Parameter("theta", np.ones((1, 2)), np.array([[np.nan, 1.0]]))
        OptimizerState(parameter, OPTIMIZERS[name]()).step(0.1, 1)
        np.testing.assert_array_equal(np.isnan(parameter.value), [[True, False]])


def test_specifications():
    optimizer = build("optimizer", "nesterov(0.8, weight_decay=0.1)", OPTIMIZERS)
    assert (optimizer.name, optimizer.update, optimizer.weight_decay) == ("Nesterov", updates.nesterov, 0.1)
    assert optimizer.constants(1) == (0.8,)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("Momentum(1)", "mu must be at least 0 and less than 1, not 1"),
        ("Nesterov(-0.1)", "mu must be"),
        ("Adam(beta1=1)", "beta1 must be"),
        ("AdamW(beta2=2)", "beta2 must be"),
        ("Adam(epsilon=0)", "epsilon must be positive"),
        ("GradientDescent(-1)", "weight_decay must be a finite number of at least 0"),
        ("GradientDescent(1e999)", "weight_decay must be a finite number"),
    ],
)
def test_impossible_constants(spec, message):
    with pytest.raises(NervaError, match=message):
        build("optimizer", spec, OPTIMIZERS)
