"""Sparse evolutionary training.        [Mocanu et al. 2018, arXiv:1707.04780]"""

from __future__ import annotations

from nerva_py.topology import drop, grow
from nerva_py.topology.strategy import DynamicTopology


def SET(
    zeta: float = 0.3, every: int | str = "1 epoch", stop: float = 1.0, grow_weights: str = "Xavier"
) -> DynamicTopology:
    """After each epoch the share ζ of the smallest positive and of the largest negative weights moves to random places."""
    return DynamicTopology(drop.SET(zeta), grow.Random(), grow_weights, every=every, stop=stop, name="SET")
