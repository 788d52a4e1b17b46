"""`Remap`: a change of the support, and how everything aligned with it moves.

A weight's optimizer state is vectors in the order of `W.data`. When some positions are dropped and others grown, one
`Remap` moves the weights and all those vectors: survivors keep their numbers bit for bit, new positions get fresh ones.
"""

from __future__ import annotations

import copy

import numba
import numpy as np

from nerva_py.errors import NervaError, ShapeError

from .kernels import positions
from .support import Support, index_dtype


class Remap:
    """From the `old` support to the new one, `support`; `source[p]` is the old place of new place p.

    source[p] = −1 − q says that new place p is the q-th position of `inserted`. Raises ShapeError unless `kept`
    has a boolean for each position of the old support.
    """

    def __init__(self, old: Support, kept: np.ndarray):
        """Keep the positions where `kept` (nnz,) is true. O(nnz + K). Raises ShapeError."""
        if kept.shape != (old.nnz,) or kept.dtype != np.bool_:
            raise ShapeError(f"kept must be {old.nnz} booleans, one a position, not {kept.dtype} {kept.shape}")
        self.old, self.kept, self.inserted = old, kept, Support.empty(old.shape)
        self.source = np.flatnonzero(kept).astype(index_dtype(old.nnz, *old.shape), copy=False)
        dtype = index_dtype(self.source.size, *old.shape)
        indptr = np.searchsorted(self.source, old.indptr).astype(dtype)  # places rise with the rows
        self.support = Support._trusted(old.shape, indptr, old.columns(self.source).astype(dtype, copy=False))

    def inserting(self, inserted: Support, returning: bool = False) -> Remap:
        """The same change with positions that are new. O(nnz + K).

        They must not be among those kept. One that has just been dropped starts afresh or, with `returning`, stays as if
        it had not been dropped (and is not in the result's `inserted`). Raises ShapeError for another shape, NervaError
        for a position that is inserted though it is kept.
        """
        if self.inserted.nnz:
            raise NervaError(f"inserting: {self!r} has positions inserted already; insert all at once")
        if inserted.shape != self.old.shape:
            raise ShapeError(f"inserted has shape {inserted.shape}; the support has {self.old.shape}")
        if returning:
            places = self.old.find(inserted)
            again = places[places >= 0]
            if again.size and not self.kept[again].any():
                kept = self.kept.copy()
                kept[again] = True
                return Remap(self.old, kept).inserting(Remap(inserted, places < 0).support)
        result = copy.copy(self)
        result.inserted = inserted
        result.support, result.source = _merged(self, inserted)
        return result

    def move(self, old: np.ndarray, fresh: np.ndarray | None = None) -> np.ndarray:
        """The numbers `old` (old nnz,) in the order of the new support; `fresh` (inserted nnz,) at new positions, else 0.

        Raises ShapeError for other numbers of them.
        """
        if fresh is None:
            fresh = np.zeros(self.inserted.nnz, old.dtype)
        if old.shape != (self.old.nnz,) or fresh.shape != (self.inserted.nnz,):
            raise ShapeError(
                f"move: {self.old.nnz} old and {self.inserted.nnz} fresh numbers are needed, "
                f"not {old.shape} and {fresh.shape}"
            )
        new = np.empty(self.support.nnz, old.dtype)
        positions.move(self.source, old, fresh.astype(old.dtype, copy=False), new)
        return new

    @property
    def grown(self) -> int:
        """How many positions of the new support start afresh."""
        return self.inserted.nnz

    @property
    def dropped(self) -> int:
        """How many positions of the old support did not survive."""
        return self.old.nnz - (self.support.nnz - self.grown)

    def __repr__(self) -> str:
        return f"Remap({self.old!r} -> {self.support!r}, dropped={self.dropped}, grown={self.grown})"


def _merged(remap: Remap, inserted: Support) -> tuple[Support, np.ndarray]:
    """The support of the kept and the inserted positions, and the source of each of its places."""
    old, kept = remap.old, remap.support
    shape, nnz = old.shape, kept.nnz + inserted.nnz
    dtype = index_dtype(old.nnz + inserted.nnz, *shape)  # `source` holds old places, too
    kept_indptr = kept.indptr.astype(dtype, copy=False)
    indptr = kept_indptr + inserted.indptr.astype(dtype, copy=False)
    indices, source = np.empty(nnz, dtype), np.empty(nnz, dtype)
    parts = old.parts(numba.get_num_threads())
    conflicts = np.empty(parts.size - 1, np.int64)
    positions.merge(
        parts, kept_indptr, remap.source.astype(dtype, copy=False), kept.indices.astype(dtype, copy=False),
        inserted.indptr, inserted.indices, indptr, indices, source, conflicts,
    )  # fmt: skip
    if (conflicts >= 0).any():
        k, d = old.position(conflicts.max())
        raise NervaError(f"inserted: position ({k}, {d}) exists and is kept; only free positions can be grown")
    final = index_dtype(nnz, *shape)
    return Support._trusted(shape, indptr.astype(final, copy=False), indices.astype(final, copy=False)), source
