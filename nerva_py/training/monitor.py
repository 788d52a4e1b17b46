"""Watching one number of each epoch: what it is, and whether it has become better."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any, Literal

from nerva_py.checkpoints.fields import integer, optional_number
from nerva_py.errors import NervaError, unknown
from nerva_py.quantities import real

from .history import Epoch

Mode = Literal["min", "max"]

# What is better of the numbers that every run has.
BETTER: dict[str, Mode] = {
    "score": "max",
    "train_loss": "min",
    "train_accuracy": "max",
    "test_loss": "min",
    "test_accuracy": "max",
}
_FIELDS = {entry.name for entry in fields(Epoch)} | {"score"}


class Monitor:
    """`name`: test_loss, test_accuracy, train_loss, train_accuracy, score (the test accuracy or, in a regression, minus the
    test loss), or the name of a measure; a dot leads into a measure that is a dict, as in "topology.R_s". `mode`: whether a
    small ("min") or a large ("max") number is good; it must be given for a measure. A change of less than `min_delta`, and a
    NaN, is no improvement."""

    def __init__(self, name: str = "score", mode: Mode | None = None, min_delta: float = 0.0):
        if mode not in (None, "min", "max"):
            raise NervaError(f'mode must be "min", "max" or None, not {mode!r}')
        if mode is None and name not in BETTER:
            raise NervaError(
                f'monitor {name!r}: say whether it should be small or large, by mode="min" or "max". '
                f"Known without it: {', '.join(BETTER)}"
            )
        self.name = name
        self.sign = 1 if (mode or BETTER[name]) == "max" else -1
        self.min_delta = real("min_delta", min_delta, 0)
        self.best: float | None = None
        self.best_epoch = 0

    def improved(self, epoch: Epoch) -> bool:
        """Whether this epoch is the best so far. Raises NervaError if the epoch does not have the number."""
        value = self.value(epoch)
        if math.isnan(value) or (self.best is not None and self.sign * (value - self.best) <= self.min_delta):
            return False
        self.best, self.best_epoch = value, epoch.epoch
        return True

    def value(self, epoch: Epoch) -> float:
        """The number of that epoch."""
        value: Any
        if self.name in _FIELDS and self.name != "measures":
            value = getattr(epoch, self.name)
            if value is None:
                raise NervaError(
                    f"monitor {self.name!r} was not measured in epoch {epoch.epoch}: it needs "
                    f"{'statistics=True' if epoch.train_loss is None else 'test data'}"
                    f"{' and class labels' if self.name.endswith('accuracy') else ''}"
                )
        else:
            value = epoch.measures
            for key in self.name.split("."):
                if not isinstance(value, dict) or key not in value:
                    raise unknown("monitor", self.name, [*BETTER, *epoch.measures])
                value = value[key]
        try:
            return float(value)
        except (TypeError, ValueError):
            raise NervaError(f"monitor {self.name!r} must be a number, not {value!r}") from None

    def state_dict(self) -> dict[str, Any]:
        """The best number, and in which epoch it was."""
        return {"name": self.name, "best": self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from there."""
        if saved["name"] == self.name:
            self.best, self.best_epoch = optional_number(saved, "best"), integer(saved, "best_epoch")
