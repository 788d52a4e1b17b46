"""A layer: Y = X ⊙ 1_N g, a trained scale of each feature, and how often it was used as state that is not trained."""

from typing import NamedTuple

import numpy as np

import nerva_py as nv
from nerva_py.matrix import columns_sum, hadamard, row_repeat
from nerva_py.network import Layer, Parameter


def scale(X, g):
    """Y = X ⊙ 1_N g        X (N, D), g (1, D)"""
    return hadamard(X, row_repeat(g, X.shape[0]))


def scale_backward(X, g, DY):
    """DX = DY ⊙ 1_N g,   Dg = 1_Nᵀ (DY ⊙ X)"""
    return hadamard(DY, row_repeat(g, X.shape[0])), columns_sum(hadamard(DY, X))


class Tape(NamedTuple):
    X: np.ndarray
    buffers: dict[str, np.ndarray]


@nv.register("layer")
class FeatureScale(Layer):
    buffers = ("passes",)

    def __init__(self, D: int, dtype: object = np.float32, start: float = 1.0):
        self.start = start
        self.g = Parameter("g", np.full((1, D), start, dtype), decays=False)
        self.parameters = (self.g,)
        self.passes = np.zeros((1, D), dtype)

    def forward(self, X, rng=None):
        return scale(X, self.g.value), Tape(X, {"passes": self.passes + 1})

    def backward(self, tape, DY, needs_DX=True):
        DX, Dg = scale_backward(tape.X, self.g.value, DY)
        return DX, (Dg,)
