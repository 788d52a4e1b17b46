"""A trained parameter: its value, and beside it the state that the optimizer keeps of each of its numbers."""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nerva_py.engine import SparseBatch
from nerva_py.sparse import Remap, Weight, storage

PLACE = ("D", "dtype", "position")  # what a layer's place in the network gives to its constructor
Batch = np.ndarray | SparseBatch  # the input of a first layer


@dataclass(slots=True, eq=False)
class Parameter:
    """A matrix (`SparseWeight`, `DenseWeight` or array), and the optimizer's state: arrays aligned with its numbers.

    Whatever moves the value moves the state: a change of topology, the removal of neurons, a copy, a checkpoint.
    """

    name: str
    value: Any
    decays: bool = True  # whether weight decay acts on it: on weights, not on biases
    states: list[Any] = field(default_factory=list)

    @property
    def vector(self) -> np.ndarray:
        """The trained numbers as one vector that shares the parameter's memory."""
        return vector_of(self.value)

    def begin(self, count: int) -> None:
        """Fresh states of an optimizer that keeps so many numbers for each: all zero. A value that is read-only, as joblib maps
        it from a file, is copied, because it is to be trained."""
        if isinstance(self.vector, np.ndarray) and not self.vector.flags.writeable:
            self.value = copy.deepcopy(self.value)
        theta = self.vector
        self.states = [np.zeros_like(theta) if isinstance(theta, np.ndarray) else 0 * theta for _ in range(count)]

    def remap(self, remap: Remap, fresh: np.ndarray | None = None) -> None:
        """Move to another support: survivors keep value and state bit for bit, new weights get `fresh`, their states 0."""
        self.value, self.states = storage.remapped(self.value, remap, fresh, self.states)

    def keep(self, rows: np.ndarray, columns: np.ndarray) -> None:
        """Keep the rows and columns that booleans mark, of the value and of the state."""
        if isinstance(self.value, np.ndarray):
            block = np.ix_(rows, columns)
            self.states = [np.ascontiguousarray(s.reshape(self.value.shape)[block]).reshape(-1) for s in self.states]
            self.value = np.ascontiguousarray(self.value[block])
        else:
            self.value, self.states = storage.cut(self.value, rows, columns, self.states)

    def astype(self, dtype: Any) -> None:
        """Convert value and state to another element type."""
        self.value, self.states = self.value.astype(dtype), [s.astype(dtype) for s in self.states]


def vector_of(matrix: Any) -> Any:
    """The numbers of an array or a weight as one vector that shares its memory; of a matrix of symbols, itself."""
    if isinstance(matrix, np.ndarray):
        return matrix.reshape(-1)
    return matrix.data if isinstance(matrix, Weight) else matrix


def arguments_of(part: Any) -> dict[str, Any]:
    """The constructor's arguments, read from attributes of the same names; not those that the place in the network gives."""
    names = inspect.signature(type(part)).parameters
    return {name: getattr(part, name) for name in names if name not in PLACE}
