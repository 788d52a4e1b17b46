"""A trained parameter: its value, its gradient, and both as vectors for the optimizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from nerva_py.engine import ByteBatch, SparseBatch
from nerva_py.sparse import DenseWeight, SparseWeight

Weight = SparseWeight | DenseWeight
Batch = np.ndarray | SparseBatch | ByteBatch  # the input of a first layer


@dataclass(slots=True)
class Parameter:
    """A matrix (`SparseWeight`, `DenseWeight` or array) and the gradient of the loss with respect to it."""

    name: str
    value: Any
    gradient: Any = None
    decays: bool = True  # whether weight decay acts on it: on weights, not on biases

    @property
    def vector(self) -> np.ndarray:
        """The trained numbers as one vector that shares the parameter's memory."""
        return _vector(self.value)

    @property
    def gradient_vector(self) -> np.ndarray:
        """The gradient, number by number as in `vector`."""
        return _vector(self.gradient)


class Update(NamedTuple):
    """A step of an optimizer: θ, s₁, ... = function(θ, gradient, s₁, ..., *constants) for each number θ of a parameter."""

    function: Callable[..., Any]
    vectors: list[np.ndarray]
    constants: tuple[float, ...]


def _vector(matrix: Any) -> np.ndarray:
    return matrix.reshape(-1) if isinstance(matrix, np.ndarray) else matrix.data
