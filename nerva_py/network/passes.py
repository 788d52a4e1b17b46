"""Compiled passes for equations on `numpy.ndarray`; importing `nerva_py.network` registers them."""

from __future__ import annotations

import numpy as np

from nerva_py.engine.rowwise import softmax_residual
from nerva_py.equations.losses import softmax_cross_entropy_gradient


@softmax_cross_entropy_gradient.register(np.ndarray)
def residual(Y: np.ndarray, T: np.ndarray) -> np.ndarray:
    """softmax(Y) ⊙ (T 1 1ᵀ) − T in one pass, where both are floating-point numbers of one kind."""
    alike = Y.size and Y.shape == T.shape and Y.dtype == T.dtype and Y.dtype.char in "fd"
    return softmax_residual(Y, T) if alike else softmax_cross_entropy_gradient.definition(Y, T)
