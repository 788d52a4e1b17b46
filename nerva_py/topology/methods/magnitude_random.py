"""Nerva's own: the smallest weights go, as many come back at random.        [arXiv:2407.17437]"""

from __future__ import annotations

from nerva_py.topology import drop, grow
from nerva_py.topology.strategy import DynamicTopology


def MagnitudeRandom(
    zeta: float = 0.3, every: int | str = "1 epoch", stop: float = 1.0, grow_weights: str = "Xavier"
) -> DynamicTopology:
    """After each epoch the share ζ of the smallest |w| moves to random places."""
    return DynamicTopology(
        drop.Magnitude(zeta), grow.Random(), grow_weights, every=every, stop=stop, name="MagnitudeRandom"
    )
