"""Random matrices and weights for tests."""

from __future__ import annotations

import numpy as np

from nerva_py.engine import batch_empty
from nerva_py.sparse import DenseWeight, SparseWeight

DTYPES = (np.float32, np.float64)
TOLERANCE = {np.dtype(np.float32): 2e-5, np.dtype(np.float64): 1e-12}


def batch(rng: np.random.Generator, N: int, K: int, dtype=np.float64) -> np.ndarray:
    """A batch-contiguous normal matrix (N, K)."""
    X = batch_empty(N, K, dtype)
    X[...] = rng.standard_normal((N, K))
    return X


def one_hot(rng: np.random.Generator, N: int, K: int, dtype=np.float64) -> np.ndarray:
    """Targets of a classification."""
    return np.asfortranarray(np.eye(K, dtype=dtype)[rng.integers(0, K, N)])


def sparse(rng: np.random.Generator, K: int, D: int, density=0.4, dtype=np.float64, backend="numba") -> SparseWeight:
    return SparseWeight.random((K, D), density, rng, dtype=dtype, backend=backend)


def dense(rng: np.random.Generator, K: int, D: int, dtype=np.float64) -> DenseWeight:
    return DenseWeight(sparse(rng, K, D, 1.0, dtype).toarray())


def assert_close(actual, expected, dtype=None) -> None:
    """Equal within the rounding errors of a few hundred operations in the element type."""
    actual = np.asarray(actual)
    tolerance = TOLERANCE[np.dtype(dtype or actual.dtype)]
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)
