"""The activation layer: a linear map followed by an activation function.        [arXiv:2511.11918, activation layer]"""

from nerva_py.matrix.dispatch import primitive

from .linear import linear


@primitive(on=1)
def activation_layer(X, W, b, f):
    """Y = f(X Wᵀ + 1_N b), where nobody asks for the argument of f later on        -> (N, K)"""
    return f(linear(X, W, b))
