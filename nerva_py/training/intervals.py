"""How often: "100 steps", "1 epoch"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nerva_py.errors import NervaError
from nerva_py.quantities import as_integer


@dataclass(frozen=True)
class Every:
    """Every `count` steps or epochs."""

    count: int
    unit: str = "steps"

    def steps(self, steps_per_epoch: int) -> int:
        """The distance in steps."""
        return self.count * (steps_per_epoch if self.unit == "epochs" else 1)

    def check(self, what: str, epochs: int, steps_per_epoch: int) -> None:
        """Raises NervaError if a run ends before it is due once."""
        if 0 < epochs * steps_per_epoch < self.steps(steps_per_epoch):
            raise NervaError(
                f"{what} comes {self}, but this run has {epochs * steps_per_epoch} steps: it would never come"
            )

    def __str__(self) -> str:
        return f"every {self.count} {self.unit if self.count > 1 else self.unit.removesuffix('s')}"


def every(interval: int | str) -> Every:
    """From a number of steps, or "100 steps", "1 epoch". Raises NervaError."""
    match = re.fullmatch(r"\s*(\d+)\s*(steps?|epochs?)?\s*", interval) if isinstance(interval, str) else None
    count = int(match[1]) if match else as_integer(interval)
    if count is None or count < 1:
        raise NervaError(f'every must be a number of steps or such as "100 steps" or "1 epoch", not {interval!r}')
    return Every(count, "epochs" if match and (match[2] or "").startswith("epoch") else "steps")
