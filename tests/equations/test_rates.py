"""Every schedule against its recurrence or a table of its values."""

from __future__ import annotations

import math

import pytest

from nerva_py.equations import rates

EPOCHS = range(12)


def test_constant():
    assert [rates.constant(i, 0.1) for i in EPOCHS] == [0.1] * 12


def test_time_based_is_a_recurrence():
    """η_i = η_{i−1} / (1 + d i)"""
    eta = [rates.time_based(i, 0.1, 0.3) for i in EPOCHS]
    assert eta[0] == 0.1
    for i in EPOCHS[1:]:
        assert eta[i] == pytest.approx(eta[i - 1] / (1 + 0.3 * i))


def test_step_based_falls_every_r_epochs():
    eta = [rates.step_based(i, 1.0, 0.5, 3) for i in range(9)]
    assert eta == [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]


def test_exponential_is_a_recurrence():
    """η_i = η_{i−1} e^(−d)"""
    eta = [rates.exponential(i, 0.1, 0.2) for i in EPOCHS]
    assert eta[0] == 0.1
    for i in EPOCHS[1:]:
        assert eta[i] == pytest.approx(eta[i - 1] * math.exp(-0.2))


def test_multi_step_falls_at_each_milestone():
    """Also at 2 m_j and beyond, where the printed specification is wrong."""
    eta = [rates.multi_step(i, 1.0, [2, 5], 0.1) for i in EPOCHS]
    assert eta == pytest.approx([1, 1, 0.1, 0.1, 0.1] + [0.01] * 7)


def test_cosine():
    eta = [rates.cosine(i, 1.0, 10, 0.2) for i in EPOCHS]
    assert (eta[0], eta[5], eta[10], eta[11]) == pytest.approx((1.0, 0.6, 0.2, 0.2))
    assert eta == sorted(eta, reverse=True)
    assert all(eta[i] + eta[10 - i] == pytest.approx(1.2) for i in range(11))


def test_warm_up_rises_linearly():
    assert [rates.warm_up(i, 1.0, 4) for i in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]
