"""SMET: RigL's topology changes with an Adam that knows how old each weight is.        [arXiv:2606.00888]"""

from __future__ import annotations

from nerva_py.errors import NervaError
from nerva_py.topology import drop, grow
from nerva_py.topology.strategy import DynamicTopology
from nerva_py.training import Run


class SMET(DynamicTopology):
    """Every ΔT = 100 steps the share α, falling as RigL's, of the smallest weights moves to where |G| is largest.

    The optimizer must be SMET too, which gives every weight an age: 0 when it is grown, for bias correction and warm-up.
    Raises NervaError when training begins with another one.
    """

    def __init__(self, alpha: float = 0.3, every: int | str = 100, stop: float = 0.75):
        super().__init__(
            drop.Magnitude(alpha), grow.Gradient(), "Zero", every=every, decay="Cosine", stop=stop, name="SMET"
        )

    def on_train_begin(self, run: Run) -> None:
        wrong = {optimizer.name for optimizer in run.optimizers.values()} - {"SMET"}
        if wrong:
            raise NervaError(f"method SMET needs the optimizer SMET, not {', '.join(sorted(wrong))}")
        super().on_train_begin(run)
