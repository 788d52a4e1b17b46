"""A drop rule: a score for each weight; the lowest go."""

import nerva_py as nv
from nerva_py.topology import Drop, by_score


def energy(layer, rng):
    """w²"""
    return layer.values**2


@nv.register("drop")
def Energy(zeta: float = 0.3) -> Drop:
    return by_score(energy, zeta, "Energy")
