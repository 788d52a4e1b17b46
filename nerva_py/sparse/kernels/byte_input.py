"""Products of a batch of bytes and a sparse weight: X Wᵀ + 1_N b, and DYᵀ X on the support of W.

x_nd = u_nd · scale_d + shift_d is never formed. What belongs to a feature is taken out of the loops along the batch:

    y_nk  = Σ_d (w_kd scale_d) u_nd + (b_k + Σ_d w_kd shift_d),
    DW_kd = scale_d Σ_n dy_nk u_nd + shift_d Σ_n dy_nk.

Otherwise these are the loops of `compiled`; a byte becomes a number in the register that it is loaded into.
"""

from __future__ import annotations

from numba import prange

from nerva_py.engine.compiling import at, column, kernel


@kernel("P1, I1, I1, F1, U2, F1, F1, F1, F2", parallel=True)
def affine_bytes(parts, indptr, indices, data, U, scale, shift, b, Y):
    """Y = X Wᵀ + 1_N b        U (N, D), b (K,), Y (N, K);   2 N nnz operations"""
    N = U.shape[0]
    for part in prange(parts.size - 1):
        for k in range(parts[part], parts[part + 1]):
            y, p, end = column(Y, k), indptr[k], indptr[k + 1]
            constant = b[k]
            for q in range(at(p), at(end)):
                constant += data[q] * shift[indices[q]]
            for i in range(N):
                y[i] = constant
            while p + 8 <= end:
                d0, d1, d2, d3 = indices[at(p)], indices[at(p + 1)], indices[at(p + 2)], indices[at(p + 3)]
                d4, d5, d6, d7 = indices[at(p + 4)], indices[at(p + 5)], indices[at(p + 6)], indices[at(p + 7)]
                w0, u0 = data[at(p)] * scale[d0], column(U, d0)
                w1, u1 = data[at(p + 1)] * scale[d1], column(U, d1)
                w2, u2 = data[at(p + 2)] * scale[d2], column(U, d2)
                w3, u3 = data[at(p + 3)] * scale[d3], column(U, d3)
                w4, u4 = data[at(p + 4)] * scale[d4], column(U, d4)
                w5, u5 = data[at(p + 5)] * scale[d5], column(U, d5)
                w6, u6 = data[at(p + 6)] * scale[d6], column(U, d6)
                w7, u7 = data[at(p + 7)] * scale[d7], column(U, d7)
                for i in range(N):
                    y[i] += (
                        w0 * u0[i] + w1 * u1[i] + w2 * u2[i] + w3 * u3[i]
                        + w4 * u4[i] + w5 * u5[i] + w6 * u6[i] + w7 * u7[i]
                    )  # fmt: skip
                p += 8
            while p < end:
                d0 = indices[at(p)]
                w0, u0 = data[at(p)] * scale[d0], column(U, d0)
                for i in range(N):
                    y[i] += w0 * u0[i]
                p += 1


@kernel("P1, I1, I1, F2, U2, F1, F1, F1", parallel=True)
def weight_gradient_bytes(parts, indptr, indices, DY, U, scale, shift, gradient):
    """DW = DYᵀ X on the support of W: one inner product over the batch a nonzero.        2 N nnz operations"""
    N = U.shape[0]
    zero = gradient.dtype.type(0)
    for part in prange(parts.size - 1):
        for k in range(parts[part], parts[part + 1]):
            y, p, end = column(DY, k), indptr[k], indptr[k + 1]
            total = zero
            for i in range(N):
                total += y[i]
            while p + 8 <= end:
                u0, u1 = column(U, indices[at(p)]), column(U, indices[at(p + 1)])
                u2, u3 = column(U, indices[at(p + 2)]), column(U, indices[at(p + 3)])
                u4, u5 = column(U, indices[at(p + 4)]), column(U, indices[at(p + 5)])
                u6, u7 = column(U, indices[at(p + 6)]), column(U, indices[at(p + 7)])
                s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = zero
                for i in range(N):
                    s0 += y[i] * u0[i]
                    s1 += y[i] * u1[i]
                    s2 += y[i] * u2[i]
                    s3 += y[i] * u3[i]
                    s4 += y[i] * u4[i]
                    s5 += y[i] * u5[i]
                    s6 += y[i] * u6[i]
                    s7 += y[i] * u7[i]
                gradient[at(p)], gradient[at(p + 1)], gradient[at(p + 2)], gradient[at(p + 3)] = s0, s1, s2, s3
                gradient[at(p + 4)], gradient[at(p + 5)], gradient[at(p + 6)], gradient[at(p + 7)] = s4, s5, s6, s7
                p += 8
            while p < end:
                u0 = column(U, indices[at(p)])
                s0 = zero
                for i in range(N):
                    s0 += y[i] * u0[i]
                gradient[at(p)] = s0
                p += 1
            for q in range(at(indptr[k]), at(end)):
                d = indices[q]
                gradient[q] = gradient[q] * scale[d] + total * shift[d]
