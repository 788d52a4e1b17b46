"""Optimizers: an update equation, how many numbers it keeps for each weight, and its constants.

What it keeps lives in the parameter, aligned with its numbers: training a sparse layer with momentum stores one velocity for
each nonzero and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nerva_py.equations import updates
from nerva_py.errors import NervaError
from nerva_py.matrix import Outer, updated
from nerva_py.network import Layer, Parameter
from nerva_py.parts import registry_of
from nerva_py.quantities import as_real, real


@dataclass(frozen=True)
class Optimizer:
    """θ, s₁, ... = update(θ, g, s₁, ..., η, λ, *constants(t)) with t = 1, 2, ... the number of the step, for each number θ.

    `states`: how many numbers s are kept for each θ. `scale(parameter)` is a factor of η.
    """

    name: str
    update: Callable[..., Any]
    states: int
    constants: Callable[[int], tuple[float, ...]]
    weight_decay: float = 0.0
    scale: Callable[[Parameter], float] | None = None

    def step(self, layer: Layer, gradients: Sequence[Any], eta: float, t: int) -> None:
        """Update the parameters of a layer; the gradient of a weight is an `Outer`, which is asked for it now."""
        constants = self.constants(t)
        for parameter, gradient in zip(layer.parameters, gradients, strict=True):
            rate = eta if self.scale is None else eta * self.scale(parameter)
            numbers = (rate, self.weight_decay if parameter.decays else 0.0, *constants)
            if isinstance(gradient, Outer):
                result = gradient.update(self.update, parameter.value, parameter.states, numbers)
            else:
                result = updated(self.update, parameter.value, gradient, parameter.states, numbers)
            parameter.value, parameter.states = result


def GradientDescent(weight_decay: float = 0.0) -> Optimizer:
    """θ′ = θ − η (g + λ θ)"""
    return Optimizer("GradientDescent", updates.gradient_descent, 0, _Fixed(), real("weight_decay", weight_decay, 0))


def Momentum(mu: float = 0.9, weight_decay: float = 0.0) -> Optimizer:
    """Δ′ = μ Δ − η (g + λ θ),   θ′ = θ + Δ′"""
    return Optimizer(
        "Momentum", updates.momentum, 1, _Fixed((_share("mu", mu),)), real("weight_decay", weight_decay, 0)
    )


def Nesterov(mu: float = 0.9, weight_decay: float = 0.0) -> Optimizer:
    """Δ′ = μ Δ − η (g + λ θ),   θ′ = θ + μ Δ′ − η (g + λ θ)"""
    return Optimizer(
        "Nesterov", updates.nesterov, 1, _Fixed((_share("mu", mu),)), real("weight_decay", weight_decay, 0)
    )


def Adam(beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, weight_decay: float = 0.0) -> Optimizer:
    """Adam with bias correction; see `equations.updates.adam`."""
    return Optimizer(
        "Adam", updates.adam, 2, _adam_constants(beta1, beta2, epsilon), real("weight_decay", weight_decay, 0)
    )


def AdamW(beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, weight_decay: float = 0.01) -> Optimizer:
    """Adam with decoupled weight decay; see `equations.updates.adamw`."""
    return Optimizer(
        "AdamW", updates.adamw, 2, _adam_constants(beta1, beta2, epsilon), real("weight_decay", weight_decay, 0)
    )


def SMET(
    beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, warm_up: float = 100, weight_decay: float = 0.0
) -> Optimizer:
    """Adam under topology change: each weight has its own age for the bias corrections and a warm-up of so many steps, and
    a sparse layer of density d learns with the rate η/d; see `equations.updates.smet`.        [arXiv:2606.00888]

    At 1 % density η is multiplied by 100: begin with a rate that is smaller than Adam's by that much.
    """
    beta1, beta2 = _share("beta1", beta1), _share("beta2", beta2)
    if beta1 == 0 or beta2 == 0:
        raise NervaError(f"beta1 and beta2 must be positive, not {beta1:g}, {beta2:g}")
    given, (epsilon, warm_up) = (epsilon, warm_up), (as_real(epsilon) or 0.0, as_real(warm_up) or 0.0)
    if not 0 < epsilon < np.inf or not 1 <= warm_up < np.inf:
        raise NervaError(f"epsilon > 0 and warm_up ≥ 1 are needed, not epsilon={given[0]!r}, warm_up={given[1]!r}")
    constants = (beta1, beta2, epsilon, float(np.log(beta1)), float(np.log(beta2)), warm_up)
    return Optimizer("SMET", updates.smet, 3, _Fixed(constants), real("weight_decay", weight_decay, 0), _per_density)


# Classes, not nested functions, so that an optimizer can be pickled.


@dataclass(frozen=True)
class _Fixed:
    """The same constants in every step."""

    values: tuple[float, ...] = ()

    def __call__(self, t: int) -> tuple[float, ...]:
        return self.values


@dataclass(frozen=True)
class _AdamConstants:
    """β₁, β₂, ε and the bias corrections of step t."""

    beta1: float
    beta2: float
    epsilon: float

    def __call__(self, t: int) -> tuple[float, ...]:
        corrections = updates.bias_correction(self.beta1, t), updates.bias_correction(self.beta2, t)
        return self.beta1, self.beta2, self.epsilon, *corrections


def _per_density(parameter: Parameter) -> float:
    """1/d of a weight matrix with density d > 0, 1 of everything else."""
    return 1 / (getattr(parameter.value, "density", 1.0) or 1.0)


def _adam_constants(beta1: float, beta2: float, epsilon: float) -> Callable[[int], tuple[float, ...]]:
    return _AdamConstants(
        _share("beta1", beta1), _share("beta2", beta2), real("epsilon", epsilon, above=0, allowed="positive")
    )


def _share(name: str, value: float) -> float:
    return real(name, value, 0, below=1, allowed="at least 0 and less than 1")


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = registry_of(GradientDescent, Momentum, Nesterov, Adam, AdamW, SMET)
