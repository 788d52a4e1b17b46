"""Learning-rate schedules as spec strings name them: each factory gives a function of the epoch i = 0, 1, 2, ..."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nerva_py.equations import rates
from nerva_py.errors import NervaError
from nerva_py.parts import registry_of
from nerva_py.quantities import as_integer, integer, real

Schedule = Callable[[int], float]


def Constant(lr: float, warm_up: int = 0) -> Schedule:
    """η_i = η"""
    return _schedule(rates.constant, lr, warm_up)


def TimeBased(lr: float, decay: float, warm_up: int = 0) -> Schedule:
    """η_i = η_{i−1} / (1 + d i)"""
    return _schedule(rates.time_based, lr, warm_up, real("decay", decay, 0))


def StepBased(lr: float, drop_rate: float, change_rate: float, warm_up: int = 0) -> Schedule:
    """η_i = η d^⌊(1 + i)/r⌋        d the drop rate (a factor), r the change rate (epochs)"""
    drop_rate, change_rate = (
        real("drop_rate", drop_rate, 0),
        real("change_rate", change_rate, above=0, allowed="a positive number of epochs"),
    )
    return _schedule(rates.step_based, lr, warm_up, drop_rate, change_rate)


def MultiStepLR(lr: float, milestones: Sequence[int] | int, gamma: float = 0.1, warm_up: int = 0) -> Schedule:
    """η_i = η Γ^#{j : i ≥ m_j}"""
    given: Any = [milestones] if np.ndim(milestones) == 0 else milestones
    steps = [as_integer(step) for step in given]
    if None in steps:
        raise NervaError(f"milestones must be epochs (integers), not {milestones!r}")
    return _schedule(rates.multi_step, lr, warm_up, steps, real("gamma", gamma, 0))


def Exponential(lr: float, change_rate: float, warm_up: int = 0) -> Schedule:
    """η_i = η e^(−d i)"""
    return _schedule(rates.exponential, lr, warm_up, real("change_rate", change_rate, 0))


def Cosine(lr: float, epochs: int, lr_min: float = 0.0, warm_up: int = 0) -> Schedule:
    """η_i = η_min + (η − η_min)(1 + cos(π i/T))/2"""
    return _schedule(
        rates.cosine, lr, warm_up, real("epochs", epochs, above=0, allowed="positive"), real("lr_min", lr_min, 0)
    )


SCHEDULES: dict[str, Callable[..., Schedule]] = registry_of(
    Constant, TimeBased, StepBased, MultiStepLR, Exponential, Cosine
)


def _schedule(equation: Callable[..., float], lr: float, warm_up: int, *arguments: Any) -> Schedule:
    """The schedule of an equation; in the first `warm_up` epochs its rate rises linearly."""
    eta_0, rising = real("lr", lr, 0), integer("warm_up", warm_up, 0, allowed="a number of epochs")

    def rate(i: int) -> float:
        eta = equation(i, eta_0, *arguments)
        return rates.warm_up(i, eta, rising) if rising else eta

    return rate
