"""SciPy's L-BFGS over the vector of stored weights and biases, with all samples in each step: `solver="lbfgs"`."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from nerva_py.engine import one_blas_thread, workspace
from nerva_py.errors import DivergedError
from nerva_py.matrix import Outer
from nerva_py.training import Epoch, Run
from nerva_py.training.callbacks import end_all
from nerva_py.training.weighting import RunningLoss

from .monitoring import penalty


def descend(run: Run, decay: float, max_fun: int, tol: float) -> bool:
    """Minimise the mean loss plus λ/2 ‖W‖² over the run's parameters; an epoch of the run is an iteration.

    At most `run.epochs` iterations and `max_fun` evaluations; ends where no element of the gradient is larger than `tol`, or
    a callback has set `run.stop`. Returns whether it ended for such a reason. Raises DivergedError where the loss is not
    finite.
    """
    parameters = list(run.network.parameters())
    ends = np.cumsum([parameter.vector.size for parameter in parameters])
    batch = run.batch(run.pool)

    def place(theta: np.ndarray) -> None:
        for parameter, numbers in zip(parameters, np.split(theta, ends[:-1]), strict=True):
            parameter.vector[:] = numbers

    def begin_epoch() -> None:
        run.epoch += 1
        run.announce_epoch()
        run.epoch_start = time.perf_counter()

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        if run.epoch == len(run.history):  # the last iteration is over
            begin_epoch()
        place(theta)
        run.running = RunningLoss()
        gradient = []
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"), workspace(), one_blas_thread:
            for layer, _, gradients in reversed(list(run.gradients(batch, run.network, run.rng))):
                for parameter, G in zip(layer.parameters, gradients, strict=True):
                    numbers = _vector(G.on(parameter.value) if isinstance(G, Outer) else G)
                    gradient.append(numbers + decay * parameter.vector if parameter.decays else numbers)
        loss = run.running.take()
        value = np.nan if loss is None else loss + penalty(run.network, decay)
        if not np.isfinite(value):
            raise DivergedError(f"training diverged in iteration {run.epoch}: the loss is no longer finite")
        return value, np.concatenate(gradient).astype(np.float64)

    def iteration(intermediate_result: OptimizeResult) -> None:
        place(intermediate_result.x)
        loss = float(intermediate_result.fun) - penalty(run.network, decay)
        seconds = time.perf_counter() - run.epoch_start
        run.close_epoch(Epoch(run.epoch, run.learning_rate, seconds, train_loss=loss))
        if run.stop:
            raise StopIteration

    begun: list[Any] = []
    try:
        for callback in run.callbacks:
            callback.on_train_begin(run)
            begun.append(callback)
        result = minimize(
            objective, np.concatenate([parameter.vector for parameter in parameters]).astype(np.float64), jac=True,
            method="L-BFGS-B", callback=iteration, options={"maxfun": max_fun, "maxiter": run.epochs, "gtol": tol},
        )  # fmt: skip
        place(result.x)
        return run.stop or result.status == 0
    finally:
        end_all(begun, run)
        run.end()


def _vector(gradient: Any) -> np.ndarray:
    """The numbers of a gradient, in the order of the parameter's."""
    numbers: np.ndarray = gradient.data if not isinstance(gradient, np.ndarray) else gradient
    return numbers.reshape(-1)
