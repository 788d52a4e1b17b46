"""The linear layer, forward and backward.        [arXiv:2511.11918, linear layer]

X (N, D) input batch, W (K, D), b (1, K), Y (N, K); DX is the gradient of the loss with respect to X. The gradient of W is an
`Outer`, DYᵀ X that waits for its support: `DW.on(W)` computes it there.
"""

from nerva_py.matrix import Outer, columns_sum, row_repeat
from nerva_py.matrix.dispatch import primitive


@primitive(on=1, also=0)
def linear(X, W, b):
    """Y = X Wᵀ + 1_N b        X (N, D), W (K, D), b (1, K) -> Y (N, K)"""
    return X @ W.T + row_repeat(b, X.shape[0])


def linear_backward(X, W, DY, needs_DX=True):
    """DX = DY W,   DW = DYᵀ X on the support of W,   Db = 1_Nᵀ DY        -> (N, D) or None, `Outer`, (1, K)"""
    DX = DY @ W if needs_DX else None
    return DX, Outer(DY, X), columns_sum(DY)
