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
from nerva_py.distributed.local_sgd import average_sparse
from nerva_py.errors import NervaError
from nerva_py.matrix.outer import tree_sum


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
