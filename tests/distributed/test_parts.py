"""What can be said of ranks without starting any."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nerva_py as nv
from nerva_py import launch
from nerva_py.distributed import DataParallel, LocalSGD
from nerva_py.distributed.local_sgd import average, average_sparse
from nerva_py.distributed.views import SharedOuter, SynchronousBatchNorm
from nerva_py.equations import updates
from nerva_py.errors import NervaError
from nerva_py.matrix import Outer
from nerva_py.matrix.outer import tree_sum
from nerva_py.sparse import Support
from tests.samples import batch, dense
from tests.samples import sparse as weight


class Alone:
    """Rank 0 of 1."""

    rank, size = 0, 1

    def from_first(self, value):
        return value

    def from_all(self, value):
        return [value]

    def sum(self, vector):
        return vector

    def rows(self, X):
        return X

    def abort(self, code):
        raise SystemExit(code)


class Heard(Alone):
    """One of several ranks; what the others say is given."""

    def __init__(self, others):
        self.others, self.size = others, 1 + len(others)

    def from_all(self, value):
        return [value, *self.others]


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=8, max_size=8))
def test_neighbours_may_add_up_their_own_terms_first(numbers):
    terms = [np.array([x], np.float32) for x in numbers]
    whole = tree_sum(terms)
    for ranks in (2, 4):
        each = 8 // ranks
        own = [tree_sum(terms[r * each : (r + 1) * each]) for r in range(ranks)]
        assert np.array_equal(tree_sum(own), whole)
    assert np.isclose(whole[0], sum(numbers), rtol=1e-4, atol=10)


def sparse(entries: dict[tuple[int, int], float], shape=(3, 4)) -> nv.SparseWeight:
    rows, columns = zip(*sorted(entries), strict=True)
    values = [entries[key] for key in sorted(entries)]
    return nv.SparseWeight(nv.Support.at(shape, rows, columns), np.array(values, np.float32))


def test_an_average_is_on_the_union_and_pruned_to_the_budget():
    here = sparse({(0, 0): 1.0, (0, 1): 0.2, (2, 3): -4.0})
    there = sparse({(0, 0): 3.0, (1, 1): 1.0, (2, 3): -2.0})
    flat = there.support.rows().astype(np.int64) * 4 + there.support.indices
    ranks = Heard([(flat, there.data, [np.array([10.0, 20, 30], np.float32)])])
    W, (state,) = average_sparse(ranks, here, [np.array([1.0, 2, 3], np.float32)])
    # means: (0,0) 2, (0,1) 0.1, (1,1) 0.5, (2,3) −3; three are kept
    assert np.array_equal(W.toarray(), [[2, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 0, -3]])
    assert state.tolist() == [5.5, 10.0, 16.5]


def test_an_average_of_equal_supports_keeps_them():
    here, there = sparse({(0, 0): 1.0, (1, 2): 2.0}), sparse({(0, 0): 2.0, (1, 2): -2.0})
    flat = there.support.rows().astype(np.int64) * 4 + there.support.indices
    W, _ = average_sparse(Heard([(flat, there.data, [])]), here, [])
    assert W.support is here.support
    assert W.data.tolist() == [1.5, 0.0]


class Scripted(Alone):
    """Rank 0 of 2; what the other one says is given, call by call."""

    size = 2

    def __init__(self, *answers):
        self.answers = list(answers)

    def from_all(self, value):
        return [value, self.answers.pop(0)]


def test_a_layer_that_is_full_on_one_rank_only_is_averaged_on_the_union():
    """As when a method has pruned it there and not here."""
    here, there = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32), {(0, 0): 3.0, (1, 1): -2.0}
    network = nv.MLP([nv.network.LinearLayer(nv.sparse.DenseWeight(here.copy()), np.zeros((1, 2), np.float32))])
    for parameter in network.parameters():
        parameter.begin(1)
        parameter.states[0][...] = 1
    other = sparse(there, (2, 2))
    flat = other.support.rows().astype(np.int64) * 2 + other.support.indices
    nothing = np.zeros(2, np.float32)
    ranks = Scripted([False, True], (flat, other.data, [np.array([3.0, 3.0], np.float32)]), nothing, nothing)
    average(ranks, network)
    W, b = network.parameters()
    assert W.value.toarray().tolist() == [[2, 1], [1.5, 1]]
    assert W.states[0].tolist() == [2, 0.5, 0.5, 2]
    assert b.states[0].tolist() == [0.5, 0.5]
    assert not ranks.answers


# ------------------------------------------------------------------------------------------------------------------ views


class Rank(Alone):
    """One of several; what each gives at the next call is known."""

    def __init__(self, rank: int, everyone):
        self.rank, self.everyone, self.size = rank, everyone, len(everyone)

    def from_all(self, value):
        return [value if rank == self.rank else other for rank, other in enumerate(self.everyone)]


def terms_of_ranks(rng, W, masked: bool) -> list[list[Outer]]:
    """Two shards on rank 0, none on rank 1, one on rank 2."""

    def outer(n: int) -> Outer:
        R = W.like(rng.choice([0.0, 2.0], W.data.shape).astype(W.dtype)) if masked else None
        return Outer(batch(rng, n, W.shape[0], W.dtype), batch(rng, n, W.shape[1], W.dtype), R)

    return [[outer(2), outer(3)], [], [outer(4)]]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("stored", ["sparse", "dense"])
def test_a_shared_gradient_is_that_of_all_ranks(stored, masked, rng):
    W = weight(rng, 5, 8) if stored == "sparse" else dense(rng, 5, 8)
    own = terms_of_ranks(rng, W, masked)
    whole = sum(own[0][1:] + own[2], own[0][0])
    pickled = [[(DZ, X, R and R.data) for outer in outers for DZ, X, R in outer.terms] for outers in own]
    known = whole.on(W)
    for rank, outers in enumerate(own):
        shared = SharedOuter(Rank(rank, pickled), W, known, outers)
        assert shared.shape == (5, 8)
        assert shared.on(W) is known
        assert shared.on(W.like(W.data + 1)) is known, "the same support"
        for one, other in zip(shared.stacked(), whole.stacked(), strict=True):
            assert np.array_equal(one, other)
        assert np.array_equal(shared.column_maxima(), whole.column_maxima())
        free = Support.random((5, 8), 6, rng)
        assert shared.largest(4, free) == whole.largest(4, free)
        rows = np.arange(5) < 2
        assert shared.largest(4, free, rows) == whole.largest(4, free, rows)
        assert np.array_equal(shared.gathered().on(W).data, known.data)
        for total in (shared + whole, whole + shared):
            assert np.array_equal(total.on(W).data, (whole + whole).on(W).data)
        if not masked:
            elsewhere = weight(rng, 5, 8)
            assert np.array_equal(shared.on(elsewhere).data, whole.on(elsewhere).data)


def test_a_shared_gradient_updates_with_what_is_known(rng):
    W = weight(rng, 5, 8)
    theta, known = W.data.copy(), W.like(rng.standard_normal(W.nnz))
    result, states = SharedOuter(Alone(), W, known, []).update(updates.gradient_descent, W, (), (0.5, 0.0))
    assert result is W
    assert len(states) == 0
    assert np.array_equal(W.data, theta - 0.5 * known.data)


def test_batch_normalization_of_a_part_is_that_of_the_whole(rng):
    """Y, DX and the running statistics; the gradients are rank 0's, as all are added up."""
    X, DY, parts = batch(rng, 7, 4), batch(rng, 7, 4), [slice(0, 3), slice(3, 4), slice(4, 7)]

    class Rows(Rank):
        whole = (X, DY)

        def __init__(self, rank):
            super().__init__(rank, [part.stop - part.start for part in parts])
            self.calls = 0

        def rows(self, own):
            whole = self.whole[self.calls]
            self.calls += 1
            assert np.array_equal(own, whole[parts[self.rank]])
            return whole

    plain = nv.network.BatchNormLayer(4, np.float64)
    Y, tape = plain.forward(X)
    DX, gradients = plain.backward(tape, DY)
    plain.store(tape)
    for rank, part in enumerate(parts):
        layer = nv.network.BatchNormLayer(4, np.float64)
        view = SynchronousBatchNorm(layer, Rows(rank))
        assert view.parameters == layer.parameters
        own, own_tape = view.forward(X[part])
        assert np.array_equal(own, Y[part])
        assert not layer.mean.any(), "nothing is stored yet"
        view.store(own_tape)
        assert np.array_equal(layer.mean, plain.mean)
        assert np.array_equal(layer.variance, plain.variance)
        own_DX, own_gradients = view.backward(own_tape, DY[part])
        assert np.array_equal(own_DX, DX[part])
        for one, other in zip(own_gradients, gradients, strict=True):
            assert np.array_equal(one, other if rank == 0 else np.zeros_like(other))


def test_arguments_are_checked():
    two = Heard([None])
    for shards in (3, 0, -2, 1.5):
        with pytest.raises(NervaError, match="shards must be a multiple of the number of ranks, 2"):
            DataParallel(two, shards)
    with pytest.raises(NervaError, match="steps must be an integer of at least 1, not 0"):
        LocalSGD(two, 0)
    network = nv.mlp("BatchNormalization;ReLU;Linear", [4, 3, 2], seed=1)
    with pytest.raises(NervaError, match="normalizes batches; not 4"):
        DataParallel(Alone(), 4).agree(network, 1, [])


def test_one_rank_that_is_alone_trains_as_usual():
    data = nv.load_dataset("digits")
    histories = []
    for distributed in (None, DataParallel(Alone(), 1)):
        network = nv.mlp("ReLU;Linear", [64, 30, 10], overall_density=0.2, seed=1)
        histories.append(nv.train(network, data, epochs=1, seed=1, distributed=distributed))
    first, second = (history[-1] for history in histories)
    assert (first.train_loss, first.test_accuracy) == (second.train_loss, second.test_accuracy)


def test_one_rank_that_is_alone_raises_its_errors():
    with pytest.raises(ZeroDivisionError), DataParallel(Alone()).guard():
        _ = 1 / 0


@pytest.fixture
def environment(monkeypatch):
    for name in (*launch.RANK, *launch.RANKS, *launch.LOCAL_RANK, *launch.LOCAL_RANKS, "OMP_PROC_BIND"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_the_place_is_what_the_launcher_says(environment):
    assert launch.place() == launch.Place(0, 1, 0, 1)
    environment.setenv("OMPI_COMM_WORLD_RANK", "5")
    environment.setenv("OMPI_COMM_WORLD_SIZE", "8")
    environment.setenv("OMPI_COMM_WORLD_LOCAL_RANK", "1")
    environment.setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "4")
    assert launch.place() == launch.Place(5, 8, 1, 4)


@pytest.mark.parametrize(("ranks", "cores", "threads"), [(1, 8, 8), (2, 8, 4), (3, 8, 2), (8, 8, 1), (16, 8, 1)])
def test_ranks_times_threads_is_at_most_the_number_of_cores(ranks, cores, threads, environment):
    bound = {}
    environment.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)), raising=False)
    environment.setattr(os, "cpu_count", lambda: cores)
    for rank in range(ranks):
        environment.setattr(
            os, "sched_setaffinity", lambda pid, own, rank=rank: bound.setdefault(rank, set(own)), raising=False
        )
        environment.setenv("MPI_LOCALNRANKS", str(ranks))
        environment.setenv("MPI_LOCALRANKID", str(rank))
        assert launch.share_cores(None) == threads
    if 1 < ranks <= cores:
        assert sum(map(len, bound.values())) == len(set().union(*bound.values())) == ranks * threads, (
            "cores of their own"
        )
    assert (os.environ.get("OMP_PROC_BIND") == "false") == (ranks > cores)
    if threads < 64:
        with pytest.raises(NervaError, match=f"threads must be from 1 to {threads}, not 64"):
            launch.share_cores(64)
