"""An activation with trained parameters: the slope of each neuron for x ≤ 0."""

import numpy as np

import nerva_py as nv
from nerva_py.matrix import apply, columns_sum, hadamard, row_repeat
from nerva_py.matrix.scalars import scalar_function, where
from nerva_py.network import Parameter
from nerva_py.network.outputs import Output


@scalar_function
def positive(x):
    """x for x > 0, else 0"""
    return where(x > 0, x, 0)


@scalar_function
def negative(x):
    """x for x ≤ 0, else 0"""
    return where(x > 0, 0, x)


@scalar_function
def is_positive(x):
    """1 for x > 0, else 0"""
    return where(x > 0, 1, 0)


@scalar_function
def is_not_positive(x):
    """1 for x ≤ 0, else 0"""
    return where(x > 0, 0, 1)


def slopes(Z, a):
    """Y = Z⁺ + Z⁻ ⊙ 1_N a        Z (N, K), a (1, K)"""
    return apply(positive, Z) + hadamard(apply(negative, Z), row_repeat(a, Z.shape[0]))


def slopes_backward(Z, a, DY):
    """DZ = DY ⊙ (1[Z > 0] + 1[Z ≤ 0] ⊙ 1_N a),   Da = 1_Nᵀ (DY ⊙ Z⁻)"""
    A = row_repeat(a, Z.shape[0])
    DZ = hadamard(DY, apply(is_positive, Z) + hadamard(apply(is_not_positive, Z), A))
    return DZ, columns_sum(hadamard(DY, apply(negative, Z)))


@nv.register("activation")
class Slopes(Output):
    """Y = Z⁺ + Z⁻ ⊙ 1_N a"""

    name = "Slopes"
    keeps = "Z"

    def __init__(self, D: int, dtype: object = np.float32, start: float = 0.25):
        self.start = start
        self.a = Parameter("a", np.full((1, D), start, dtype), decays=False)
        self.parameters = (self.a,)

    def __call__(self, Z):
        return slopes(Z, self.a.value)

    def backward(self, DY, Z, Y):
        DZ, Da = slopes_backward(Z, self.a.value, DY)
        return DZ, (Da,)
