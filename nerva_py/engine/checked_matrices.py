"""SciPy's sparse matrices as others give them. SciPy follows their indices without looking, and so do kernels; and it remembers
for ever that indices are sorted, whatever has been done to them since."""

from __future__ import annotations

from typing import Any

from scipy.sparse import bsr_array, csc_array, csr_array, issparse

from nerva_py.errors import NervaError
from nerva_py.quantities import check_real

COMPRESSED = {"csr": csr_array, "csc": csc_array, "bsr": bsr_array}


def checked_csr(name: str, X: Any, error: type[NervaError]) -> csr_array:
    """X in CSR, all of whose indices are within its shape, and of which SciPy knows nothing yet. Never changed; if X is in CSR
    with valid types, its memory is shared. O(nonzeros)

    Raises `error` for what is no matrix of real numbers, and for indices out of range.
    """
    if not issparse(X) or X.ndim != 2:
        given = f"shape {X.shape}" if issparse(X) else f"type {type(X).__name__}"
        raise error(f"{name}: {given}; a two-dimensional SciPy sparse array of real numbers is allowed")
    check_real(name, X, error)
    return _within_shape(name, X, error)


def if_sparse_checked(name: str, X: Any, error: type[NervaError]) -> Any:
    """X in CSR with indices within its shape, as `checked_csr`, if it is sparse: for code of others, which follows them too."""
    return _within_shape(name, X, error) if issparse(X) and X.ndim == 2 else X


def _within_shape(name: str, X: Any, error: type[NervaError]) -> csr_array:
    try:
        if X.format in COMPRESSED:
            for numbers in (X.indices, X.indptr):
                if numbers.dtype.kind not in "iu":  # SciPy would cut off what follows the point
                    raise TypeError(f"indices of type {numbers.dtype}")
            own = COMPRESSED[X.format]((X.data, X.indices, X.indptr), shape=X.shape)
            own.check_format(full_check=True)
            return own if X.format == "csr" else csr_array(own)
        own = X.tocoo()
        for axis, (places, size) in enumerate(zip(own.coords, X.shape, strict=True)):
            if len(places) != len(own.data) or (len(places) and not 0 <= places.min() <= places.max() < size):
                raise ValueError(f"indices of axis {axis} must be {len(own.data)} numbers from 0 to {size - 1}")
        return csr_array(own)
    except (ValueError, TypeError, IndexError) as reason:
        raise error(f"{name}: not a valid {X.format.upper()} matrix ({reason})") from None


def sorted_csr(name: str, X: Any, error: type[NervaError]) -> csr_array:
    """As `checked_csr`, with sorted indices; a position that is stored twice raises `error`, too."""
    if not issparse(X) or X.ndim != 2:
        raise error(f"{name} must be a two-dimensional SciPy sparse array, not {type(X).__name__}")
    csr = checked_csr(name, X, error)
    if not csr.has_sorted_indices:
        csr = csr.sorted_indices()
    if not csr.has_canonical_format:
        raise error(f"{name} must not store a position twice; call sum_duplicates() first")
    return csr
