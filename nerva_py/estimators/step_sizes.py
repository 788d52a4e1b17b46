"""scikit-learn's learning rates for solver="sgd": "constant", "invscaling" and "adaptive"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nerva_py.errors import NervaError
from nerva_py.quantities import as_real, real
from nerva_py.training import EarlyStopping, Epoch, Run

NAMES = ("constant", "invscaling", "adaptive")
SMALLEST = 1e-6  # of "adaptive", at which training ends
FACTOR = 5


@dataclass(frozen=True)
class InverseScaling:
    """η_i = η / (t + 1)ᵖ with t the samples seen before epoch i, of which there are M in each."""

    eta: float
    power_t: float
    M: int
    seen: int = 0

    def __call__(self, epoch: int) -> float:
        return self.eta / (self.seen + epoch * self.M + 1) ** self.power_t


class AdaptiveRate(EarlyStopping):
    """The learning rate, as a function of the epoch, and the callback that divides it by 5 whenever training would end for want
    of improvement, until it is as small as 1e-6."""

    def __init__(self, eta: float, **options: Any):
        super().__init__(**options)
        self.eta = eta

    def __call__(self, epoch: int) -> float:
        return self.eta

    def on_epoch_end(self, run: Run, epoch: Epoch) -> None:
        stopped_before = run.stop
        super().on_epoch_end(run, epoch)
        if self.stopped_epoch and self.eta > SMALLEST:
            self.eta /= FACTOR
            self.stopped_epoch = self.waited = 0
            run.stop = stopped_before


def checked(name: Any, power_t: Any, eta: Any) -> str:
    """The name, if there is such a learning rate. Raises NervaError."""
    if name not in NAMES:
        raise NervaError(
            f"learning_rate must be one of {', '.join(NAMES)}, not {name!r}; a schedule is learning_rate_init=..."
        )
    real("power_t", power_t, 0)
    if name != "constant" and as_real(eta) is None:
        raise NervaError(f"learning_rate={name!r} needs a number as learning_rate_init, not {eta!r}")
    return str(name)
