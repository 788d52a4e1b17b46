"""Compiled passes for equations on `numpy.ndarray`; importing `nerva_py.network` registers them."""

from __future__ import annotations

import numpy as np

from nerva_py.engine import batch_empty, batch_layout
from nerva_py.engine.elementwise import FEW
from nerva_py.engine.rowwise import residual_kernel
from nerva_py.equations.losses import softmax_cross_entropy_gradient


@softmax_cross_entropy_gradient.register(np.ndarray)
def softmax_residual(Y: np.ndarray, T: np.ndarray) -> np.ndarray:
    """softmax(Y) ⊙ (T 1 1ᵀ) − T in one pass, where both are floating-point numbers of one kind."""
    alike = Y.size and Y.shape == T.shape and Y.dtype == T.dtype and Y.dtype.char in "fd"
    if not alike:
        return softmax_cross_entropy_gradient.definition(Y, T)
    Y = batch_layout(Y)
    DY = batch_empty(Y.shape[0], Y.shape[1], Y.dtype)
    residual_kernel(Y.size > FEW)(Y, batch_layout(T), DY)
    return DY
