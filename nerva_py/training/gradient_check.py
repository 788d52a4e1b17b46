"""Gradients of a whole network against finite differences, in float64."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nerva_py.data import Dataset, gather, targets
from nerva_py.engine import SparseBatch
from nerva_py.equations.losses import Loss
from nerva_py.errors import NervaError
from nerva_py.network import MLP
from nerva_py.network.mlp import parameter_names
from nerva_py.network.parameter import vector_of
from nerva_py.quantities import integer, real

from . import intervals
from .callbacks import Callback
from .history import Epoch
from .run import Run

ROUNDING = 64 * np.finfo(np.float64).eps  # of a loss, as a share of it
SMALLER = (1.0, 1 / 16, 1 / 256)  # steps that are tried, as shares of the first, where kinks are near
NEAR = 1e-4  # what is no difference between slopes, as a share of the largest


@dataclass(frozen=True)
class GradientError:
    """How well one parameter's gradient agrees: the largest difference in `checked` of its `numbers`, as a share of the
    largest of these derivatives."""

    name: str
    numbers: int
    checked: int
    error: float


def check_gradients(
    network: MLP, data: Dataset, loss: Loss, batch_size: int, step: float = 1e-6, numbers: int = 20
) -> list[GradientError]:
    """∂L/∂θ_i against (L(θ_i + h) − L(θ_i)) / h, (L(θ_i) − L(θ_i − h)) / h and the mean of the two, on the first samples, for
    some `numbers` θ_i of each parameter.

    The mean is the derivative up to O(h²). At a kink, as that of ReLU, the other two have the slopes on its sides, between
    which every value is a derivative: what lies between them, or is as near as the loss is rounded, is right.

    A copy of the network is checked, in float64 and with the same dropout masks in every evaluation. What has one row, as
    biases have, is moved a little: a neuron that sees zeros only would be exactly at its bias, and a bias of 0 is the kink of
    ReLU. Raises NervaError for a step that is not positive.
    """
    step, numbers = real("the step of a gradient check", step, above=0), integer("numbers", numbers, 1)
    shadow = copy.deepcopy(network).astype(np.float64)
    rows = np.arange(min(batch_size, len(data.Ttrain)))
    X = gather(data.Xtrain, rows, data.scale, data.shift, np.float64)
    _move_rows(shadow)
    T = targets(data.Ttrain, rows, data.num_classes, np.dtype(np.float64))

    def cost() -> float:
        return float(loss.total(shadow.forward(X, np.random.default_rng(0))[0], T)) / len(rows)

    Y, tapes = shadow.forward(X, np.random.default_rng(0))
    gradients = [vector_of(gradient) for gradient in shadow.gradients(tapes, loss.mean_gradient(Y, T))]
    here = cost()
    rng = np.random.default_rng(0)
    result = []
    for name, parameter, gradient in zip(parameter_names(shadow), shadow.parameters(), gradients, strict=True):
        theta = parameter.vector
        chosen = rng.permutation(theta.size)
        if isinstance(X, SparseBatch):  # most features do not occur: half of the numbers from those that do something
            active = chosen[gradient[chosen] != 0][: numbers // 2]
            chosen = np.concatenate((active, chosen[~np.isin(chosen, active)]))
        chosen = chosen[:numbers]
        scale = float(np.abs(gradient[chosen]).max(initial=0)) or 1.0
        errors = [_error(cost, here, theta, i, float(gradient[i]), step, scale) for i in chosen]
        result.append(GradientError(name, theta.size, chosen.size, max(errors, default=0.0)))
    return result


def _error(
    cost: Callable[[], float], here: float, theta: np.ndarray, i: int, derivative: float, step: float, scale: float
) -> float:
    """How far ∂L/∂θ_i is from what differences allow, as a share of `scale`; between two kinks a smaller step tells."""
    old, found = theta[i], np.inf
    for share in SMALLER:
        h = share * step
        theta[i] = old + h
        above = cost()
        theta[i] = old - h
        below = cost()
        theta[i] = old
        rounding = ROUNDING * max(abs(above), abs(below), abs(here)) / h
        slopes = (above - here) / h, (here - below) / h
        outside = max(min(slopes) - derivative, derivative - max(slopes), 0.0)
        distance = min(outside, abs((above - below) / (2 * h) - derivative))
        found = min(found, max(distance - rounding, 0.0) / scale)
        if not found > NEAR or not abs(slopes[0] - slopes[1]) - rounding > NEAR * scale:
            break  # right; or wrong, and no kink is near
    return float(found)


def _move_rows(network: MLP) -> None:
    """Move what has one row, as biases and the parameters of batch normalisation have, by a thousandth to a hundredth."""
    rng = np.random.default_rng(1)
    for parameter in network.parameters():
        value = parameter.value
        if isinstance(value, np.ndarray):
            value += rng.choice((-1, 1), value.shape) * rng.uniform(1e-3, 1e-2, value.shape)


class GradientCheck(Callback):
    """`check_gradients` while training goes on, after every so many epochs or steps, on the first samples of the data.

    The largest error of each parameter goes into the measures of the epoch, as `gradient_error`; one above `tolerance`, which
    may be infinite, is a NervaError. Kinks are no errors, where differences have two slopes. Raises NervaError for a run that
    ends before the first check.
    """

    def __init__(
        self, every: int | str = "1 epoch", *, step: float = 1e-6, numbers: int = 20, samples: int = 100,
        tolerance: float = 0.002,
    ):  # fmt: skip
        self.every = intervals.every(every)
        self.step, self.numbers = real("step", step, above=0), integer("numbers", numbers, 1)
        self.samples = integer("samples", samples, 1)
        self.tolerance = np.inf if tolerance == np.inf else real("tolerance", tolerance, 0)
        self.errors: dict[str, float] = {}

    def on_train_begin(self, run: Run) -> None:
        self.errors = {}
        self.every.check("GradientCheck", run.epochs, run.steps_per_epoch)

    def on_step_end(self, run: Run) -> None:
        if run.t % self.every.steps(run.steps_per_epoch):
            return
        assert run.loss is not None
        for found in check_gradients(run.network, run.data, run.loss, self.samples, self.step, self.numbers):
            self.errors[found.name] = max(found.error, self.errors.get(found.name, 0.0))
            if not found.error <= self.tolerance:
                raise NervaError(
                    f"step {run.step_of_epoch} of epoch {run.epoch}: the gradient D{found.name} differs from differences by "
                    f"{found.error:.2g} of its largest number, more than the tolerance of {self.tolerance:g}"
                )

    def on_epoch_end(self, run: Run, epoch: Epoch) -> None:
        if self.errors:
            epoch.measures["gradient_error"] = self.errors
            self.errors = {}
