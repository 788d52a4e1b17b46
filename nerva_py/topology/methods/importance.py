"""Importance pruning: SET, and from time to time the weakest neurons go for good.  [Curci et al. 2021, arXiv:2102.01732]"""

from __future__ import annotations

from typing import Any

import numpy as np

from nerva_py.errors import NervaError
from nerva_py.topology import drop, grow
from nerva_py.topology.neurons import remove_neurons, weakest
from nerva_py.topology.strategy import DynamicTopology
from nerva_py.training import Run, intervals


class ImportancePruning(DynamicTopology):
    """SET(ζ) after each epoch; between the shares `start` and `stop` of training, every 5 epochs, of each hidden layer the
    neurons below the percentile of I_k = Σ_i |w_ki| are removed with their incoming and outgoing weights.

    Raises NervaError unless 0 ≤ percentile < 100 and 0 ≤ start ≤ stop ≤ 1.
    """

    def __init__(
        self,
        percentile: float = 5.0,
        every: int | str = "5 epochs",
        start: float = 0.25,
        stop: float = 1.0,
        zeta: float = 0.3,
        grow_weights: str = "Xavier",
    ):
        super().__init__(drop.SET(zeta), grow.Random(), grow_weights, name="ImportancePruning")
        if not 0 <= percentile < 100:
            raise NervaError(f"percentile must be at least 0 and less than 100, not {percentile!r}")
        if not 0 <= start <= stop <= 1:
            raise NervaError(f"0 ≤ start ≤ stop ≤ 1 is needed, not start={start!r}, stop={stop!r}")
        self.percentile = percentile
        self.removing = intervals.every(every)
        self.start, self.end = start, stop

    def on_step_end(self, run: Run) -> None:
        super().on_step_end(run)
        due = self.t % self.removing.steps(run.steps_per_epoch) == 0
        if due and self.start * self.total <= self.t <= self.end * self.total:
            self.remove(run)

    def settings(self) -> dict[str, Any]:
        own = {"percentile": self.percentile, "removing": str(self.removing), "start": self.start, "end": self.end}
        return super().settings() | own

    def remove(self, run: Run) -> None:
        """Remove the weakest neurons of every hidden layer."""
        for number in range(1, len(self.layers)):
            keep = ~weakest(self.layers[number - 1].layer.W.value, self.percentile)
            if keep.all():
                continue
            remove_neurons(run.network, number, keep)
            self.layers[number - 1].shrunk(keep, np.ones(self.layers[number - 1].shape[1], bool))
            self.layers[number].shrunk(np.ones(self.layers[number].shape[0], bool), keep)
