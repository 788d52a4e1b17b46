"""Gradual magnitude pruning: from dense (or denser) to sparse.        [Zhu & Gupta 2017, arXiv:1710.01878]"""

from __future__ import annotations

from nerva_py.topology.decays import GradualDensity
from nerva_py.topology.strategy import DynamicTopology


def GradualMagnitude(density: float, every: int | str = 100, start: float = 0.0, stop: float = 0.75) -> DynamicTopology:
    """Every 100 steps the smallest weights of all layers together are pruned to the sparsity
    s_t = s_f + (s_i − s_f) (1 − (t − t₀)/(t₁ − t₀))³, which reaches 1 − density at the share `stop` of training."""
    return DynamicTopology(
        None, density=GradualDensity(density, start, stop), every=every, stop=1.0, name="GradualMagnitude"
    )
