"""A loss: that of single samples, and its gradient."""

import nerva_py as nv
from nerva_py.equations.losses import Loss
from nerva_py.matrix import apply, rows_sum
from nerva_py.matrix.scalars import scalar_function, sqrt


@scalar_function
def pseudo_huber(x):
    """√(1 + x²) − 1"""
    return sqrt(1 + x * x) - 1


@scalar_function
def pseudo_huber_derivative(x):
    """x / √(1 + x²)"""
    return x / sqrt(1 + x * x)


def samples(Y, T):
    """√(1 + (Y − T)²) − 1, summed over each row"""
    return rows_sum(apply(pseudo_huber, Y - T))


def gradient(Y, T):
    """(Y − T) / √(1 + (Y − T)²)"""
    return apply(pseudo_huber_derivative, Y - T)


PseudoHuber = nv.register("loss", Loss("PseudoHuber", samples, gradient))
