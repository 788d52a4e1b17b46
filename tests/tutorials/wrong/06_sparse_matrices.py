"""Answers to the exercises of 06_sparse_matrices that are wrong, each with a part of what is to be told."""

import numpy as np


def row_pointers__no_zero(A):
    """has shape (6,), but (7,) is expected"""
    return np.cumsum((A != 0).sum(axis=1))


def row_pointers__columns(A):
    """has shape (6,), but (7,) is expected"""
    return np.concatenate(([0], np.cumsum((A != 0).sum(axis=0))))


def gradient_on_support__all(DY, X, indptr, indices):
    """but (7,) is expected"""
    return DY.T @ X


def gradient_on_support__mean(DY, X, indptr, indices):
    """hint: one number a weight, in the order of `indices`"""
    rows = np.repeat(np.arange(DY.shape[1]), np.diff(indptr))
    return (DY[:, rows] * X[:, indices]).mean(axis=0)


def column_pointers__too_short(indices, D):
    """hint: columns without weights count, too"""
    return np.concatenate(([0], np.cumsum(np.bincount(indices))))


def operations_per_byte__without_indices(N, K, D, nnz):
    """✗ operations_per_byte returns"""
    return 2 * N * nnz / (4 * nnz + 4 * N * D + 4 * N * K)
