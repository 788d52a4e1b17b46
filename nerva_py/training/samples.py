"""Samples of a data set as a network takes them: a batch X for its first layer, and the target matrix T."""

from __future__ import annotations

from typing import Any

import numpy as np

from nerva_py.data import Dataset, gather, gather_as_bytes, one_hot
from nerva_py.engine import ByteBatch
from nerva_py.network import MLP
from nerva_py.sparse import plan


def gathered(network: MLP, data: Dataset, rows: np.ndarray, crops: Any = None) -> Any:
    """X (N, D) of these training samples; bytes stay bytes if the first layer takes them and computes sooner with them."""
    first = network.layers[0]
    bytes_fit = data.Xtrain.dtype == np.uint8 and crops is None and ByteBatch in first.accepts
    if bytes_fit and plan.takes_bytes(network.linear_layers[0].W.value, len(rows)):
        return gather_as_bytes(data.Xtrain, rows, data.scale, data.shift, network.dtype)
    return gather(data.Xtrain, rows, data.scale, data.shift, network.dtype, crops, data.image_shape)


def targets(T: np.ndarray, rows: np.ndarray, num_classes: int | None, dtype: np.dtype) -> np.ndarray:
    """The target matrix (N, K) of a batch: one-hot rows of class labels, or the regression targets."""
    if num_classes is None:
        return T[rows].astype(dtype, copy=False)
    return one_hot(T[rows], num_classes, dtype)
