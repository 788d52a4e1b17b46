"""Truly sparse weights: the support, the values, and the products in compiled kernels."""

from . import gradient_growth  # noqa: F401  registers
from .backends import BACKENDS, Backend, get_backend
from .dense_weight import DenseWeight
from .densities import erdos_renyi, erdos_renyi_epsilon, nonzeros, per_layer, uniform
from .growth import first_free, random_free
from .remap import Remap
from .storage import Weight
from .support import Support
from .weight import SparseWeight

__all__ = [
    "BACKENDS",
    "Backend",
    "DenseWeight",
    "Remap",
    "SparseWeight",
    "Support",
    "Weight",
    "erdos_renyi",
    "erdos_renyi_epsilon",
    "first_free",
    "get_backend",
    "nonzeros",
    "per_layer",
    "random_free",
    "uniform",
]
