"""Optimizer updates: one step against the formula on numbers; many steps against torch.optim."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerva_py.equations import updates
from nerva_py.network import Layer, Parameter
from nerva_py.network.specs import build
from nerva_py.training import optimizers
from tests.optional import Lazy, needs
from tests.samples import DTYPES, assert_close

NUMBERS = st.floats(-2, 2)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_without_friction_or_history_momentum_and_nesterov_are_gradient_descent(theta, g, eta):
    plain = updates.gradient_descent(theta, g, eta, 0.1)
    for update in (updates.momentum, updates.nesterov):
        assert update(theta, g, 0.0, eta, 0.1, 0.0)[0] == pytest.approx(plain)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_nesterov_looks_one_step_of_momentum_ahead(theta, g, delta):
    """θ′ of Nesterov = θ′ of momentum + μ Δ′ − μ Δ, and Δ′ is the same"""
    momentum, delta_new = updates.momentum(theta, g, delta, 0.1, 0.0, 0.9)
    nesterov, delta_same = updates.nesterov(theta, g, delta, 0.1, 0.0, 0.9)
    assert delta_same == delta_new
    assert nesterov == pytest.approx(momentum + 0.9 * delta_new - 0.9 * delta)


@given(NUMBERS.filter(lambda g: abs(g) > 0.01), st.floats(0.001, 1))
def test_the_first_step_of_adam_is_of_length_eta(g, eta):
    """The bias corrections of step 1 cancel β₁ and β₂."""
    for update in (updates.adam, updates.adamw):
        theta, m, v = update(0.0, g, 0.0, 0.0, eta, 0.0, 0.9, 0.999, 1e-12, 1 - 0.9, 1 - 0.999)
        assert theta == pytest.approx(-eta * np.sign(g), rel=1e-6)
        assert (m, v) == pytest.approx((0.1 * g, 0.001 * g * g))


def test_decay_of_adamw_is_apart_from_the_gradient():
    theta, m, v = updates.adamw(2.0, 0.0, 0.0, 0.0, 0.1, 0.5, 0.9, 0.999, 1e-8, 0.1, 0.001)
    assert (theta, m, v) == (pytest.approx(2.0 * (1 - 0.1 * 0.5)), 0, 0)


LOGS = (float(np.log(0.9)), float(np.log(0.999)))
AGES = st.integers(0, 500)


@given(NUMBERS, NUMBERS, NUMBERS, st.floats(0, 2), AGES, st.floats(0, 0.5))
def test_after_its_warm_up_smet_is_adam_at_the_age_of_the_weight(theta, g, m, v, age, decay):
    t = age + 1
    adam = updates.adam(theta, g, m, v, 0.1, decay, 0.9, 0.999, 1e-8, 1 - 0.9**t, 1 - 0.999**t)
    smet = updates.smet(theta, g, m, v, float(age), 0.1, decay, 0.9, 0.999, 1e-8, *LOGS, 1.0)
    assert smet[1:] == (*adam[1:], t)
    assert smet[0] == pytest.approx(adam[0], rel=1e-9, abs=1e-9)


@given(NUMBERS, NUMBERS, NUMBERS, st.floats(0.01, 2), AGES, st.integers(1, 300))
def test_the_step_of_smet_grows_with_the_age_until_the_warm_up_is_over(theta, g, m, v, age, warm_up):
    """θ′ − θ is min(1, τ′/T_w) of what it would be without warm-up; the states do not know of it."""
    plain, *states = updates.smet(theta, g, m, v, float(age), 0.1, 0.0, 0.9, 0.999, 1e-8, *LOGS, 1.0)
    warm, *same = updates.smet(theta, g, m, v, float(age), 0.1, 0.0, 0.9, 0.999, 1e-8, *LOGS, float(warm_up))
    assert same == states
    assert warm - theta == pytest.approx(min(1, (age + 1) / warm_up) * (plain - theta), rel=1e-9, abs=1e-12)


@given(NUMBERS.filter(lambda g: abs(g) > 0.01), st.floats(0.001, 1))
def test_the_first_step_of_a_new_weight_in_smet(g, eta):
    """m = v = τ = 0: a hundredth of η, whatever the gradient, because the bias corrections are those of τ′ = 1."""
    theta, m, v, age = updates.smet(0.0, g, 0.0, 0.0, 0.0, eta, 0.0, 0.9, 0.999, 1e-12, *LOGS, 100.0)
    assert theta == pytest.approx(-eta / 100 * np.sign(g), rel=1e-6)
    assert (m, v, age) == (pytest.approx(0.1 * g), pytest.approx(0.001 * g * g), 1)


TORCH = {
    "GradientDescent": lambda torch, p: torch.optim.SGD(p, lr=0.1),
    "GradientDescent(weight_decay=0.05)": lambda torch, p: torch.optim.SGD(p, lr=0.1, weight_decay=0.05),
    "Momentum(0.9)": lambda torch, p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "Momentum(0.8, weight_decay=0.05)": lambda torch, p: torch.optim.SGD(p, lr=0.1, momentum=0.8, weight_decay=0.05),
    "Nesterov(0.9)": lambda torch, p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "Nesterov(0.8, weight_decay=0.05)": lambda torch, p: torch.optim.SGD(
        p, lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.05
    ),
    "Adam": lambda torch, p: torch.optim.Adam(p, lr=0.1),
    "Adam(0.8, 0.9, 0.001, 0.05)": lambda torch, p: torch.optim.Adam(
        p, lr=0.1, betas=(0.8, 0.9), eps=0.001, weight_decay=0.05
    ),
    "AdamW": lambda torch, p: torch.optim.AdamW(p, lr=0.1),
    "AdamW(0.8, 0.9, 0.001, 0.05)": lambda torch, p: torch.optim.AdamW(
        p, lr=0.1, betas=(0.8, 0.9), eps=0.001, weight_decay=0.05
    ),
}


class Single(Layer):
    """A layer that is nothing but one parameter."""

    def __init__(self, parameter):
        self.parameter = parameter

    @property
    def parameters(self):
        return (self.parameter,)


@needs("torch")
@pytest.mark.parametrize("spec", TORCH)
@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
def test_many_steps_against_torch(spec, dtype, rng):
    """θ after each of 20 steps down Σ (θ − c)⁴/4, from the same start."""
    torch = Lazy("torch")
    start, centre = rng.standard_normal((2, 1, 30)).astype(dtype)
    theirs = torch.tensor(start, requires_grad=True)
    reference = TORCH[spec](torch, [theirs])
    layer = Single(Parameter("theta", start.copy()))
    optimizer = build("optimizer", spec, optimizers.OPTIMIZERS)
    (ours,) = layer.parameters
    ours.begin(optimizer.states)
    for t in range(1, 21):
        reference.zero_grad()
        ((theirs - torch.tensor(centre)) ** 4 / 4).sum().backward()
        reference.step()
        optimizer.step(layer, [(ours.value - centre) ** 3], 0.1, t)
        assert_close(ours.value, theirs.detach().numpy())
