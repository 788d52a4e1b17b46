"""Learning rate η of epoch i = 0, 1, 2, ...        [arXiv:2511.11918, learning rate schedules; cosine: arXiv:1608.03983]"""

from __future__ import annotations

import math
from collections.abc import Sequence

from nerva_py.matrix.scalars import cos, exp, scalar_function, where


def constant(i, eta):
    """η_i = η"""
    return eta


def time_based(i, eta, decay):
    """η_i = η_{i−1} / (1 + d i),   η_0 = η"""
    for k in range(1, i + 1):
        eta = eta / (1 + decay * k)
    return eta


def step_based(i, eta, drop_rate, change_rate):
    """η_i = η d^⌊(1 + i) / r⌋        d the drop rate (a factor), r the change rate (a number of epochs)"""
    return eta * drop_rate ** math.floor((1 + i) / change_rate)


def exponential(i, eta, change_rate):
    """η_i = η e^(−d i)"""
    return eta * exp(-change_rate * i)


def multi_step(i, eta, milestones: Sequence[int], gamma):
    """η_i = η Γ^#{j : i ≥ m_j}"""
    return eta * gamma ** sum(i >= milestone for milestone in milestones)


def cosine(i, eta, epochs, eta_min=0.0):
    """η_i = η_min + (η − η_min) (1 + cos(π i / T)) / 2 for i ≤ T, then η_min"""
    return eta_min + (eta - eta_min) * (1 + cos(math.pi * min(i, epochs) / epochs)) / 2


@scalar_function
def rise(t, T):
    """min(1, t/T)"""
    return where(t < T, t / T, t / t)


def warm_up(i, eta, epochs):
    """η_i = η min(1, (i + 1) / T): rises linearly over the first T epochs"""
    return eta * rise(i + 1, epochs)
