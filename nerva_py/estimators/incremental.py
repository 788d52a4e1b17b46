"""One epoch at a time, for `partial_fit`: optimizer states and callbacks stay what they are between the calls."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from nerva_py.data import Dataset
from nerva_py.engine import one_blas_thread, workspace
from nerva_py.equations.losses import Loss
from nerva_py.errors import DivergedError
from nerva_py.network import MLP
from nerva_py.training import Callback, Epoch, History, Optimizer, TrainingState
from nerva_py.training.callbacks import in_order
from nerva_py.training.optimizers import OptimizerState, states_for
from nerva_py.training.step import training_step
from nerva_py.training.weighting import RunningLoss, checked_weights


@dataclass
class Increments:
    """What the next call continues with. A callback sees the calls as the epochs of one run of `epochs` epochs."""

    callbacks: Sequence[Callback]
    epochs: int
    rng: np.random.Generator
    seeds: np.random.SeedSequence
    states: list[OptimizerState] = field(default_factory=list)
    history: History = field(default_factory=History)
    t: int = 0

    def epoch(
        self,
        network: MLP,
        data: Dataset,
        loss: Loss,
        optimizer: Optimizer,
        eta: float,
        batch_size: int,
        shuffle: bool,
        sample_weight: np.ndarray | None,
    ) -> float:
        """Train for one epoch; the mean loss of its mini-batches."""
        weights, pool = checked_weights(sample_weight, data, loss)
        first, callbacks = not self.states, in_order(self.callbacks)
        if first:
            self.states = states_for(network.parameters(), optimizer)
        for state in self.states:
            state.optimizer = optimizer  # whose weight decay depends on the size of the batches
        steps = -(-len(pool) // batch_size)
        run = TrainingState(
            network, data, self.states, self.history, self.epochs, steps,
            epoch=len(self.history) + 1, t=self.t, learning_rate=eta, loss=loss, seeds=self.seeds,
        )  # fmt: skip
        for callback in callbacks:
            if first:
                callback.on_train_begin(run)
            callback.on_epoch_begin(run)
        meter, start = RunningLoss(), time.perf_counter()
        order = self.rng.permutation(pool) if shuffle else pool
        try:
            with workspace(), one_blas_thread:
                for position in range(0, len(pool), batch_size):
                    rows = order[position : position + batch_size]
                    run.t += 1
                    run.outputs = training_step(
                        network, data, loss, self.states, rows, None, eta, run.t, None, weights, meter
                    )
                    run.step += 1
                    for callback in callbacks:
                        callback.on_step_end(run)
        finally:
            self.t = run.t
            network.release()
        mean = meter.take()
        assert mean is not None
        if not np.isfinite(mean):
            raise DivergedError(
                f"partial_fit: the loss is no longer finite. Try a learning_rate_init below {eta:g}, or scale X"
            )
        record = Epoch(run.epoch, eta, time.perf_counter() - start, mean)
        self.history.epochs.append(record)
        for callback in callbacks:
            callback.on_epoch_end(run, record)
        return mean
