"""Spread of the initial weights of a layer with D inputs and K outputs.        [arXiv:2511.11918, weight initialization]

For a sparse layer `he_deviation` takes the neuron's own number of inputs in the place of D (arXiv:2010.03533).
"""

from nerva_py.matrix.scalars import sqrt


def xavier_bound(K, D):
    """a = 1/√D:   w ~ U(−a, a) has mean 0 and variance 1/(3 D)"""
    return 1 / sqrt(D)


def xavier_normalized_bound(K, D):
    """a = √6/√(D + K):   w ~ U(−a, a) has mean 0 and variance 2/(D + K)"""
    return sqrt(6 / (D + K))


def xavier_normal_deviation(K, D):
    """σ = √(2/(D + K)):   w ~ N(0, σ) has the variance of the normalized Xavier bound"""
    return sqrt(2 / (D + K))


def he_bound(D):
    """a = √6/√D:   w ~ U(−a, a) has the variance of `he_deviation`, 2/D"""
    return sqrt(6 / D)


def he_deviation(D):
    """σ = √(2/D):   w ~ N(0, σ) has variance 2/D, which keeps the mean square of activations through a ReLU layer"""
    return sqrt(2 / D)
