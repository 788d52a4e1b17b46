"""Rows in registers against arrays: every size of a tile, every lane of the last vector, the order in which sums are folded."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerva_py.engine import batch_layout, compiling, rows
from nerva_py.engine.compiling import at, kernel
from nerva_py.engine.rows import fill, four_inner, inner, lanes, load, multiply_add, store
from tests.samples import DTYPES, batch

VECTORS = (1, 2, 3, 4, 7, rows.MOST)
ROOT = Path(__file__).parents[2]


@cache
def scaled_sum(vectors):
    """y = c + w x for column 1 of X, in column 2 of Y, from sample `start` on."""

    @kernel("F1, F2, F2, i")
    def scaled_sum(c, X, Y, start):
        row = multiply_add(fill(c[0], vectors), c[1], load(X, at(1), start, vectors))
        store(row, Y, at(2), start, vectors)

    return scaled_sum


@cache
def products(vectors):
    """Of column 1 of X with five columns: the first four together, the last alone."""

    @kernel("F2, F2, I1, F1, i")
    def products(X, Y, indices, out, start):
        row = load(X, at(1), start, vectors)
        out[0], out[1], out[2], out[3] = four_inner(row, Y, indices, at(1), start, vectors)
        out[4] = inner(row, load(Y, at(indices[5]), start, vectors))

    return products


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("vectors", VECTORS)
def test_rows_of_every_length(vectors, dtype, rng):
    """What is beyond the batch is neither read (it is NaN) nor written."""
    width = lanes(np.dtype(dtype))
    for N in range((vectors - 1) * width + 1, vectors * width + 1):
        memory = np.full((4, N + 3), np.nan, dtype)
        X, Y = memory.T[:N], memory.copy().T[:N]
        X[...], Y[...] = rng.standard_normal((N, 4)), 7
        c = np.array([0.5, 2], dtype)
        scaled_sum(vectors)(c, X, Y, 0)
        np.testing.assert_array_equal(Y[:, 2], c[0] + c[1] * X[:, 1])
        assert (Y[:, [0, 1, 3]] == 7).all()
        assert np.isnan(memory[:, N:]).all()
        out, indices = np.empty(5, dtype), np.array([9, 0, 1, 2, 3, 0], np.int32)
        products(vectors)(X, X, indices, out, 0)
        exact = X.astype(np.longdouble)
        bound = 30 * np.finfo(dtype).eps * (abs(exact).T @ abs(exact[:, 1]))
        assert (abs(out[:4] - exact.T @ exact[:, 1]) <= bound).all()
        assert out[4] == out[0]  # in one order, whether alone or together


@pytest.mark.parametrize("dtype", DTYPES)
@given(N=st.integers(1, 700))
def test_tiles_cover_a_batch(dtype, N):
    tiles = rows.tiles(N, np.dtype(dtype))
    width = lanes(np.dtype(dtype))
    ends = [start + vectors * width for start, vectors in tiles]
    assert [start for start, _ in tiles] == [0, *ends[:-1]]
    assert ends[-1] - width < N <= ends[-1]
    assert max(vectors for _, vectors in tiles) <= rows.MOST
    assert len({vectors for _, vectors in tiles}) <= 2
    assert rows.tiles(0, np.dtype(dtype)) == []


@settings(deadline=None, max_examples=25)
@given(N=st.integers(1, 40), tile=st.integers(0, 2), seed=st.integers(0, 99))
def test_a_tile_in_the_midst(N, tile, seed):
    """Rows of other tiles are left alone."""
    rng = np.random.default_rng(seed)
    start = tile * lanes(np.dtype(np.float32))
    X, Y = batch(rng, start + N, 3, np.float32), batch(rng, start + N, 3, np.float32)
    before = Y.copy()
    scaled_sum(1)(np.array([1, -3], np.float32), X, Y, start)
    inside = slice(start, start + lanes(np.dtype(np.float32)))
    np.testing.assert_allclose(Y[inside, 2], 1 - 3 * X[inside, 1], rtol=1e-6, atol=1e-6)
    before[inside, 2] = Y[inside, 2]
    np.testing.assert_array_equal(Y, before)


def test_nan_and_infinity_stay():
    X = batch_layout(np.array([[0, np.nan], [0, np.inf], [0, 1]], np.float32))
    Y = np.zeros((3, 3), np.float32, order="F")
    scaled_sum(1)(np.array([0, 0], np.float32), X, Y, 0)
    np.testing.assert_array_equal(Y[:, 2], [np.nan, np.nan, 0])


@pytest.mark.skipif(not compiling.JIT, reason="nothing is compiled")
@pytest.mark.parametrize("features", ["+sse4.2", "+avx,+avx2,+fma"])
def test_machines_with_shorter_vectors(features, tmp_path):
    """As on a machine without AVX-512, and on one without AVX: the first of these tests, compiled for them."""
    if os.environ.get("NUMBA_CPU_FEATURES"):
        pytest.skip("this is such a run")
    environment = {
        **os.environ,
        "NUMBA_CPU_FEATURES": features,
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-x", str(Path(__file__)), "-k", "7-float or 1-float"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
