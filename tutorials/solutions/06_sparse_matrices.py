"""Solutions of the exercises of 06_sparse_matrices."""

import numpy as np


def row_pointers(A):
    return np.concatenate(([0], np.cumsum((A != 0).sum(axis=1))))


def gradient_on_support(DY, X, indptr, indices):
    rows = np.repeat(np.arange(DY.shape[1]), np.diff(indptr))
    return (DY[:, rows] * X[:, indices]).sum(axis=0)


def column_pointers(indices, D):
    return np.concatenate(([0], np.cumsum(np.bincount(indices, minlength=D))))


def operations_per_byte(N, K, D, nnz):
    return 2 * N * nnz / (8 * nnz + 4 * N * D + 4 * N * K)
