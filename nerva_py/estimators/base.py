"""What the classifier and the regressor share: parameters and training."""

from __future__ import annotations

import copy
import math
import warnings
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, validate_data

from nerva_py import threads
from nerva_py.data import Dataset
from nerva_py.errors import DivergedError, NervaError
from nerva_py.network import MLP, mlp
from nerva_py.quantities import integer, real
from nerva_py.sparse import get_backend
from nerva_py.topology import DynamicTopology
from nerva_py.topology import method as resolve_method
from nerva_py.training import Callback, EarlyStopping, History, Optimizer, ProgressBar, train
from nerva_py.training.callbacks import checked_callbacks
from nerva_py.training.loop import begin, resolve_schedule

from . import settings, step_sizes
from .fitted import DTYPES, FittedNetwork, read_only, taken
from .full_batch import descend
from .incremental import Increments
from .monitoring import ABSURD, OBJECTIVE, VALIDATION, Lines, Watch, losses, penalty
from .samples import Examples, hold_out, product, relative
from .settings import Given, changed

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)


def has_mini_batches(estimator: SparseMLP) -> bool:
    """Whether a step takes a part of the samples, so that there is a `partial_fit`."""
    return not (isinstance(estimator.solver, str) and estimator.solver.strip().lower() == "lbfgs")


class SparseMLP(FittedNetwork):
    """The base of `SparseMLPClassifier` and `SparseMLPRegressor`, which say what the targets are."""

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        loss: str = "squared_error",
        density: float | str | Sequence[float] = "auto",
        method: str | DynamicTopology | None = None,
        dropout: float = 0.0,
        solver: str | Optimizer = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float | str = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        max_fun: int = 15_000,
        weights: str | Sequence[str] = "XavierNormalized",
        callbacks: Sequence[Callback] | None = None,
        backend: str = "numba",
        n_threads: int | None = None,
    ):
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.density = density
        self.method = method
        self.dropout = dropout
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.weights = weights
        self.callbacks = callbacks
        self.backend = backend
        self.n_threads = n_threads

    # Of the last training; None or absent before.
    callbacks_: list[Callback]
    best_validation_score_: float | None
    _built: Given  # the parameters that made the network, and those that partial_fit goes on with
    _given: Given
    history_: History
    validation_scores_: list[float] | None
    loss_curve_: list[float]
    t_: int

    # ------------------------------------------------------------------------------------------ what a subclass says

    @abstractmethod
    def _loss(self) -> str:
        """Name of the loss of the fitted problem."""

    @abstractmethod
    def _learn(self, y: Any, classes: ArrayLike | None) -> None:
        """What kind of targets y is; `classes` are those that partial_fit will see."""

    @abstractmethod
    def _targets(self, y: Any, dtype: np.dtype) -> np.ndarray:
        """The targets T of y, in the form that a `Dataset` has."""

    @abstractmethod
    def _score(self, Y: np.ndarray, T: np.ndarray, w: np.ndarray | None) -> float:
        """What `score` gives, of outputs Y of the network."""

    def _class_weights(self, y: Any) -> np.ndarray | None:
        """A factor of the weight of each sample, from `class_weight`."""
        return None

    def _strata(self, T: np.ndarray) -> np.ndarray | None:
        """The classes that validation data have in the same proportion."""
        return None

    def _check_warm_start(self, y: Any) -> None:
        """Refuse targets that the network of a warm start has not been made for."""

    @property
    def _num_classes(self) -> int | None:
        """Of a `Dataset` of class numbers."""
        return None

    # -------------------------------------------------------------------------------------------------------- training

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

    # ------------------------------------------------------------------------------------------- from parameters to parts

    def _samples(self, X: Any, y: Any, sample_weight: Any, first: bool, classes: ArrayLike | None = None) -> Examples:
        X, y = validate_data(
            self, taken("X", X), taken("y", y), reset=first, accept_sparse="csr", dtype=DTYPES, order="C",
            multi_output=True, y_numeric=self._y_numeric,
        )  # fmt: skip
        X, y, w = self._counted("sample_weight", X, y, sample_weight)
        if first:
            self._learn(y, classes)
        factor = self._class_weights(y)
        if factor is not None:
            X, y, w = self._counted("class_weight", X, y, product(factor, w))
        return Examples(X, self._targets(y, _float_type(X)), None if w is None else relative(w))

    _y_numeric = False

    def _validation(self, X_val: Any, y_val: Any, sample_weight_val: Any) -> Examples | None:
        if (X_val is None) != (y_val is None):
            raise NervaError(
                f"{'X_val' if X_val is None else 'y_val'} is None; validation data are both X_val and y_val"
            )
        if X_val is None:
            if sample_weight_val is not None:
                raise NervaError("sample_weight_val is given without X_val and y_val")
            return None
        X, y = validate_data(
            self, taken("X_val", X_val), taken("y_val", y_val), reset=False, accept_sparse="csr", dtype=DTYPES, order="C",
            multi_output=True, y_numeric=self._y_numeric,
        )  # fmt: skip
        X, y, w = self._counted("sample_weight_val", X, y, sample_weight_val)
        return Examples(X, self._targets(y, _float_type(X)), None if w is None else relative(w))

    def _counted(self, name: str, X: Any, y: Any, weight: Any) -> tuple[Any, Any, np.ndarray | None]:
        """The samples of a weight that is not 0, and their weights: others are as if they were not there."""
        if weight is None:
            return X, y, None
        w = _check_sample_weight(weight, X, dtype=np.float64)
        if (w < 0).any():
            raise NervaError(f"{name} must not be negative; its smallest number is {w.min():g}")
        if not w.any():
            raise NervaError(f"{name} is zero for every sample; at least one must count")
        counts = np.flatnonzero(w)
        return (X, y, w) if len(counts) == len(w) else (X[counts], y[counts], w[counts])

    def _new_network(self, samples: Examples, seed: int) -> MLP:
        hidden = settings.hidden_sizes(self.hidden_layer_sizes)
        K = self._num_classes or samples.T.shape[1]
        sizes = [samples.X.shape[1], *hidden, K]
        get_backend(self.backend)  # also where all layers are dense and none needs it
        methods = self._method()
        distribution = methods[0].distribution if methods else "ErdosRenyi"
        return mlp(
            settings.layer_names(hidden, self.activation, self.dropout),
            sizes,
            layer_densities=settings.layer_densities(sizes, self.density, distribution),
            weights=self.weights,
            dtype=_float_type(samples.X),
            backend=self.backend,
            seed=seed,
        )

    def _same_network(self, what: str) -> MLP:
        """A copy to go on with, so that a training that fails leaves the fitted network as it was. Raises NervaError where
        parameters that make a network are others than when it was made."""
        changed(what, self._built, self._structure())
        return copy.deepcopy(self.network_)

    def _structure(self) -> Given:
        """The parameters that only a new network looks at."""
        hidden = settings.hidden_sizes(self.hidden_layer_sizes)
        return {
            "hidden_layer_sizes": (self.hidden_layer_sizes, hidden),
            "activation": (self.activation, settings.layer_names(hidden, self.activation, 0.0)),
            "density": (self.density, settings.listed(self.density)),
            "dropout": (self.dropout, real("dropout", self.dropout)),
            "weights": (self.weights, settings.listed(self.weights)),
            "backend": (self.backend, get_backend(self.backend).name),
        }

    def _method(self) -> list[DynamicTopology]:
        """A fresh topology method, or none; that of the parameter stays as it is."""
        if self.method is None:
            return []
        if not isinstance(self.method, str | DynamicTopology):
            raise NervaError(f"method must be None, a name, a specification or a DynamicTopology, not {self.method!r}")
        return [copy.deepcopy(resolve_method(self.method))]

    def _optimizer(self, samples: Examples, batch_size: int) -> tuple[Optimizer, float]:
        """(the optimizer, λ): alpha/2 ‖W‖² is added to the summed loss of a batch, so λ = alpha over its total weight."""
        total = batch_size * samples.mean_weight
        moments = {"beta1": self.beta_1, "beta2": self.beta_2, "epsilon": self.epsilon}
        chosen = settings.optimizer(self.solver, self.alpha, total, self.momentum, self.nesterovs_momentum, moments)
        return chosen, float(self.alpha) / total

    def _own_callbacks(self) -> list[Callback]:
        """Copies of those of the parameter, which stay as they are."""
        return [callback.separate() for callback in checked_callbacks(self.callbacks or ())]

    def _steps(self) -> Given:
        """The parameters that only the first of several calls of `partial_fit` looks at."""
        solver = settings.optimizer(self.solver, 0.0, 1.0, self.momentum, self.nesterovs_momentum)
        methods = self._method()
        return {
            "solver": (self.solver, (solver.name, solver.states)),
            "method": (self.method, [method.settings() for method in methods]),
            "callbacks": (self.callbacks, list(self.callbacks or ())),
            "random_state": (self.random_state, self.random_state),
            "max_iter": (self.max_iter, self.max_iter if methods else None),
        }

    def _shown(self) -> list[Callback]:
        return [] if not self.verbose else [ProgressBar()] if self.verbose == 2 else [Lines()]

    def _seeds(self) -> list[int]:
        """Of the network, the validation split and the order of the samples."""
        rng = check_random_state(self.random_state)
        return [int(seed) for seed in rng.randint(np.iinfo(np.int32).max, size=3)]

    def _validation_score(self, network: MLP, validation: Examples) -> float:
        Y = network.predict(validation.X)
        return self._score(Y, validation.T, validation.w) if np.isfinite(Y).all() else math.nan


def _float_type(X: np.ndarray) -> np.dtype:
    """In which the network computes: as X, for bytes float32."""
    return np.dtype(np.float32) if X.dtype == np.uint8 else X.dtype
