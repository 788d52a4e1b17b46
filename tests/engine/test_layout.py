from __future__ import annotations

import numpy as np
import pytest

from nerva_py.engine import batch_layout, vector_empty


def test_a_vector_is_contiguous():
    v = vector_empty(1000, np.float64)
    assert v.shape == (1000,)
    assert v.flags.carray


def foreign_layouts(X):
    """The same numbers (6, 4), laid out in ways that a batch is not."""
    wide = np.repeat(X, 2, axis=1)
    bytes_before = np.zeros(X.nbytes + 1, np.uint8)
    unaligned = bytes_before[1:].view(X.dtype).reshape(X.shape[::-1]).T
    unaligned[...] = X
    return {
        "C order": np.ascontiguousarray(X),
        "every second column": wide[:, ::2],
        "reversed columns": np.asfortranarray(X[:, ::-1])[:, ::-1],
        "reversed rows": np.asfortranarray(X[::-1])[::-1],
        "unaligned": unaligned,
    }


@pytest.mark.parametrize("layout", foreign_layouts(np.ones((6, 4))))
def test_batch_layout_copies_what_is_laid_out_otherwise(layout, rng):
    X = foreign_layouts(rng.standard_normal((6, 4)))[layout]
    Y = batch_layout(X)
    assert Y is not X
    assert not np.shares_memory(X, Y)
    assert Y.strides[0] == Y.itemsize
    assert Y.strides[1] >= 6 * Y.itemsize
    assert Y.flags.writeable
    np.testing.assert_array_equal(Y, X)


def test_batch_layout_leaves_what_is_read_only(rng):
    X = np.asfortranarray(rng.standard_normal((6, 4)))
    X.flags.writeable = False
    assert batch_layout(X) is X
