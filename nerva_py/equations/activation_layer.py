"""The activation layer: a linear map followed by an activation function.        [arXiv:2511.11918, activation layer]"""

from nerva_py.matrix import affine_apply

from .linear import linear, linear_backward


def activation_layer(X, W, b, f):
    """Z = X Wᵀ + 1_N b,   Y = f(Z)        -> Y (N, K), Z (N, K)"""
    Z = linear(X, W, b)
    return f(Z), Z


def activation_layer_evaluation(X, W, b, f):
    """Y = f(X Wᵀ + 1_N b), without keeping Z        -> Y (N, K)"""
    return affine_apply(X, W, b, f.function, *f.parameters)


def activation_layer_backward(X, W, Z, DY, f):
    """DZ = DY ⊙ f′(Z),   DX = DZ W,   DW = DZᵀ X,   Db = 1_Nᵀ DZ        -> (N, D), like W, (1, K)"""
    return linear_backward(X, W, f.backward(DY, Z))
