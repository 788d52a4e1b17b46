"""An optimizer: its update of one number, and how many numbers it keeps for each."""

import nerva_py as nv
from nerva_py.matrix.scalars import scalar_function, where
from nerva_py.training import Optimizer


@scalar_function
def signum_update(theta, g, m, eta, decay, mu):
    """m′ = μ m + (1 − μ) (g + λ θ),   θ′ = θ − η sign m′"""
    m = mu * m + (1 - mu) * (g + decay * theta)
    return theta - eta * where(m > 0, 1, where(m < 0, -1, 0)), m


def constant(mu):
    return lambda t: (mu,)


@nv.register("optimizer")
def Signum(mu: float = 0.9) -> Optimizer:
    return Optimizer("Signum", signum_update, 1, constant(mu))
