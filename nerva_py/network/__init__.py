"""Networks: layers, initial weights, and how they are specified."""

from . import passes  # noqa: F401  registers
from .building import mlp
from .initializers import INITIALIZERS, Initializer
from .layers import ActivationLayer, BatchNormLayer, DropoutLayer, Layer, LinearLayer
from .mlp import MLP
from .outputs import OUTPUTS
from .parameter import Parameter

__all__ = [
    "INITIALIZERS",
    "MLP",
    "OUTPUTS",
    "ActivationLayer",
    "BatchNormLayer",
    "DropoutLayer",
    "Initializer",
    "Layer",
    "LinearLayer",
    "Parameter",
    "mlp",
]
