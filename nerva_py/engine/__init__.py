"""What makes the carriers fast: compiled passes, batch layout and memory, BLAS, batches that are stored otherwise.

It knows no equation. Importing it registers compiled passes for primitives on `numpy.ndarray`.
"""

from . import passes  # noqa: F401  registers
from .blas import one_blas_thread
from .layout import batch_layout, vector_empty
from .memory import batch_empty, workspace
from .sparse_batch import SparseBatch

__all__ = [
    "SparseBatch",
    "batch_empty",
    "batch_layout",
    "one_blas_thread",
    "vector_empty",
    "workspace",
]
