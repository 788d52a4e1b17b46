"""GraNet: gradual pruning with neuroregeneration.        [Liu et al. 2021, arXiv:2106.10404]"""

from __future__ import annotations

from nerva_py.topology import drop, grow
from nerva_py.topology.decays import GradualDensity
from nerva_py.topology.strategy import DynamicTopology


def GraNet(
    density: float, zeta: float = 0.3, every: int | str = 100, start: float = 0.0, stop: float = 0.75, batches: int = 1
) -> DynamicTopology:
    """Gradual magnitude pruning to that density and, after each pruning, in each layer the share r of the smallest |w| is
    dropped and as many are grown where |G| is largest; r falls from ζ to 0 as RigL's."""
    return DynamicTopology(
        drop.Magnitude(zeta), grow.Gradient(batches), "Zero",
        every=every, decay="Cosine", stop=stop, density=GradualDensity(density, start, stop), name="GraNet",
    )  # fmt: skip
