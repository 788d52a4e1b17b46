"""The linear layer, forward and backward.        [arXiv:2511.11918, linear layer]

X (N, D) input batch, W (K, D), b (1, K), Y (N, K); DX is the gradient of the loss with respect to X.
"""

from nerva_py.matrix import affine, columns_sum, product_on


def linear(X, W, b):
    """Y = X Wᵀ + 1_N b        X (N, D), W (K, D), b (1, K) -> Y (N, K)"""
    return affine(X, W, b)


def linear_parameter_gradients(X, W, DY):
    """DW = DYᵀ X on the support of W,   Db = 1_Nᵀ DY        -> like W, (1, K)"""
    return product_on(W, DY.T, X), linear_bias_gradient(DY)


def linear_bias_gradient(DY):
    """Db = 1_Nᵀ DY        -> (1, K)"""
    return columns_sum(DY)


def linear_input_gradient(W, DY):
    """DX = DY W        W (K, D), DY (N, K) -> (N, D)"""
    return DY @ W


def linear_backward(X, W, DY):
    """DX = DY W,   DW = DYᵀ X on the support of W,   Db = 1_Nᵀ DY        -> (N, D), like W, (1, K)"""
    return linear_input_gradient(W, DY), *linear_parameter_gradients(X, W, DY)
