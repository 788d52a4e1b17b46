"""`SparseMLPRegressor`: half the squared error, linear outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if

from nerva_py.errors import NervaError

from .base import SparseMLP, has_mini_batches
from .parameters import PARAMETERS

LOSSES = {"squared_error": "HalfSquaredError", "poisson": "PoissonLikelihood"}  # scikit-learn's names -> ours


class SparseMLPRegressor(RegressorMixin, SparseMLP):
    __doc__ = f"""A truly sparse multilayer perceptron for regression, as scikit-learn's MLPRegressor is a dense one.

    Minimises the mean over the samples of ½ Σ_k (y_k − t_k)², plus λ/2 ‖W‖²; with `loss="poisson"`, for counts, of
    Σ_k (exp y_k − t_k y_k), and predicts exp y. Targets are (M,) or (M, K).
    {PARAMETERS}"""

    _y_numeric = True

    @available_if(has_mini_batches)
    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> SparseMLPRegressor:
        """One epoch on these samples, with the network and the optimizer as the last call left them. Returns self.

        A topology method sees the calls as the epochs of one training of `max_iter` epochs.
        """
        self._partial_fit(X, y, sample_weight)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """The targets of each sample of X (M, D): (M,), or (M, K) if y was a matrix."""
        Y = self._means(self._outputs(X))
        return Y[:, 0] if self._flat else Y

    def _means(self, Y: np.ndarray) -> np.ndarray:
        """What outputs Y of the network say of the targets."""
        return np.exp(Y) if self.loss == "poisson" else Y

    def _loss(self) -> str:
        if self.loss not in LOSSES:
            raise NervaError(f"loss must be one of {', '.join(LOSSES)}, not {self.loss!r}")
        return LOSSES[self.loss]

    def _out_activation(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _learn(self, y: Any, classes: ArrayLike | None) -> None:
        if self.loss == "poisson" and (np.asarray(y) < 0).any():
            raise NervaError('y must not be negative with loss="poisson", which is of counts')
        self._flat = y.ndim == 1 or y.shape[1] == 1
        self._targets_fitted = 1 if self._flat else y.shape[1]

    def _targets(self, y: Any, dtype: np.dtype) -> np.ndarray:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        T = np.require(y.reshape(len(y), -1), dtype, "C")
        if T.shape[1] != self._targets_fitted:
            raise NervaError(f"y has {T.shape[1]} targets, but the model was fitted with {self._targets_fitted}")
        return T

    def _score(self, Y: np.ndarray, T: np.ndarray, w: np.ndarray | None) -> float:
        return float(r2_score(T, self._means(Y), sample_weight=w))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
