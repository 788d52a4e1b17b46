"""Two kinds of weights: nnz < K·D is CSR, nnz = K·D a dense array, and what moves with them when one becomes the other."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nerva_py as nv
from nerva_py.data import make_mini
from nerva_py.sparse import DenseWeight, Remap, SparseWeight, Support, support
from nerva_py.sparse.storage import as_csr, cut, remapped, stored
from nerva_py.sparse.support import FullSupport
from tests import naive
from tests.samples import DTYPES
from tests.sparse.supports import LIMITS, SHAPES, assert_valid, at, int32_limit, positions, supports, threads

pytestmark = pytest.mark.usefixtures("one_thread")


def bits(W, vectors) -> dict[tuple[int, int], bytes]:
    """Those of weight and states at each position."""
    return {
        place: b"".join(one.tobytes() for one in each)
        for place, *each in zip(positions(W.support), W.data, *vectors, strict=True)
    }


def assert_sound(W, vectors, dtype) -> None:
    K, D = W.shape
    assert type(W) is (DenseWeight if W.nnz == K * D else SparseWeight)
    assert W.full == (W.nnz == K * D)
    assert W.nnz == W.data.size == W.support.nnz
    assert W.density == W.nnz / (K * D)
    assert np.array_equal(np.flatnonzero(W.like(np.ones_like(W.data)).toarray()), np.flatnonzero(W.support.mask()))
    assert_valid(W.support)
    for vector in (W.data, *vectors):
        assert (vector.shape, vector.dtype, vector.flags.carray) == ((W.nnz,), dtype, True)


STEPS = st.lists(st.sampled_from(["fill", "empty", "lose one", "gain one", "exchange", "cut"]), min_size=1, max_size=6)


@given(supports(), STEPS, st.sampled_from(DTYPES), st.integers(0, 3), LIMITS, st.integers(0, 10**6))
def test_a_sequence_of_changes_moves_weights_and_states_bit_for_bit(start, steps, dtype, states, limit, seed):
    rng = np.random.default_rng(seed)
    with int32_limit(limit), threads(1):
        S = at(start.shape, positions(start))
        W = stored(S, rng.choice([0.0, -0.0, 1e-30, 2.5], S.nnz).astype(dtype), "scipy")
        vectors = [rng.standard_normal(W.nnz).astype(dtype) for _ in range(states)]
        for step in steps:
            before = bits(W, vectors)
            if step == "cut":
                rows, columns = (np.arange(n) != rng.integers(n) if n > 1 else np.ones(1, bool) for n in W.shape)
                number = [np.cumsum(kept) - 1 for kept in (rows, columns)]
                W, vectors = cut(W, rows, columns, vectors)
                expected = {
                    (number[0][k], number[1][d]): old for (k, d), old in before.items() if rows[k] and columns[d]
                }
            else:
                kept = np.full(W.nnz, step != "empty")
                if step == "exchange":
                    kept = rng.random(W.nnz) < 0.5
                elif step == "lose one" and W.nnz:
                    kept[rng.integers(W.nnz)] = False
                survivors = {place for place, stays in zip(before, kept, strict=True) if stays}
                free = naive.free(W.shape, survivors)
                rng.shuffle(free)
                wanted = {"fill": len(free), "gain one": 1, "exchange": W.nnz - len(survivors)}.get(step, 0)
                grown = at(W.shape, [tuple(place) for place in free[:wanted]])
                fresh = rng.standard_normal(grown.nnz).astype(dtype)
                new = {
                    place: one.tobytes() + bytes(states * dtype().itemsize)
                    for place, one in zip(positions(grown), fresh, strict=True)
                }
                W, vectors = remapped(W, Remap(W.support, kept).inserting(grown), fresh, vectors)
                expected = naive.remap(before, survivors, new)
            assert_sound(W, vectors, dtype)
            assert bits(W, vectors) == expected
            assert W.nnz == 0 or as_csr(W).backend.name == "scipy"


def test_filling_up_is_a_reshape(rng):
    values = rng.standard_normal(12).astype(np.float32)
    W = stored(Support.from_mask(np.ones((3, 4))), values)
    assert isinstance(W, DenseWeight)
    assert np.shares_memory(W.array, values)


# ------------------------------------------------------------------------------------------------------- implicit support


@given(SHAPES, LIMITS, st.integers(0, 10**6))
def test_the_support_of_a_dense_layer_is_like_any_other(shape, limit, seed):
    rng = np.random.default_rng(seed)
    with int32_limit(limit), threads(1):
        full, plain = FullSupport(shape), Support.from_mask(np.ones(shape))
        assert full == plain
        assert plain == full
        assert full == FullSupport(shape)
        assert full != Support.empty(shape)
        assert full != FullSupport((shape[0] + 1, shape[1]))
        for other in (pickle.loads(pickle.dumps(full)), copy.deepcopy(full)):
            assert type(other) is FullSupport
            assert other == full
        assert full.full
        assert (full.nnz, repr(full)) == (plain.nnz, repr(plain))
        assert np.array_equal(full.rows(), plain.rows())
        assert [full.position(place) for place in range(full.nnz)] == positions(plain)
        kept = rng.random(full.nnz) < 0.7
        assert Remap(full, kept).support == Remap(plain, kept).support
        rows, columns = (rng.random(n) < 0.6 for n in shape)
        (one, places), (other, same) = (S.submatrix(rows, columns) for S in (full, plain))
        assert (one.shape, one.nnz) == (other.shape, other.nnz)
        assert np.array_equal(places, same)
        assert np.array_equal(full.find(plain), plain.find(full))
        assert_valid(full)


def test_no_index_of_a_dense_layer_is_made(rng, tmp_path, monkeypatch):
    """Not in building, training, pruning, evaluation, saving, loading, copying, the removal of neurons."""

    def refused(_) -> None:
        raise AssertionError("the indices of a dense layer")

    monkeypatch.setattr(FullSupport, "indices", property(refused))
    monkeypatch.setattr(FullSupport, "rows", refused)
    data, layers = make_mini(110, 40, rng), "ReLU;BatchNorm;ReLU;Linear"
    net = nv.mlp(layers, [8, 20, 12, 3], layer_densities=[1.0, 0.3, 1.0], dropouts=[0.1, 0, 0], seed=1)
    nv.train(net, data, epochs=2, optimizer="Adam", callbacks=[nv.method("SET(0.3)")])
    nv.save(net, tmp_path / "net.npz", data=data)
    again = nv.load(tmp_path / "net.npz")
    assert np.array_equal(again.predict(data.Xtest), net.predict(data.Xtest))
    nv.train(
        again, data, epochs=3, callbacks=[nv.method("GraNet(0.2, every=2)"), nv.ModelCheckpoint(tmp_path / "run.npz")]
    )
    assert all(layer.W.value.density < 1 for layer in again.linear_layers)
    nv.topology.remove_neurons(net, 1, np.arange(20) % 3 > 0)
    nv.plots.degrees(net, 1)
    copy.deepcopy(net).predict(data.Xtest)


# ------------------------------------------------------------------------------------------------------- who asks which kind

# Files keep the two kinds in two ways, and a table tells how a layer is stored, and what its indices take.
ASKING = {"checkpoints/networks.py", "cli/layer_table.py"}


def test_only_these_ask_which_kind_it_is():
    package = Path(nv.__file__).parent
    question = re.compile(
        r"isinstance\([^()]*\b(SparseWeight|DenseWeight)\b|type\([^()]*\) is (Sparse|Dense)Weight|\b[VW]\.sparse\b"
    )
    asking = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if "sparse" not in path.relative_to(package).parts and question.search(path.read_text(encoding="utf-8"))
    }
    assert asking == ASKING


def test_int64_positions_of_a_dense_layer(monkeypatch):
    monkeypatch.setattr(support, "INT32_LIMIT", 0)
    assert FullSupport((2, 3)).indptr.dtype == FullSupport((2, 3)).indices.dtype == np.int64
