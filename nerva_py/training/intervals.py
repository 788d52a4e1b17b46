"""How often: "100 steps", "1 epoch"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nerva_py.errors import NervaError


@dataclass(frozen=True)
class Every:
    """Every `count` steps or epochs."""

    count: int
    unit: str = "steps"

    def steps(self, steps_per_epoch: int) -> int:
        """The distance in steps."""
        return self.count * (steps_per_epoch if self.unit == "epochs" else 1)

    def __str__(self) -> str:
        return f"every {self.count} {self.unit if self.count > 1 else self.unit.removesuffix('s')}"


def every(interval: int | str) -> Every:
    """From a number of steps, or "100 steps", "1 epoch". Raises NervaError."""
    match = re.fullmatch(r"\s*(\d+)\s*(steps?|epochs?)?\s*", str(interval))
    if isinstance(interval, bool) or not match or not int(match[1]):
        raise NervaError(f'every must be a number of steps or such as "100 steps" or "1 epoch", not {interval!r}')
    return Every(int(match[1]), "epochs" if (match[2] or "").startswith("epoch") else "steps")
