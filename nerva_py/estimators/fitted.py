"""What is read from the network of a fitted estimator: predictions, weights, shares of the inputs; and its pickles."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from nerva_py import threads
from nerva_py.engine.checked_matrices import if_sparse_checked
from nerva_py.errors import NervaError
from nerva_py.network import MLP
from nerva_py.quantities import integer, native
from nerva_py.sparse.storage import as_csr
from nerva_py.topology import input_importance

from .incremental import Increments

PREDICTED = 1000  # samples in a batch of predictions
# Weights times samples of a batch, below which a second thread gains little, and on a busy machine costs much: a step of 5
# million took 1.4 ms with one thread and 1.0 ms with two, of 1.5 million 0.43 ms with either; but where other programs compute,
# too, threads that wait for each other take ten times as long.
SMALL = 5_000_000
DTYPES = (np.float64, np.float32, np.uint8)  # of X, kept as they are; everything else becomes float64


class FittedNetwork(BaseEstimator):
    """An estimator's side that needs its network only."""

    network_: MLP  # absent before fit
    _increments: Increments | None
    n_threads: int | None

    @abstractmethod
    def _out_activation(self) -> str:
        """scikit-learn's name of what `predict` or `predict_proba` does with the outputs."""

    def _threads(self, network: MLP, batch_size: int) -> int | None:
        """`n_threads`; where it is None a single thread for small work, which another thread would only delay."""
        if self.n_threads is not None:
            return integer("n_threads", self.n_threads, 1)
        return 1 if network.nnz * batch_size < SMALL else None

    def _outputs(self, X: Any) -> np.ndarray:
        """Y (M, K), before the softmax or the logistic function."""
        check_is_fitted(self)
        X = validate_data(self, taken("X", X), reset=False, accept_sparse="csr", dtype=DTYPES, order="C")
        with threads.limited(self._threads(self.network_, min(PREDICTED, X.shape[0]))):
            return self.network_.predict(X, PREDICTED)

    @property
    def coefs_(self) -> list[csr_array]:
        """The stored weights of each layer, a CSR array (inputs, outputs): the transpose of W (K, D)."""
        check_is_fitted(self)
        return [csr_array(as_csr(layer.W.value).csr.T) for layer in self.network_.linear_layers]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The bias of each layer, (outputs,)."""
        check_is_fitted(self)
        return [layer.b.value[0] for layer in self.network_.linear_layers]

    @property
    def feature_importances_(self) -> np.ndarray:
        """Σ_k |w_ki| of the first layer, the strength of input i, as a share of all: (D,)        [arXiv:2012.00560]"""
        check_is_fitted(self)
        strength = input_importance(self.network_.linear_layers[0].W.value)
        return strength / (strength.sum() or 1.0)

    @property
    def n_layers_(self) -> int:
        """Number of layers, inputs and outputs among them."""
        check_is_fitted(self)
        return len(self.network_.sizes)

    @property
    def n_outputs_(self) -> int:
        """Number of outputs of the network."""
        check_is_fitted(self)
        return self.network_.sizes[-1]

    @property
    def density_(self) -> float:
        """Stored weights as a share of those of the dense network."""
        check_is_fitted(self)
        return self.network_.density

    @property
    def out_activation_(self) -> str:
        """What is done with the outputs of the network: "softmax", "logistic" or "identity"."""
        check_is_fitted(self)
        return self._out_activation()

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def taken(name: str, given: Any) -> Any:
    """What a user gives: a sparse matrix in CSR, with indices that scikit-learn and SciPy can follow; an array in the order of
    this machine's bytes, as scikit-learn would make float64 of another one. Raises NervaError."""
    return native(given) if isinstance(given, np.ndarray) else if_sparse_checked(name, given, NervaError)


def read_only(network: MLP) -> bool:
    """Whether it cannot be trained as it is, because joblib has mapped it from a file."""
    return not all(parameter.vector.flags.writeable for parameter in network.parameters())
