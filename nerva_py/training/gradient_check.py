"""Gradients of a whole network against finite differences, in float64."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np

from nerva_py.data import Dataset, gather, targets
from nerva_py.engine import SparseBatch
from nerva_py.equations.losses import Loss
from nerva_py.errors import NervaError
from nerva_py.network import MLP
from nerva_py.network.mlp import parameter_names
from nerva_py.network.parameter import vector_of

from . import intervals
from .callbacks import Callback
from .history import Epoch
from .run import Run


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
    """∂L/∂θ_i against (L(θ_i + h) − L(θ_i − h)) / 2h on the first samples, for some `numbers` θ_i of each parameter.

    A copy of the network is checked, in float64 and with the same dropout masks in every evaluation. With sparse samples
    its biases are moved a little: a neuron none of whose inputs occurs would be exactly at its bias, and a bias of 0 is the
    kink of ReLU. Raises NervaError for a step that is not positive.
    """
    if not (step > 0 and math.isfinite(step)):
        raise NervaError(f"the step of a gradient check must be a positive finite number, not {step!r}")
    shadow = copy.deepcopy(network).astype(np.float64)
    rows = np.arange(min(batch_size, len(data.Ttrain)))
    X = gather(data.Xtrain, rows, data.scale, data.shift, np.float64)
    if isinstance(X, SparseBatch):
        _move_biases(shadow)
    T = targets(data.Ttrain, rows, data.num_classes, np.dtype(np.float64))

    def outputs() -> np.ndarray:
        return shadow.forward(X, np.random.default_rng(0))[0]

    Y, tapes = shadow.forward(X, np.random.default_rng(0))
    gradients = [vector_of(gradient) for gradient in shadow.gradients(tapes, loss.mean_gradient(Y, T))]
    rng = np.random.default_rng(0)
    result = []
    for name, parameter, gradient in zip(parameter_names(shadow), shadow.parameters(), gradients, strict=True):
        theta = parameter.vector
        chosen = rng.permutation(theta.size)
        if isinstance(X, SparseBatch):  # most features do not occur: half of the numbers from those that do something
            active = chosen[gradient[chosen] != 0][: numbers // 2]
            chosen = np.concatenate((active, chosen[~np.isin(chosen, active)]))
        chosen = chosen[:numbers]
        differences = np.empty(chosen.size)
        for position, i in enumerate(chosen):
            old = theta[i]
            theta[i] = old + step
            above = float(loss.total(outputs(), T))
            theta[i] = old - step
            below = float(loss.total(outputs(), T))
            theta[i] = old
            differences[position] = (above - below) / (2 * step * len(rows))
        scale = float(np.abs(gradient[chosen]).max(initial=0)) or 1.0
        error = float(np.abs(differences - gradient[chosen]).max(initial=0)) / scale
        result.append(GradientError(name, theta.size, chosen.size, error))
    return result


def _move_biases(network: MLP) -> None:
    """By a thousandth to a hundredth."""
    rng = np.random.default_rng(1)
    for layer in network.linear_layers:
        layer.b.value += rng.choice((-1, 1), layer.b.value.shape) * rng.uniform(1e-3, 1e-2, layer.b.value.shape)


class GradientCheck(Callback):
    """`check_gradients` while training goes on, after every so many epochs or steps, on the first samples of the data.

    The largest error of each parameter goes into the measures of the epoch, as `gradient_error`; one above `tolerance` is a
    NervaError. A few 10⁻³ are no fault in a network with kinks: where an activation of ReLU changes its sign between θ − h and
    θ + h, the difference is no derivative. A wrong gradient has an error of the order of 1.
    """

    def __init__(
        self, every: int | str = "1 epoch", *, step: float = 1e-6, numbers: int = 20, samples: int = 100,
        tolerance: float = 0.01,
    ):  # fmt: skip
        self.every = intervals.every(every)
        self.step, self.numbers, self.samples, self.tolerance = step, numbers, samples, tolerance
        self.errors: dict[str, float] = {}

    def on_train_begin(self, run: Run) -> None:
        self.errors = {}

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
