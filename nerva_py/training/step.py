"""One step of training, and the clock that tells where its time goes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from nerva_py.data import Dataset, gather
from nerva_py.equations.losses import Loss
from nerva_py.network import MLP

from .evaluation import targets
from .optimizers import OptimizerState
from .weighting import RunningLoss


@np.errstate(over="ignore", divide="ignore", invalid="ignore")  # a run that diverges shows in the loss
def training_step(
    network: MLP,
    data: Dataset,
    loss: Loss,
    states: Sequence[OptimizerState],
    rows: np.ndarray,
    crops: Any,
    eta: float,
    t: int,
    clock: PhaseClock | None = None,
    weights: np.ndarray | None = None,
    meter: RunningLoss | None = None,
    gradients: bool = True,
) -> np.ndarray:
    """One mini-batch: gather, forward, DY = ∇L(Y, T) / N, backward, update. Returns Y.

    `weights` (M,) are those of all training samples, with which DY is the gradient of the weighted mean. Without
    `gradients`, a layer may update its weights while it computes their gradient, and not keep it.
    """
    phase = clock.phase if clock else no_phase
    with phase("gather"):
        X = gather(data.Xtrain, rows, data.scale, data.shift, network.dtype, crops, data.image_shape)
        T = targets(data.Ttrain, rows, data.num_classes, network.dtype)
    with phase("feedforward"):
        Y = network.forward(X, training=True)
    w = None if weights is None else weights[rows, None].astype(network.dtype, copy=False)
    if meter is not None:
        meter.add(loss, Y, T, w)
    with phase("backpropagate"):
        DY = loss.mean_gradient(Y, T) if w is None else loss.weighted_mean_gradient(Y, T, w)
        updates = None if gradients else {id(state.parameter): state.update(eta, t) for state in states}
        network.backward(DY, updates)
    with phase("optimize"):
        for state in states:
            if updates is None or id(state.parameter) in updates:
                state.step(eta, t)
    return Y


class PhaseClock:
    """Adds up the seconds that each phase takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - start


class _NoPhase:
    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


_NO_PHASE = _NoPhase()


def no_phase(name: str) -> _NoPhase:
    return _NO_PHASE
