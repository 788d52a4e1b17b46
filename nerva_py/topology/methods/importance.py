"""Importance pruning: SET, and from time to time the weakest neurons go for good.  [Curci et al. 2021, arXiv:2102.01732]"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nerva_py.errors import NervaError
from nerva_py.quantities import real
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
        self.percentile = real("percentile", percentile, 0, below=100, allowed="at least 0 and less than 100")
        self.removing = intervals.every(every)
        self.start, self.end = real("start", start, 0, 1), real("stop", stop, 0, 1)
        if not self.start <= self.end:
            raise NervaError(f"0 ≤ start ≤ stop ≤ 1 is needed, not start={start!r}, stop={stop!r}")

    def on_step_end(self, run: Run) -> None:
        super().on_step_end(run)
        due = self.t % self.removing.steps(run.steps_per_epoch) == 0
        if due and self.start * self.total <= self.t <= self.end * self.total:
            self.remove(run)

    def _check(self) -> None:
        super()._check()
        steps = self.removing.steps(self.steps_per_epoch)
        first = steps * max(1, math.ceil(self.start * self.total / steps))
        if self.total and first > self.end * self.total:
            raise NervaError(
                f"{self.name}: neurons are removed {self.removing} from step {self.start * self.total:g} to step "
                f"{self.end * self.total:g} of the {self.total} steps of this run, which is never; give another interval, "
                "as in every='1 epoch', or more epochs"
            )

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
