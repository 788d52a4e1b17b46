from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from nerva_py.engine.elementwise import BLOCK
from nerva_py.equations import updates
from nerva_py.errors import NervaError
from nerva_py.matrix import Outer
from nerva_py.network import Parameter, mlp
from nerva_py.network.specs import build
from nerva_py.training import OPTIMIZERS
from tests.samples import DTYPES, assert_close, batch


@dataclass(eq=False)
class Only:
    """A layer of one parameter."""

    parameter: Parameter

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (self.parameter,)


STATES = {"GradientDescent": 0, "Momentum": 1, "Nesterov": 1, "Adam": 2, "AdamW": 2, "SMET": 3}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_states_are_aligned_with_the_stored_weights(name, dtype):
    network = mlp("ReLU;Linear", [20, 15, 10], overall_density=0.2, dtype=dtype, seed=1)
    assert OPTIMIZERS[name]().states == STATES[name]
    for parameter in network.parameters():
        parameter.begin(STATES[name])
        assert len(parameter.states) == STATES[name]
        for vector in parameter.states:
            assert vector.shape == parameter.vector.shape
            assert vector.dtype == dtype
            assert not vector.any()


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1, 7, 2 * BLOCK, 2 * BLOCK + 5])
def test_a_step_updates_each_number_by_the_equation(name, dtype, size, rng):
    """The compiled pass against the update as a function of numbers."""
    optimizer = OPTIMIZERS[name](weight_decay=0.1)
    parameter = Parameter("theta", rng.standard_normal((1, size)).astype(dtype))
    gradient = rng.standard_normal((1, size)).astype(dtype)
    parameter.begin(optimizer.states)
    for vector in parameter.states:
        vector[...] = rng.uniform(0.1, 1, size)
    numbers = [parameter.value[0].tolist(), gradient[0].tolist(), *(v.tolist() for v in parameter.states)]
    constants = (0.05, 0.1, *optimizer.constants(3))
    expected = [optimizer.update(*row, *constants) for row in zip(*numbers, strict=True)]
    optimizer.step(Only(parameter), [gradient], 0.05, 3)
    actual = np.column_stack([parameter.value[0], *parameter.states])
    assert_close(actual, np.reshape(expected, actual.shape))
    assert actual.dtype == dtype


def test_numbers_that_do_not_decay(rng):
    theta, gradient = rng.standard_normal((2, 1, 5))
    results = {}
    for decays in (True, False):
        parameter = Parameter("theta", theta.copy(), decays)
        OPTIMIZERS["GradientDescent"](weight_decay=0.5).step(Only(parameter), [gradient], 0.1, 1)
        results[decays] = parameter.value
    assert_close(results[False], theta - 0.1 * gradient)
    assert_close(results[True], theta - 0.1 * (gradient + 0.5 * theta))


def test_nan_in_a_gradient_is_visible():
    for name in OPTIMIZERS:
        parameter, optimizer = Parameter("theta", np.ones((1, 2))), OPTIMIZERS[name]()
        parameter.begin(optimizer.states)
        optimizer.step(Only(parameter), [np.array([[np.nan, 1.0]])], 0.1, 1)
        np.testing.assert_array_equal(np.isnan(parameter.value), [[True, False]])


# ----------------------------------------------------------------------------------------------------------------- SMET


@pytest.mark.parametrize("density", [0.01, 0.1, 0.25, 0.6, 1.0])
def test_smet_divides_the_rate_by_the_density_of_the_layer(density, rng):
    """Of this layer alone, sparse or dense; the rate of the biases and of the next layer stays η."""
    (K, D), eta, warm_up = (20, 50), 0.01, 10
    network = mlp("Linear;Linear", [D, K, 3], layer_densities=[density, 1], dtype=np.float64, seed=1)
    steps = {}
    optimizer = OPTIMIZERS["SMET"](warm_up=warm_up, epsilon=1e-300)
    for parameter in network.parameters():
        parameter.begin(optimizer.states)
        before, gradient = parameter.vector.copy(), rng.standard_normal(parameter.vector.size)
        matrix = parameter.value.like(gradient) if hasattr(parameter.value, "like") else gradient[None]
        optimizer.step(Only(parameter), [matrix], eta, 1)
        steps[len(steps)] = np.unique(np.abs(parameter.vector - before)[gradient != 0].round(12))
    # The first step of Adam has the length of the rate; that of the warm-up is a tenth of it.
    assert [step.tolist() for step in steps.values()] == [
        [pytest.approx(eta / factor / warm_up)] for factor in (density, 1, 1, 1)
    ]


def test_smet_of_a_layer_without_weights(rng):
    network = mlp("Linear", [20, 10], layer_densities=[0.0], seed=1)
    W = network.linear_layers[0].W
    W.begin(3)
    OPTIMIZERS["SMET"]().step(Only(W), [Outer(batch(rng, 4, 10, np.float32), batch(rng, 4, 20, np.float32))], 0.1, 1)
    assert W.states[0].size == 0


def test_smet_gives_each_weight_its_own_age(rng):
    """A weight that is grown after five steps goes the way of one that begins training then."""
    optimizer, gradients = OPTIMIZERS["SMET"](warm_up=4), rng.standard_normal((9, 1, 2))
    theta = Parameter("theta", np.zeros((1, 2)))
    theta.begin(optimizer.states)
    for t, gradient in enumerate(gradients, 1):
        if t == 6:  # as a change of the topology leaves it
            theta.value[0, 1] = 0
            for vector in theta.states:
                vector[1] = 0
        optimizer.step(Only(theta), [gradient], 0.1, t)
    young = Parameter("theta", np.zeros((1, 1)))
    young.begin(optimizer.states)
    for t, gradient in enumerate(gradients[5:], 1):
        optimizer.step(Only(young), [gradient[:, 1:].copy()], 0.1, t)
    assert theta.value[0, 1] == young.value[0, 0]
    assert theta.states[2].tolist() == [9, 4]


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
        ("SMET(beta1=1)", "beta1 must be at least 0 and less than 1, not 1"),
        ("SMET(beta2=-0.1)", "beta2 must be"),
        ("SMET(beta1=0)", "beta1 and beta2 must be positive, not 0, 0.999"),
        ("SMET(beta2=0)", "beta1 and beta2 must be positive, not 0.9, 0"),
        ("SMET(epsilon=0)", "epsilon > 0 and warm_up ≥ 1 are needed, not epsilon=0"),
        ("SMET(warm_up=0.5)", "warm_up ≥ 1 are needed, not epsilon=1e-08, warm_up=0.5"),
        ("SMET(warm_up=1e999)", "warm_up=inf"),
        ("SMET(weight_decay=-1)", "weight_decay must be a finite number of at least 0"),
        ("GradientDescent(-1)", "weight_decay must be a finite number of at least 0"),
        ("GradientDescent(1e999)", "weight_decay must be a finite number"),
    ],
)
def test_impossible_constants(spec, message):
    with pytest.raises(NervaError, match=message):
        build("optimizer", spec, OPTIMIZERS)
