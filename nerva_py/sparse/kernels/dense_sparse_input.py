"""Products of a sparse batch and a dense weight: X Wᵀ + 1_N b, and DYᵀ X.

X (N, D) is given by `features, starts, samples, values`, as in `SparseBatch`. Each row of W belongs to one output neuron, so
the loops over neurons are parallel, no two iterations write the same element, and the order of each sum is that of the
features, whatever the number of threads. Y and DY are batch-contiguous, W and DW contiguous row by row.
"""

from __future__ import annotations

from numba import prange

from nerva_py.engine.compiling import column, kernel


@kernel("I1r, T1r, L1r, F1r, F2r, F1r, F2", parallel=True)
def dense_affine_sparse_input(features, starts, samples, values, W, b, Y):
    """Y = X Wᵀ + 1_N b        W (K, D), b (K,), Y (N, K);   2 K nnz(X) operations"""
    N, K = Y.shape
    for k in prange(K):
        y, w, bias = column(Y, k), column(W.T, k), b[k]
        for i in range(N):
            y[i] = bias
        for f in range(features.size):
            weight = w[features[f]]
            for q in range(starts[f], starts[f + 1]):
                y[samples[q]] += weight * values[q]


@kernel("I1r, T1r, L1r, F1r, F2r, F2", parallel=True)
def dense_weight_gradient_sparse_input(features, starts, samples, values, DY, DW):
    """DW = DYᵀ X, exactly 0 where a feature does not occur        DY (N, K), DW (K, D);   2 K nnz(X) operations"""
    K, D = DW.shape
    zero = values.dtype.type(0)
    for k in prange(K):
        y, g = column(DY, k), column(DW.T, k)
        for d in range(D):
            g[d] = zero
        for f in range(features.size):
            total = zero
            for q in range(starts[f], starts[f + 1]):
                total += y[samples[q]] * values[q]
            g[features[f]] = total
