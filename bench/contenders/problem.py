"""What all contenders start from: data, initial weights on their support, biases, hyperparameters; kept in one file.

Weights are CSR, in the file and in memory, so that wide layers fit; a dense contender calls `toarray`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

SETTINGS = {"learning_rate": float, "momentum": float, "batch_size": int, "threads": int}


@dataclass(frozen=True)
class Problem:
    """X (M, D) bytes, T (M,) class labels, x = u · scale + shift the normalised form; W (K, D) and b (1, K) of each layer."""

    X: np.ndarray
    T: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    weights: list[csr_array]
    biases: list[np.ndarray]
    learning_rate: float = 0.01
    momentum: float = 0.9
    batch_size: int = 100
    threads: int = 2

    @property
    def dense(self) -> bool:
        """Whether every weight is trained."""
        return all(W.nnz == W.shape[0] * W.shape[1] for W in self.weights)

    @property
    def num_classes(self) -> int:
        return self.weights[-1].shape[0]

    @property
    def steps(self) -> int:
        """Steps of an epoch; the last mini-batch may be smaller."""
        return -(-len(self.X) // self.batch_size)

    def normalized(self, X: np.ndarray | None = None) -> np.ndarray:
        """The data (or other samples) as float32; float32 is taken as normalised already."""
        X = self.X if X is None else X
        if X.dtype == np.float32:
            return X
        result = X.astype(np.float32)
        result *= self.scale.astype(np.float32)
        result += self.shift.astype(np.float32)
        return result

    def save(self, path: Path) -> Path:
        arrays: dict[str, Any] = {"X": self.X, "T": self.T, "scale": self.scale, "shift": self.shift}
        for i, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            arrays |= {f"indptr{i}": W.indptr, f"indices{i}": W.indices, f"data{i}": W.data, f"b{i}": b}
        np.savez(path, **arrays, **{name: getattr(self, name) for name in SETTINGS})
        return path

    @classmethod
    def load(cls, path: str | Path) -> Problem:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        weights, D = [], arrays["X"].shape[1]
        biases = [arrays[f"b{i}"] for i in range(sum(name.startswith("indptr") for name in arrays))]
        for i, b in enumerate(biases):
            shape = (b.shape[1], D)
            weights.append(csr_array((arrays[f"data{i}"], arrays[f"indices{i}"], arrays[f"indptr{i}"]), shape=shape))
            D = b.shape[1]
        settings = {name: kind(arrays[name]) for name, kind in SETTINGS.items()}
        return cls(arrays["X"], arrays["T"], arrays["scale"], arrays["shift"], weights, biases, **settings)


def make_problem(
    sizes: list[int],
    sparsity: float,
    X: np.ndarray | None = None,
    T: np.ndarray | None = None,
    *,
    samples: int = 50_000,
    image_shape: tuple[int, int, int] | None = None,
    seed: int = 123,
    **settings: Any,
) -> Problem:
    """A problem with Erdős–Rényi densities; without X and T, of random bytes. `settings` are the hyperparameters.

    The weights are uniform in ±√(3 / mean number of connections of a neuron), so that the outputs, and with them the losses,
    depend on every weight at any sparsity, and comparing them says something.
    """
    from nerva_py.data import from_arrays
    from nerva_py.network.building import checked_sizes
    from nerva_py.sparse import Support, erdos_renyi, nonzeros

    rng = np.random.default_rng(seed)
    if X is None or T is None:
        X, T = rng.integers(0, 256, (samples, sizes[0]), np.uint8), rng.integers(0, sizes[-1], samples)
    data = from_arrays(X, T, num_classes=sizes[-1], image_shape=image_shape)
    shapes = checked_sizes(sizes)
    weights = []
    for shape, density in zip(shapes, erdos_renyi(shapes, 1 - sparsity), strict=True):
        S = Support.random(shape, nonzeros(density, shape), rng)
        bound = np.sqrt(3 * shape[0] / S.nnz)
        values = rng.uniform(-bound, bound, S.nnz).astype(np.float32)
        weights.append(csr_array((values, S.indices, S.indptr), shape=shape))
    biases = [np.zeros((1, K), np.float32) for K, _ in shapes]
    return Problem(data.Xtrain, data.Ttrain, data.scale, data.shift, weights, biases, **settings)
