"""What the classifier and the regressor share: training."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any

from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning

from nerva_py import threads
from nerva_py.data import Dataset
from nerva_py.errors import DivergedError, NervaError
from nerva_py.network import MLP
from nerva_py.quantities import integer, real
from nerva_py.training import Callback, EarlyStopping, History, train
from nerva_py.training.loop import begin, resolve_schedule

from . import settings, step_sizes
from .fitted import read_only
from .full_batch import descend
from .incremental import Increments
from .monitoring import ABSURD, OBJECTIVE, VALIDATION, Watch, losses, penalty
from .preparation import Prepared
from .samples import Examples, hold_out
from .settings import changed

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)


def has_mini_batches(estimator: SparseMLP) -> bool:
    """Whether a step takes a part of the samples, so that there is a `partial_fit`."""
    return not (isinstance(estimator.solver, str) and estimator.solver.strip().lower() == "lbfgs")


class SparseMLP(Prepared):
    """The base of `SparseMLPClassifier` and `SparseMLPRegressor`, which say what the targets are."""

    # Of the last training; None or absent before.
    callbacks_: list[Callback]
    best_validation_score_: float | None
    history_: History
    validation_scores_: list[float] | None
    loss_curve_: list[float]
    t_: int

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Any:
        """Train on X (M, D) and y. A sample of weight 0 is as if it were not there; where all weights are whole numbers, one of
        weight 2 counts as two samples; of other weights only the ratios matter.

        `X_val` and `y_val` are validation data: their score after each epoch is in `validation_scores_`, and with
        `early_stopping` they are used instead of a part of the training data. Returns self. Raises NervaError, which is a
        ValueError, for parameters that cannot be used, and DivergedError when the loss stops being finite.
        """
        first = not (self.warm_start and hasattr(self, "network_"))
        max_iter = integer("max_iter", self.max_iter, 1)
        if not first:
            self._check_warm_start(y)
        samples = self._samples(X, y, sample_weight, first)
        validation = self._validation(X_val, y_val, sample_weight_val)
        network_seed, split_seed, order_seed = self._seeds()
        if self.early_stopping and validation is None:
            samples, validation = hold_out(samples, self.validation_fraction, self._strata(samples.T), split_seed)
        network = self._new_network(samples, network_seed) if first else self._same_network("warm_start")
        with threads.limited(self._threads(network, settings.batch_samples(self.batch_size, len(samples.T)))):
            self._train(network, samples, validation, max_iter, order_seed, first)
        return self

    def _train(
        self, network: MLP, samples: Examples, validation: Examples | None, max_iter: int, seed: int, first: bool
    ) -> None:
        """Epochs until the objective or, with early stopping, the validation score no longer improves."""
        data = samples.dataset(self._num_classes)
        batch_size = settings.batch_samples(self.batch_size, len(samples.T))
        optimizer, decay = self._optimizer(samples, batch_size)
        watch = Watch(decay, None if validation is None else lambda net: self._validation_score(net, validation))
        ending = {
            "monitor": VALIDATION if self.early_stopping else OBJECTIVE,
            "mode": "max" if self.early_stopping else "min",
            "patience": settings.patience(self.n_iter_no_change, max_iter),
            "min_delta": real("tol", self.tol, 0),
            "restore_best": bool(self.early_stopping),
        }
        eta, stopping = self._step_sizes(samples, first, ending)
        own = self._own_callbacks()
        callbacks = [*self._method(), watch, *own, stopping, *self._shown()]
        try:
            if self._full_batch:
                callbacks = callbacks if self.early_stopping else [one for one in callbacks if one is not stopping]
                history, converged = self._descend(network, data, samples, decay, max_iter, seed, callbacks)
            else:
                history = train(
                    network,
                    data,
                    loss=self._loss(),
                    optimizer=optimizer,
                    learning_rate=eta,
                    epochs=max_iter,
                    batch_size=batch_size,
                    shuffle=bool(self.shuffle),
                    statistics="running",
                    sample_weight=samples.w,
                    seed=seed,
                    callbacks=callbacks,
                )
                converged = bool(stopping.stopped_epoch) or len(history) < max_iter
        except DivergedError as error:
            raise DivergedError(f"{NOT_FINITE} ({error})") from None
        self.network_, self.callbacks_ = network, own
        self._record(history, watch.objectives, watch.scores if validation else None, len(samples.T), first)
        counted = (
            [score for epoch, score in zip(history, watch.scores, strict=True) if epoch.final] if validation else []
        )
        if 0 < len(counted) < len(history):  # what is scored before the final density is of a network that is not kept
            self.best_validation_score_ = max(counted)
        self._increments, self._no_improvement_count = None, stopping.waited
        if first:
            self._built = self._structure()
        if history.interrupted:
            warnings.warn("training was interrupted; the network is that of the last step", stacklevel=3)
            return
        now, of_zeros = losses(network, samples, self._loss(), self._num_classes)
        if now > ABSURD * of_zeros:
            message = (
                f"training has diverged: its loss is {now:.3g}, and {of_zeros:.3g} where all outputs are 0. Try a "
                f"learning_rate_init below {history[-1].learning_rate:g}, or scale X and, in a regression, y"
            )
            warnings.warn(message, ConvergenceWarning, stacklevel=3)
        elif not converged:
            what = "validation score" if self.early_stopping else "loss"
            most = f"max_iter={max_iter}" + (f" (or max_fun={self.max_fun} evaluations)" if self._full_batch else "")
            message = f"training ended after {most} epochs, before the {what} had stopped improving"
            warnings.warn(message, ConvergenceWarning, stacklevel=3)

    @property
    def _full_batch(self) -> bool:
        """Whether each step takes all samples."""
        return not has_mini_batches(self)

    def _descend(
        self,
        network: MLP,
        data: Dataset,
        samples: Examples,
        decay: float,
        max_iter: int,
        seed: int,
        callbacks: list[Callback],
    ) -> tuple[History, bool]:
        """L-BFGS; the history, and whether it has converged."""
        if self.method is not None or self.dropout:
            raise NervaError('solver="lbfgs" minimises one function: method must be None, and dropout 0')
        run = begin(
            network, data, self._loss(), "GradientDescent", 0.0, max_iter, len(samples.T), shuffle=False,
            statistics="running", sample_weight=samples.w, seed=seed, callbacks=callbacks,
        )  # fmt: skip
        return run.history, descend(run, decay, integer("max_fun", self.max_fun, 1), real("tol", self.tol, 0))

    def _step_sizes(self, samples: Examples, first: bool, ending: dict[str, Any]) -> tuple[Any, EarlyStopping]:
        """The learning rate of each epoch, and what ends training."""
        name = step_sizes.checked(self.learning_rate, self.power_t, self.learning_rate_init)
        if self.solver != "sgd" or name == "constant":
            return self.learning_rate_init, EarlyStopping(**ending)
        if name == "adaptive":
            adaptive = step_sizes.AdaptiveRate(float(self.learning_rate_init), **ending)
            return adaptive, adaptive
        seen = 0 if first else self.t_
        scaling = step_sizes.InverseScaling(float(self.learning_rate_init), self.power_t, len(samples.T), seen)
        return scaling, EarlyStopping(**ending)

    def _partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, classes: ArrayLike | None = None
    ) -> None:
        """One epoch on these samples, with the optimizer as the last one left it."""
        if self.early_stopping:
            raise NervaError(
                "partial_fit does not support early_stopping=True: early_stopping must be False for partial_fit, which sees a "
                "part of the data at a time"
            )
        first = not hasattr(self, "network_")
        max_iter = integer("max_iter", self.max_iter, 1)
        samples = self._samples(X, y, sample_weight, first, classes)
        network_seed, _, order_seed = self._seeds()
        if not first:
            changed("partial_fit", self._built, self._structure())
            if read_only(self.network_):
                self.network_, self._increments = copy.deepcopy((self.network_, self._increments))
        network = self._new_network(samples, network_seed) if first else self.network_
        increments = None if first else self._increments
        if increments is None:
            self.callbacks_, self._given = self._own_callbacks(), self._steps()
            increments = Increments([*self._method(), *self.callbacks_], max_iter, order_seed)
        else:
            changed("partial_fit", self._given, self._steps())
        batch_size = settings.batch_samples(self.batch_size, len(samples.T))
        optimizer, decay = self._optimizer(samples, batch_size)
        eta = self._step_sizes(samples, True, {"monitor": OBJECTIVE, "mode": "min"})[0]
        eta = resolve_schedule(eta)(len(increments.history))
        with threads.limited(self._threads(network, batch_size)):
            loss = increments.epoch(
                network, samples.dataset(self._num_classes), self._loss(), optimizer, eta, batch_size,
                bool(self.shuffle), samples.w,
            )  # fmt: skip
        self.network_, self._increments = network, increments
        if first:
            self._built = self._structure()
        self._record(increments.history, [loss + penalty(network, decay)], None, len(samples.T), first)

    def _record(
        self, history: History, objectives: list[float], scores: list[float] | None, count: int, first: bool
    ) -> None:
        """The fitted attributes; those of a warm start and of `partial_fit` continue the former ones."""
        self.history_ = history
        self.n_iter_ = len(objectives)
        before = [] if first or self.validation_scores_ is None else self.validation_scores_
        self.validation_scores_ = [*before, *(scores or [])] or scores
        self.best_validation_score_ = max(self.validation_scores_) if self.validation_scores_ else None
        self.loss_curve_ = objectives if first else [*self.loss_curve_, *objectives]
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else math.nan
        self.best_loss_ = None if self.early_stopping else min(self.loss_curve_, default=math.nan)
        self.t_ = len(objectives) * count + (0 if first else self.t_)
