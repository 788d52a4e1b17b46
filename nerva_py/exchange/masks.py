"""Masked arrays, CSR matrices and weight matrices: the same numbers at the same positions, in three forms.

Nothing is added to a number on the way, so that a kept zero stays kept and −0 stays −0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from scipy.sparse import csr_array, issparse

from nerva_py.engine.checked_matrices import sorted_csr
from nerva_py.errors import NervaError, ShapeError
from nerva_py.sparse import DenseWeight, SparseWeight, Support, Weight
from nerva_py.sparse.storage import as_csr, stored


def csr_from_mask(array: ArrayLike, mask: ArrayLike) -> csr_array:
    """The numbers of a dense (K, D) array at the positions where the mask is not 0, zeros among them included.

    Raises ShapeError where array and mask are not matrices of one shape.
    """
    array, mask = np.asarray(array), np.asarray(mask)
    if array.ndim != 2 or mask.shape != array.shape:
        raise ShapeError(f"array and mask must be matrices of one shape, not of {array.shape} and {mask.shape}")
    support = Support.from_mask(mask)
    data = array[support.rows(), support.indices]
    return csr_array((data, support.indices, support.indptr), shape=array.shape)


def mask_from_csr(matrix: csr_array) -> tuple[np.ndarray, np.ndarray]:
    """(array, mask): the dense (K, D) array of a CSR matrix, and 1 at its stored positions, 0 elsewhere, as uint8.

    Raises NervaError for a matrix that is not valid.
    """
    csr = sorted_csr("matrix", matrix, NervaError)
    rows = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
    array, mask = np.zeros(csr.shape, csr.dtype), np.zeros(csr.shape, np.uint8)
    array[rows, csr.indices] = csr.data
    mask[rows, csr.indices] = 1
    return array, mask


def csr_of(W: Weight) -> csr_array:
    """The weights of a layer as a new CSR matrix. Of a dense layer all positions are stored."""
    return as_csr(W).csr.copy()


def weight_of(matrix: csr_array | np.ndarray, dtype: DTypeLike = np.float32, backend: str = "numba") -> Weight:
    """The weight matrix of a layer: its support is what a sparse matrix stores, or all positions of a dense array.
    Raises NervaError."""
    if not issparse(matrix):
        array = np.array(matrix, dtype, order="C")
        if array.ndim != 2:
            raise ShapeError(f"a weight matrix must have two dimensions, not shape {array.shape}")
        return DenseWeight(array, backend)
    W = SparseWeight.from_scipy(matrix, dtype, backend)
    return stored(W.support, W.data, backend)
