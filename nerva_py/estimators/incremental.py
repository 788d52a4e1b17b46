"""One epoch at a time, for `partial_fit`: the run, its optimizer states and callbacks stay what they are between the calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nerva_py.data import Dataset
from nerva_py.errors import DivergedError
from nerva_py.network import MLP
from nerva_py.training import Callback, History, Optimizer, Run
from nerva_py.training.loop import begin
from nerva_py.training.weighting import RunningLoss, checked_weights


@dataclass
class Increments:
    """What the next call continues with. A callback sees the calls as the epochs of one run of `epochs` epochs."""

    callbacks: Sequence[Callback]
    epochs: int
    seed: int
    run: Run | None = None

    @property
    def history(self) -> History:
        """The epochs so far."""
        return History() if self.run is None else self.run.history

    def epoch(
        self,
        network: MLP,
        data: Dataset,
        loss: str,
        optimizer: Optimizer,
        eta: float,
        batch_size: int,
        shuffle: bool,
        sample_weight: np.ndarray | None,
    ) -> float:
        """Train for one epoch; the mean loss of its mini-batches."""
        if self.run is None:
            run = self.run = begin(
                network, data, loss, optimizer, eta, self.epochs, batch_size, shuffle, statistics="running",
                sample_weight=sample_weight, seed=self.seed, callbacks=self.callbacks,
            )  # fmt: skip
            for callback in run.callbacks:
                callback.on_train_begin(run)
        else:
            run = self.run
            run.weights, run.pool = checked_weights(sample_weight, data)
            run.data, run.batch_size, run.shuffle = data, min(batch_size, len(run.pool)), shuffle
            run.optimizers = dict.fromkeys(
                network.layers, optimizer
            )  # its weight decay depends on the size of the batches
            run.epoch, run.running = len(run.history), RunningLoss()  # a call that failed leaves its steps and no more
        run.schedule = _Constant(eta)
        try:
            run.run_epoch(len(run.history) + 1)
        except DivergedError:
            raise DivergedError(
                f"partial_fit: the loss is no longer finite. Try a learning_rate_init below {eta:g}, or scale X"
            ) from None
        finally:
            nothing: Any = None
            run.data = run.pool = run.weights = run.outputs = nothing  # no copy of the estimator has the training data
        loss_of_epoch = run.history[-1].train_loss
        assert loss_of_epoch is not None
        return loss_of_epoch


@dataclass(frozen=True)
class _Constant:
    """The learning rate of a single epoch; a class, so that an estimator can be pickled."""

    eta: float

    def __call__(self, epoch: int) -> float:
        return self.eta
