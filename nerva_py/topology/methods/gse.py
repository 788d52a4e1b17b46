"""Guided stochastic exploration: RigL at the cost of SET.        [Heddes et al. 2024, arXiv:2401.06898]"""

from __future__ import annotations

from nerva_py.topology import drop, grow
from nerva_py.topology.strategy import DynamicTopology


def GSE(
    alpha: float = 0.3, every: int | str = 100, stop: float = 0.75, candidates: float = 1.0, batches: int = 1
) -> DynamicTopology:
    """As RigL, but |G| is computed only at candidates·nnz positions, drawn where activations and gradients are large."""
    return DynamicTopology(
        drop.Magnitude(alpha), grow.Guided(candidates, batches), "Zero",
        every=every, decay="Cosine", stop=stop, name="GSE",
    )  # fmt: skip
