"""Learning-rate schedules as spec strings name them: each factory gives a function of the epoch i = 0, 1, 2, ..."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from nerva_py.equations import rates
from nerva_py.errors import NervaError
from nerva_py.parts import registry_of

Schedule = Callable[[int], float]


def Constant(lr: float, warm_up: int = 0) -> Schedule:
    """η_i = η"""
    return _schedule(rates.constant, lr, warm_up)


def TimeBased(lr: float, decay: float, warm_up: int = 0) -> Schedule:
    """η_i = η_{i−1} / (1 + d i)"""
    return _schedule(rates.time_based, lr, warm_up, _at_least("decay", decay, 0))


def StepBased(lr: float, drop_rate: float, change_rate: float, warm_up: int = 0) -> Schedule:
    """η_i = η d^⌊(1 + i)/r⌋        d the drop rate (a factor), r the change rate (epochs)"""
    if not change_rate > 0:
        raise NervaError(f"change_rate must be a positive number of epochs, not {change_rate!r}")
    return _schedule(rates.step_based, lr, warm_up, _at_least("drop_rate", drop_rate, 0), change_rate)


def MultiStepLR(lr: float, milestones: Sequence[int] | int, gamma: float = 0.1, warm_up: int = 0) -> Schedule:
    """η_i = η Γ^#{j : i ≥ m_j}"""
    steps = list(milestones) if isinstance(milestones, Sequence) else [milestones]
    if not all(isinstance(step, int) for step in steps):
        raise NervaError(f"milestones must be epochs (integers), not {milestones!r}")
    return _schedule(rates.multi_step, lr, warm_up, steps, _at_least("gamma", gamma, 0))


def Exponential(lr: float, change_rate: float, warm_up: int = 0) -> Schedule:
    """η_i = η e^(−d i)"""
    return _schedule(rates.exponential, lr, warm_up, _at_least("change_rate", change_rate, 0))


def Cosine(lr: float, epochs: int, lr_min: float = 0.0, warm_up: int = 0) -> Schedule:
    """η_i = η_min + (η − η_min)(1 + cos(π i/T))/2"""
    if not epochs > 0:
        raise NervaError(f"epochs must be positive, not {epochs!r}")
    return _schedule(rates.cosine, lr, warm_up, epochs, _at_least("lr_min", lr_min, 0))


SCHEDULES: dict[str, Callable[..., Schedule]] = registry_of(
    Constant, TimeBased, StepBased, MultiStepLR, Exponential, Cosine
)


def _schedule(equation: Callable[..., float], lr: float, warm_up: int, *arguments: Any) -> Schedule:
    """The schedule of an equation; in the first `warm_up` epochs its rate rises linearly."""
    _at_least("lr", lr, 0)
    if not isinstance(warm_up, int) or warm_up < 0:
        raise NervaError(f"warm_up must be a number of epochs, not {warm_up!r}")

    def rate(i: int) -> float:
        eta = equation(i, lr, *arguments)
        return rates.warm_up(i, eta, warm_up) if warm_up else eta

    return rate


def _at_least(name: str, value: float, least: float) -> float:
    if not isinstance(value, int | float) or not value >= least or math.isinf(value):
        raise NervaError(f"{name} must be a finite number of at least {least}, not {value!r}")
    return value
