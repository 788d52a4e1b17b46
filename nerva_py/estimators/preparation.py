"""The parameters of the estimators, and what is made of them and of samples before training."""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, validate_data

from nerva_py.errors import NervaError
from nerva_py.network import MLP, mlp
from nerva_py.quantities import real
from nerva_py.sparse import get_backend
from nerva_py.topology import DynamicTopology
from nerva_py.topology import method as resolve_method
from nerva_py.training import Callback, Optimizer, ProgressBar
from nerva_py.training.callbacks import checked_callbacks

from . import settings
from .fitted import DTYPES, FittedNetwork, taken
from .monitoring import Lines
from .samples import Examples, product, relative
from .settings import Given, changed


class Prepared(FittedNetwork):
    """The parameters; a subclass says what the targets are."""

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

    # The parameters that made the network, and those that partial_fit goes on with.
    _built: Given
    _given: Given

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
