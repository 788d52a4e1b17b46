"""Kernels on a bitset of positions: bit d of row k is set once position (k, d) has had a weight. Rows are independent."""

from __future__ import annotations

from numba import prange

from nerva_py.engine.compiling import kernel


@kernel("P1r, I1r, I1r, U2, P1", parallel=True)
def mark(parts, indptr, indices, bits, new):
    """Set the bits of these positions; new[k] = how many of row k were not set before"""
    for part in prange(parts.size - 1):
        for k in range(parts[part], parts[part + 1]):
            total = 0
            for p in range(indptr[k], indptr[k + 1]):
                byte, bit = indices[p] // 8, 1 << (indices[p] % 8)
                if not bits[k, byte] & bit:
                    bits[k, byte] |= bit
                    total += 1
            new[k] = total


@kernel("U2r, i, P1r, P1r, P1", parallel=True)
def unset_columns(bits, D, chosen, ranks, columns):
    """The columns of the unset bits of these ranks: `ranks[chosen[k]:chosen[k+1]]` rise and count within row k"""
    for k in prange(chosen.size - 1):
        q, q_end = chosen[k], chosen[k + 1]
        unset, d = 0, 0
        while q < q_end and d < D:
            if not bits[k, d // 8] & (1 << (d % 8)):
                if unset == ranks[q]:
                    columns[q] = d
                    q += 1
                unset += 1
            d += 1
