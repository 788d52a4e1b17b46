"""Rigging the lottery: SET with another grow rule, and a share that falls.        [Evci et al. 2020, arXiv:1911.11134]"""

from __future__ import annotations

from nerva_py.topology import drop, grow
from nerva_py.topology.strategy import DynamicTopology


def RigL(alpha: float = 0.3, every: int | str = 100, stop: float = 0.75, batches: int = 1) -> DynamicTopology:
    """Every 100 steps the share f(t) = α/2 (1 + cos(π t/T_end)) of the smallest weights moves to where |G| is largest.

    G is the gradient over the last `batches` batches; new weights start at 0; T_end = `stop`·T.
    """
    return DynamicTopology(
        drop.Magnitude(alpha), grow.Gradient(batches), "Zero", every=every, decay="Cosine", stop=stop, name="RigL"
    )
