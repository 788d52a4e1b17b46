"""All contenders compute the same, and one that does not is found out."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace

import contenders
import numpy as np
import pytest
from contenders import agreement
from contenders.agreement import Evidence, disagreement, evidence
from contenders.problem import Problem
from scipy.sparse import csr_array

from tests.optional import needs

from . import nerva_numpy


class Oracle(contenders.Contender):
    """Dense matrices in float64, masked after every step."""

    def __init__(self, problem: Problem):
        self.problem, self.X = problem, problem.normalized().astype(np.float64)
        self.theta = [(W.toarray().astype(np.float64), b.astype(np.float64)) for W, b in layers(problem)]
        self.masks = [
            csr_array((np.ones(W.nnz), W.indices, W.indptr), shape=W.shape).toarray() for W, _ in layers(problem)
        ]
        self.delta = [(np.zeros_like(W), np.zeros_like(b)) for W, b in self.theta]

    def forward(self, X):
        activations = [X]
        for i, (W, b) in enumerate(self.theta):
            Z = activations[-1] @ W.T + b
            activations.append(Z if i == len(self.theta) - 1 else np.maximum(Z, 0))
        return activations

    def step(self, rows):
        eta, mu = self.problem.learning_rate, self.problem.momentum
        activations, one_hot = self.forward(self.X[rows]), np.eye(10)[self.problem.T[rows]]
        E = np.exp(activations[-1])
        P = E / E.sum(axis=1, keepdims=True)
        DY = (P - one_hot) / len(rows)
        for i in reversed(range(len(self.theta))):
            X, (W, b), (U, v) = activations[i], self.theta[i], self.delta[i]
            DW, Db, DY = DY.T @ X, DY.sum(axis=0, keepdims=True), DY @ W * (X > 0)
            U, v = mu * U - eta * DW, mu * v - eta * Db
            self.theta[i], self.delta[i] = ((W + mu * U - eta * DW) * self.masks[i], b + mu * v - eta * Db), (U, v)
        return -np.log((P * one_hot).sum(axis=1)).mean()

    def loss(self, result):
        return float(result)

    def predict(self, X):
        return self.forward(self.problem.normalized(X))[-1]


def layers(problem: Problem):
    return list(zip(problem.weights, problem.biases, strict=True))


@pytest.fixture
def built(request, monkeypatch):
    """A function that makes the contender of that name; nerva-numpy is a stand-in."""

    def build(name: str, problem: Problem) -> contenders.Contender:
        if name == "nerva-numpy":  # a stand-in, also where the original is installed
            monkeypatch.delitem(sys.modules, "contenders.nerva_numpy_mlp", raising=False)
            for module, content in nerva_numpy.modules().items():
                monkeypatch.setitem(sys.modules, module, content)
            request.addfinalizer(lambda: sys.modules.pop("contenders.nerva_numpy_mlp", None))
        contenders.require(name)
        return contenders.load(name, problem)

    return build


@pytest.fixture
def problem(request) -> Problem:
    return request.getfixturevalue(request.param)


KINDS = {"sparse": SimpleNamespace(dense=False), "dense": SimpleNamespace(dense=True)}
PAIRS = [
    pytest.param(name, kind, id=f"{name}-{kind}", marks=[needs(extra) for extra in ("torch", "mkl") if extra in name])
    for name in contenders.CONTENDERS
    for kind, like in KINDS.items()
    if not contenders.unsuitable(name, like)
]


def test_every_contender_suits_one_kind_at_least_and_ours_both():
    found = [pair.values for pair in PAIRS]
    assert {name for name, _ in found} == set(contenders.CONTENDERS)
    assert {kind for name, kind in found if name == "nerva_py"} == set(KINDS)


@pytest.mark.parametrize(("name", "kind"), [("scikit-learn", "sparse"), ("pytorch-masked", "dense")])
def test_unsuitable_says_why(name, kind):
    assert name in contenders.unsuitable(name, KINDS[kind])


def test_a_missing_package_is_an_import_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "nerva_numpy.activation_functions", None)
    monkeypatch.delitem(sys.modules, "contenders.nerva_numpy_mlp", raising=False)
    with pytest.raises(ImportError, match="nerva_numpy"):
        contenders.require("nerva-numpy")


@pytest.mark.parametrize(("name", "problem"), PAIRS, indirect=["problem"])
class TestContender:
    def test_computes_what_the_oracle_does(self, name, problem, built):
        contender = built(name, problem)
        with contender.running():
            found = evidence(contender, problem)
        expected = evidence(Oracle(problem), problem)
        assert disagreement(name, found, "the oracle", expected) is None
        loss, logits = found.difference(expected)
        assert loss < 1e-5
        assert logits < 1e-4

    def test_predicts_the_same_from_bytes_and_from_normalised_samples(self, name, problem, built):
        contender = built(name, problem)
        with contender.running():
            first, second = (np.array(contender.predict(X[:50])) for X in (problem.X, problem.normalized()))
        assert first.shape == (50, 10)
        np.testing.assert_allclose(first, second, atol=1e-5)

    def test_keeps_at_least_its_weights_and_velocities(self, name, problem, built):
        nbytes = built(name, problem).nbytes()
        nonzeros = sum(W.nnz for W in problem.weights)
        assert nbytes["weights"] >= 4 * nonzeros
        assert nbytes["velocities"] >= 4 * nonzeros
        assert all(isinstance(each, int) for each in nbytes.values())


@pytest.fixture
def right(sparse) -> Evidence:
    return evidence(Oracle(sparse), sparse)


class TestDisagreement:
    def test_wrong_mask_is_found_out(self, sparse, right):
        """One connection of a neuron is another."""
        W = sparse.weights[1]
        indices = W.indices.copy()
        free = np.setdiff1d(np.arange(W.shape[1]), indices[: W.indptr[1]])
        indices[0] = free[0]
        other = csr_array((W.data, indices, W.indptr), shape=W.shape)
        wrong = replace(sparse, weights=[sparse.weights[0], other, sparse.weights[2]])
        why = disagreement("wrong", evidence(Oracle(wrong), sparse), "right", right)
        assert "wrong does not compute what right does" in why

    @pytest.mark.parametrize("change", [{"momentum": 0.8}, {"learning_rate": 0.06}])
    def test_wrong_hyperparameter_is_found_out(self, sparse, right, change):
        found = evidence(Oracle(replace(sparse, **change)), sparse)
        assert disagreement("wrong", found, "right", right)

    def test_mask_that_is_forgotten_is_found_out(self, sparse, right):
        oracle = Oracle(sparse)
        oracle.masks = [np.ones_like(mask) for mask in oracle.masks]
        assert disagreement("wrong", evidence(oracle, sparse), "right", right)

    def test_names_step_and_both_losses(self):
        first, second = Evidence([2.5, 2.25], [[0.0, 1.0]]), Evidence([2.5, 2.0], [[0.0, 1.0]])
        why = disagreement("a", first, "b", second)
        assert "its loss in step 2 is 2.25, that of b 2" in why
        assert "1.2e-01" in why or "1.3e-01" in why

    def test_logits_count_where_losses_agree(self):
        first, second = Evidence([2.5], [[-1.0, 1.0]]), Evidence([2.5], [[-1.1, 1.1]])
        assert "logits" in disagreement("a", first, "b", second)

    def test_nan_agrees_with_nothing(self):
        lost = Evidence([float("nan")], [[-1.0, 1.0]])
        assert disagreement("a", lost, "b", lost)
        assert disagreement("a", Evidence([1.0], [[float("nan")]]), "b", Evidence([1.0], [[1.0]]))

    def test_rounding_is_allowed(self, right):
        rounded = Evidence([float(np.float32(loss)) for loss in right.losses], right.logits)
        assert disagreement("a", rounded, "b", right) is None
        assert len(right.losses) == agreement.STEPS


class TestProblem:
    def test_file_holds_all_of_it(self, sparse, tmp_path):
        again = Problem.load(sparse.save(tmp_path / "problem.npz"))
        for name in ("X", "T", "scale", "shift"):
            np.testing.assert_array_equal(getattr(again, name), getattr(sparse, name))
        for (W, b), (V, c) in zip(layers(again), layers(sparse), strict=True):
            assert W.shape == V.shape
            assert (W != V).nnz == 0
            np.testing.assert_array_equal(b, c)
        assert (again.learning_rate, again.momentum, again.batch_size, again.threads) == (0.05, 0.9, 32, 1)

    def test_normalised_data_have_mean_0_and_variance_1(self, sparse):
        X = sparse.normalized().reshape(-1, 3, 16)
        np.testing.assert_allclose(X.mean(axis=(0, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(X.std(axis=(0, 2)), 1, atol=1e-5)

    def test_is_dense_at_sparsity_0_only(self, sparse, dense):
        assert dense.dense
        assert not sparse.dense

    def test_batches_cover_every_epoch_and_end_with_a_smaller_one(self, sparse):
        rows = list(islice(contenders.batches(sparse), 2 * sparse.steps))
        assert [len(batch) for batch in rows] == 2 * ([32] * 9 + [12])
        for epoch in (rows[:10], rows[10:]):
            np.testing.assert_array_equal(np.sort(np.concatenate(epoch)), np.arange(300))


def test_unknown_contender_is_refused_with_the_list_of_names():
    with pytest.raises(SystemExit, match="torch-csr"):
        contenders.known("tensorflow")
