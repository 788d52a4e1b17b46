"""Do two contenders compute the same? Their losses of the first steps, and their logits after these, up to rounding."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np

from . import Contender, batches
from .problem import Problem

STEPS = 10
# Relative. Rounding of float32 sums of 3072 products, amplified by ten steps, leaves about 1e-6; a wrong mask, momentum or
# learning rate moves the logits by parts in ten or a hundred, even at a sparsity where the losses hardly change.
LOSS_TOLERANCE, LOGIT_TOLERANCE = 2e-3, 2e-3


@dataclass(frozen=True)
class Evidence:
    """What a contender computes: the loss of each step, and after the last the logits (less their mean) of a mini-batch."""

    losses: list[float]
    logits: list[list[float]]

    def difference(self, other: Evidence) -> tuple[float, float]:
        """Largest relative difference of the losses, and the relative difference of the logits in the norm."""
        losses, Y, Z = np.asarray(other.losses), np.asarray(self.logits), np.asarray(other.logits)
        loss = np.max(np.abs(np.asarray(self.losses) - losses) / np.abs(losses))
        return float(loss), float(np.linalg.norm(Y - Z) / np.linalg.norm(Z))

    as_dict = asdict


def evidence(contender: Contender, problem: Problem, steps: int = STEPS) -> Evidence:
    """Take the first steps."""
    losses = [contender.loss(contender.step(rows)) for rows in islice(batches(problem), steps)]
    Y: Any = np.asarray(contender.predict(problem.X[: problem.batch_size]), np.float64)
    # Adding a number to all logits of a sample changes nothing, and not every contender gives them but for that.
    return Evidence(losses, (Y - Y.mean(axis=1, keepdims=True)).tolist())


def disagreement(name: str, found: Evidence, reference_name: str, reference: Evidence) -> str | None:
    """Why no ratio of the two may be reported, or None if they agree. NaN agrees with nothing."""
    loss, logits = found.difference(reference)
    if not loss < LOSS_TOLERANCE:
        close = np.isclose(found.losses, reference.losses, rtol=LOSS_TOLERANCE, atol=0)
        worst = int(np.argmin(close))  # the first that is not
        values = f"{found.losses[worst]:.6g}, that of {reference_name} {reference.losses[worst]:.6g}"
        what = f"its loss in step {worst + 1} is {values}, a relative difference of up to {loss:.1e}"
        return f"{name} does not compute what {reference_name} does: {what} where {LOSS_TOLERANCE:.0e} is allowed"
    if not logits < LOGIT_TOLERANCE:
        values = f"{found.losses[-1]:.6g} and {reference.losses[-1]:.6g}"
        what = f"the last losses are {values}, but the logits after {len(found.losses)} steps differ by {logits:.1e}"
        return f"{name} does not compute what {reference_name} does: {what} where {LOGIT_TOLERANCE:.0e} is allowed"
    return None
