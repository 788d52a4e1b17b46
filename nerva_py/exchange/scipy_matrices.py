"""Networks from SciPy's sparse matrices, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from scipy.sparse import csr_array, issparse

from nerva_py.errors import NervaError, ShapeError
from nerva_py.network import MLP, BatchNormLayer, LinearLayer
from nerva_py.network.outputs import make_output
from nerva_py.network.specs import split
from nerva_py.quantities import check_real, element_type

from .arguments import checked_network
from .masks import csr_of, weight_of


def from_scipy(
    weights: Sequence[csr_array | np.ndarray],
    biases: Sequence[ArrayLike | None] | None = None,
    activations: str | Sequence[str] | None = None,
    *,
    dtype: DTypeLike | None = None,
    backend: str = "numba",
) -> MLP:
    """The network Y_l = activation_l(Y_{l−1} W_lᵀ + 1_N b_l) of given matrices.

    `weights`: one (K, D) matrix a layer, D the inputs; what a sparse one stores is its support, explicit zeros included,
    and a NumPy array is a dense layer. `biases`: K numbers a layer, None for zeros. `activations`: "ReLU;ReLU;Linear" as
    in `mlp`, one a layer; without them ReLU, and Linear at the end. `dtype`: float64 if a matrix is, else float32.
    All arrays are copied. Raises NervaError.
    """
    if not isinstance(weights, list | tuple) or not weights:
        given = f"a {type(weights).__name__}" if not isinstance(weights, list | tuple) else "an empty one"
        raise NervaError(f"weights must be a list of matrices (K, D), one a layer, not {given}")
    matrices = list(weights)
    names = _names(activations, len(matrices))
    chosen = element_type(dtype or np.result_type(np.float32, *(_dtype(matrix) for matrix in matrices)))
    vectors = list(biases) if biases is not None else [None] * len(matrices)
    if len(vectors) != len(matrices):
        raise NervaError(f"biases must be {len(matrices)}, one a weight matrix, not {len(vectors)}")
    layers = []
    for number, (matrix, bias, name) in enumerate(zip(matrices, vectors, names, strict=True), 1):
        try:
            W = weight_of(matrix, chosen, backend)
        except NervaError as error:
            raise NervaError(f"weights[{number - 1}]: {error}") from None
        b = bias_of(bias, W.shape[0], chosen, f"biases[{number - 1}]")
        place = {"D": W.shape[0], "dtype": chosen, "position": number - 1}
        layers.append(LinearLayer(W, b, make_output(name, "activation", **place)))
        layers[-1].astype(chosen)
    return MLP(layers)


def to_scipy(network: MLP) -> tuple[list[csr_array], list[np.ndarray]]:
    """(weights, biases): a CSR matrix (K, D) and a vector (K,) for each linear layer, all copied.

    Of a dense layer every position is stored. Raises NervaError for batch normalisation, which is no part of these.
    """
    if any(isinstance(layer, BatchNormLayer) for layer in checked_network(network).layers):
        raise NervaError(f"network must have linear layers and dropout only, not {network!r}; save writes everything")
    linear = network.linear_layers
    return [csr_of(layer.W.value) for layer in linear], [layer.b.value[0].copy() for layer in linear]


def bias_of(bias: Any, K: int, dtype: np.dtype, name: str) -> np.ndarray:
    """b (1, K) from a vector, a row or a column; zeros from None."""
    if bias is None:
        return np.zeros((1, K), dtype)
    array = np.asarray(bias)
    if array.shape not in ((K,), (1, K), (K, 1)):
        raise ShapeError(f"{name} must be {K} numbers, one an output of its weight matrix, not of shape {array.shape}")
    return np.array(array.reshape(1, K), dtype, order="C")


def _names(activations: str | Sequence[str] | None, count: int) -> list[str]:
    if activations is None:
        return ["ReLU"] * (count - 1) + ["Linear"]
    names = split(activations) if isinstance(activations, str) else list(activations)
    if len(names) != count:
        raise NervaError(f"activations must be {count}, one a weight matrix, not {len(names)}: {';'.join(names)}")
    return names


def _dtype(matrix: Any) -> np.dtype:
    """float64 for float64, float32 for all else that is real."""
    given = matrix if issparse(matrix) else np.asarray(matrix)
    if given.dtype.kind not in "fiub":
        raise NervaError(f"weights must be matrices of real numbers, not of {given.dtype}")
    check_real("weights", given)
    return np.dtype(np.float64 if given.dtype.char == "d" else np.float32)
