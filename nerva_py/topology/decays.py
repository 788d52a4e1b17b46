"""How much of the topology changes, and how dense it is to be: functions of the progress of training.

With s = t/T_end the share of the changing part that is over, 0 ≤ s ≤ 1:
- Constant 1, Cosine ½ (1 + cos π s), Linear 1 − s: factors of the share that is dropped        [arXiv:1911.11134]
- sparsity s_f + (s_i − s_f) (1 − s)³ of gradual pruning      [Zhu & Gupta, arXiv:1710.01878]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nerva_py.equations import rates
from nerva_py.errors import NervaError
from nerva_py.parts import find
from nerva_py.quantities import as_real
from nerva_py.sparse.densities import checked_density

Decay = Callable[[float], float]


# Functions of the module, so that a method can be pickled. A schedule of η = 1 over one epoch is a decay.
def _constant(s: float) -> float:
    return rates.constant(s, 1.0)


def _cosine(s: float) -> float:
    return rates.cosine(s, 1.0, 1.0)


def _linear(s: float) -> float:
    return 1 - s


DECAYS: dict[str, Decay] = {"Constant": _constant, "Cosine": _cosine, "Linear": _linear}


def decay_named(name: str) -> Decay:
    """The decay of that name. Raises NervaError."""
    return DECAYS[find("decay", str(name), DECAYS)]


@dataclass(frozen=True)
class GradualDensity:
    """From the density at the start to `final`, along a cubic curve between the shares `start` and `stop` of training.

    Raises NervaError unless 0 ≤ start < stop ≤ 1.
    """

    final: float
    start: float = 0.0
    stop: float = 0.75

    def __post_init__(self) -> None:
        final, start, stop = checked_density(self.final), as_real(self.start), as_real(self.stop)
        if start is None or stop is None or not 0 <= start < stop <= 1:
            raise NervaError(f"0 ≤ start < stop ≤ 1 is needed, not start={self.start!r}, stop={self.stop!r}")
        for name, number in (("final", final), ("start", start), ("stop", stop)):
            object.__setattr__(self, name, number)

    def at(self, progress: float, initial: float) -> float:
        """The density when a share `progress` of training is over: 1 − s_t."""
        s = min(1.0, max(0.0, (progress - self.start) / (self.stop - self.start)))
        return self.final + (initial - self.final) * (1 - s) ** 3
