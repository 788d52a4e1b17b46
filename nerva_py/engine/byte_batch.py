"""`ByteBatch`: a batch X (N, D) of bytes that are normalised where they are used, for images."""

from __future__ import annotations

import numpy as np

from .memory import batch_empty


class ByteBatch:
    """x_nd = u_nd · scale_d + shift_d        u (N, D) of uint8, batch-contiguous; scale and shift (D,) of one type

    A quarter of the memory of X in float32, and sooner gathered, which in a very sparse layer takes longer than to compute.
    It stands in a linear layer where a dense batch can stand: `affine(X, W, b)` and
    `product_on(W, DY.T, X)`.
    """

    __slots__ = ("scale", "shift", "u")
    __array_ufunc__ = None  # so that NumPy does not take it for an array of one object

    def __init__(self, u: np.ndarray, scale: np.ndarray, shift: np.ndarray):
        self.u = u
        self.scale = scale
        self.shift = shift

    shape = property(lambda self: self.u.shape, doc="(N, D)")
    dtype = property(lambda self: self.scale.dtype, doc="float32 or float64: what the products are computed in")

    def dense(self) -> np.ndarray:
        """X as a batch-contiguous array."""
        X = batch_empty(self.u.shape[0], self.u.shape[1], self.dtype)
        np.multiply(self.u, self.scale, out=X)
        X += self.shift
        return X

    def __repr__(self) -> str:
        N, D = self.shape
        return f"ByteBatch({N}×{D}, normalised to {self.dtype})"
