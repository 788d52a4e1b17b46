"""Truly sparse weights: the support, the values, and the products in compiled kernels."""

from .backends import BACKENDS, Backend, get_backend
from .densities import erdos_renyi, erdos_renyi_epsilon, nonzeros, per_layer, uniform
from .support import Support
from .weight import SparseWeight

__all__ = [
    "BACKENDS",
    "Backend",
    "SparseWeight",
    "Support",
    "erdos_renyi",
    "erdos_renyi_epsilon",
    "get_backend",
    "nonzeros",
    "per_layer",
    "uniform",
]
