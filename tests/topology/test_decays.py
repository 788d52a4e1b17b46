from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerva_py.errors import NervaError
from nerva_py.topology import GradualDensity
from nerva_py.topology.decays import DECAYS, decay_named


@pytest.mark.parametrize(
    ("name", "values"), [("Constant", (1, 1, 1)), ("Cosine", (1, 0.5, 0)), ("Linear", (1, 0.5, 0))]
)
def test_decays(name, values):
    assert [decay_named(name)(s) for s in (0, 0.5, 1)] == pytest.approx(values, abs=1e-15)
    assert decay_named(name.upper()) is decay_named(name)


@given(st.floats(0, 1), st.floats(0, 1))
def test_decays_fall_from_one_to_at_least_zero(s, t):
    for f in DECAYS.values():
        assert 0 <= f(max(s, t)) <= f(min(s, t)) <= 1


@pytest.mark.parametrize("name", ["Exponential", "", None, 3])
def test_unknown_decays(name):
    with pytest.raises(NervaError, match=r"unknown decay .*Known: Constant, Cosine, Linear"):
        decay_named(name)


# ----------------------------------------------------------------------------------------------------- gradual density


def test_the_cubic_curve_of_sparsity():
    """s_t = s_f + (s_i − s_f)(1 − (t − t₀)/(t₁ − t₀))³, with sparsity 1 − density"""
    curve = GradualDensity(0.1, start=0.2, stop=0.6)
    for t in (0.2, 0.3, 0.4, 0.5, 0.6):
        sparsity = 0.9 + (0.0 - 0.9) * (1 - (t - 0.2) / 0.4) ** 3
        assert curve.at(t, 1.0) == pytest.approx(1 - sparsity)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_it_falls_from_the_initial_density_to_the_final_one(final, initial, progress):
    initial, final = max(initial, final), min(initial, final)
    curve = GradualDensity(final, start=0.25, stop=0.75)
    assert [curve.at(t, initial) for t in (0, 0.1, 0.25)] == pytest.approx([initial] * 3)
    assert [curve.at(t, initial) for t in (0.75, 0.9, 1)] == [final] * 3
    assert curve.at(min(1, progress + 0.1), initial) <= curve.at(progress, initial) + 1e-15


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.5,), "density must be a number from 0 to 1, not 1.5"),
        ((-0.1,), "density must be a number from 0 to 1, not -0.1"),
        ((float("nan"),), "density must be a number from 0 to 1, not nan"),
        (("small",), "density must be a number from 0 to 1, not 'small'"),
        ((0.1, 0.5, 0.5), "start < stop ≤ 1 is needed, not start=0.5, stop=0.5"),
        ((0.1, -0.1, 0.5), "start=-0.1"),
        ((0.1, 0.1, 1.5), "stop=1.5"),
    ],
)
def test_impossible_curves(arguments, message):
    with pytest.raises(NervaError, match=message):
        GradualDensity(*arguments)
