"""One step of training, and the clock that tells where its time goes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from nerva_py.data import Dataset, gather, gather_as_bytes
from nerva_py.equations.losses import Loss
from nerva_py.network import MLP
from nerva_py.network.layers import LinearLayer, Updates

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
    updates = None if gradients else {id(state.parameter): state.update(eta, t) for state in states}
    Y = backpropagate(network, data, loss, rows, crops, phase, weights, meter, updates=updates)
    with phase("optimize"):
        for state in states:
            if updates is None or id(state.parameter) in updates:
                state.step(eta, t)
    return Y


def backpropagate(
    network: MLP,
    data: Dataset,
    loss: Loss,
    rows: np.ndarray,
    crops: Any,
    phase: Callable[[str], AbstractContextManager[None]],
    weights: np.ndarray | None,
    meter: RunningLoss | None,
    share: float = 1.0,
    updates: Updates | None = None,
) -> np.ndarray:
    """A step without its update: gather, forward, DY = share · ∇L(Y, T) / N, backward. Returns Y.

    `share` is what these samples are of a mini-batch whose other samples are elsewhere.
    """
    with phase("gather"):
        X = gather_for(network, data, rows, crops)
        T = targets(data.Ttrain, rows, data.num_classes, network.dtype)
    with phase("feedforward"):
        Y = network.forward(X, training=True)
    w = None if weights is None else weights[rows, None].astype(network.dtype, copy=False)
    if meter is not None:
        meter.add(loss, Y, T, w)
    with phase("backpropagate"):
        DY = loss.mean_gradient(Y, T) if w is None else loss.weighted_mean_gradient(Y, T, w)
        network.backward(DY if share == 1 else DY * network.dtype.type(share), updates)
    return Y


def gather_for(network: MLP, data: Dataset, rows: np.ndarray, crops: Any = None) -> Any:
    """The samples as the first layer takes them: bytes as bytes, if it computes with these."""
    first = network.layers[0]
    if (
        data.Xtrain.dtype == np.uint8
        and crops is None
        and isinstance(first, LinearLayer)
        and first.takes_bytes(len(rows))
    ):
        return gather_as_bytes(data.Xtrain, rows, data.scale, data.shift, network.dtype)
    return gather(data.Xtrain, rows, data.scale, data.shift, network.dtype, crops, data.image_shape)


class PhaseClock:
    """Adds up the seconds that each phase takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - start


_NO_PHASE = nullcontext()


def no_phase(name: str) -> AbstractContextManager[None]:
    """In the place of `PhaseClock.phase` where nobody asks."""
    return _NO_PHASE
