"""Products of a sparse batch and a sparse weight: X Wᵀ + 1_N b, and DYᵀ X on the support of W.

X (N, D) is given by `features, starts, samples, values`, as in `SparseBatch`; W (K, D) by its CSC view `indptr_T, indices_T,
perm`, so that only the columns of W whose feature occurs in the batch are looked at: with 100 nonzeros in each of 100 samples
these are a few thousand of 100,000.

Parallel over the outputs: `parts` cuts the rows of W, and a thread searches in each column for the rows of its part. No two
threads write the same element, and each sum runs through the features in their order, so the results are the same bit for
bit for every number of threads.
"""

from __future__ import annotations

from numba import prange

from nerva_py.engine.compiling import at, column, kernel

from .positions import first_from


@kernel("P1r, I1r, I1r, I1r, F1r, C1r, T1r, L1r, F1r, F1r, F2", parallel=True)
def affine_sparse_input(parts, indptr_T, indices_T, perm, data, features, starts, samples, values, b, Y):
    """Y = X Wᵀ + 1_N b        b (K,), Y (N, K);   2 Σ_d nnz(X_d) nnz(W_d) operations, d the features that occur"""
    N = Y.shape[0]
    for part in prange(parts.size - 1):
        first, past = parts[part], parts[part + 1]
        for k in range(first, past):
            y, bias = column(Y, k), b[k]
            for i in range(N):
                y[i] = bias
        for f in range(features.size):
            end = indptr_T[features[f] + 1]
            p = first_from(indices_T, indptr_T[features[f]], end, first)
            while p < end and indices_T[p] < past:
                w, y = data[perm[p]], column(Y, indices_T[p])
                for q in range(starts[f], starts[f + 1]):
                    y[at(samples[at(q)])] += w * values[at(q)]
                p += 1


@kernel("P1r, I1r, I1r, I1r, I1r, C1r, T1r, L1r, F1r, F2r, F1", parallel=True)
def weight_gradient_sparse_input(
    parts, indptr, indptr_T, indices_T, perm, features, starts, samples, values, DY, gradient
):  # fmt: skip
    """DW = DYᵀ X on the support of W, exactly 0 where a feature does not occur        DY (N, K), gradient (nnz(W),)

    2 Σ_d nnz(X_d) nnz(W_d) operations, d the features that occur, and nnz(W) numbers to write.
    """
    zero = gradient.dtype.type(0)
    for part in prange(parts.size - 1):
        first, past = parts[part], parts[part + 1]
        for p in range(indptr[first], indptr[past]):
            gradient[p] = zero
        for f in range(features.size):
            end = indptr_T[features[f] + 1]
            p = first_from(indices_T, indptr_T[features[f]], end, first)
            while p < end and indices_T[p] < past:
                y, total = column(DY, indices_T[p]), zero
                for q in range(starts[f], starts[f + 1]):
                    total += y[at(samples[at(q)])] * values[at(q)]
                gradient[perm[p]] = total
                p += 1
