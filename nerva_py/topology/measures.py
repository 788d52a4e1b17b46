"""What can be said about a topology: degrees, neurons that nothing reaches, distance, and a summary for the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nerva_py.errors import ShapeError
from nerva_py.sparse import Support

if TYPE_CHECKING:
    from .layer import TopologyLayer
    from .strategy import Change


def in_degrees(support: Support) -> np.ndarray:
    """Number of incoming weights of each output neuron: (K,)"""
    return np.diff(support.indptr).astype(np.int64)


def out_degrees(support: Support) -> np.ndarray:
    """Number of outgoing weights of each input: (D,)"""
    K, D = support.shape
    return np.full(D, K) if support.full else np.bincount(support.indices, minlength=D)


def distance(A: Support, B: Support) -> float:
    """1 − |A ∩ B| / |A ∪ B|: 0 for equal topologies, 1 for those that share no position (Jaccard). O(nnz of both).

    Raises ShapeError for supports of two shapes.
    """
    if A.shape != B.shape:
        raise ShapeError(f"distance: the shapes {A.shape} and {B.shape} differ")
    common = int(np.count_nonzero(A.find(B) >= 0))
    either = A.nnz + B.nnz - common
    return 1 - common / either if either else 0.0


def degree_statistics(degrees: np.ndarray) -> dict[str, float]:
    """Smallest, mean, largest and standard deviation."""
    return {
        "min": int(degrees.min()), "mean": float(degrees.mean()), "max": int(degrees.max()), "std": float(degrees.std()),
    }  # fmt: skip


def measured(layers: Sequence[TopologyLayer], changes: Sequence[Change]) -> dict[str, Any]:
    """R_s of the whole network and, for each layer: R_s, nnz, density, what was dropped and grown since the epoch began as
    shares of the weights that there were then, number of updates, neurons without inputs and without outputs, degrees.

    A neuron of layer l is without outputs if no weight of layer l + 1 leaves it; those of the last layer are the outputs.
    """
    degrees = [(in_degrees(layer.support), out_degrees(layer.support)) for layer in layers]
    rows = []
    for n, (layer, change) in enumerate(zip(layers, changes, strict=True)):
        inputs, outputs = degrees[n]
        leaving = degrees[n + 1][1] if n + 1 < len(layers) else None
        rows.append({
            "layer": layer.number,
            "R_s": layer.coverage.share,
            "nnz": layer.nnz,
            "density": layer.nnz / layer.size,
            "dropped": change.dropped / max(change.before, 1),
            "grown": change.grown / max(change.before, 1),
            "updates": change.updates,
            "without_inputs": int(np.count_nonzero(inputs == 0)),
            "without_outputs": 0 if leaving is None else int(np.count_nonzero(leaving == 0)),
            "in_degree": degree_statistics(inputs),
            "out_degree": degree_statistics(outputs),
        })  # fmt: skip
    active = sum(layer.coverage.count for layer in layers)
    return {"R_s": active / sum(layer.size for layer in layers), "layers": rows}
