"""What training does, beyond what scikit-learn's checks and the comparison with its MLP ask."""

from __future__ import annotations

import pickle
from contextlib import nullcontext

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.utils.class_weight import compute_sample_weight

import nerva_py as nv

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
FEW = {"max_iter": 15, "random_state": 1}


def weights(model) -> np.ndarray:
    return np.concatenate([parameter.vector for parameter in model.network_.parameters()])


# --------------------------------------------------------------------------------------------------------- it learns


def test_a_first_user(digits):
    """No parameter at all, as good as MLPClassifier within a point or so."""
    X, y, X_test, y_test = digits
    ours, theirs = nv.SparseMLPClassifier(random_state=0).fit(X, y), MLPClassifier(random_state=0).fit(X, y)
    assert ours.score(X_test, y_test) > theirs.score(X_test, y_test) - 0.015
    assert 0.05 < ours.density_ < 0.7


def test_ninety_percent_sparse(digits):
    X, y, X_test, y_test = digits
    model = nv.SparseMLPClassifier((256, 128), density=0.1, method="SET(0.3)", learning_rate_init=0.003, random_state=0)
    model.fit(X, y)
    assert model.density_ == pytest.approx(0.1, abs=1e-3)
    assert sum(W.nnz for W in model.coefs_) == model.network_.nnz
    assert model.score(X_test, y_test) > 0.93


def test_regression(regression):
    X, y = regression
    model = nv.SparseMLPRegressor(density=0.3, learning_rate_init=0.01, random_state=0).fit(X[:150], y[:150])
    assert model.score(X[150:], y[150:]) > 0.9
    assert model.predict(X).shape == (200,)


def test_multilabel():
    X, Y = make_multilabel_classification(300, 15, n_classes=4, random_state=1)
    model = nv.SparseMLPClassifier(learning_rate_init=0.01, random_state=0).fit(X[:200], Y[:200])
    assert model.predict(X).shape == model.predict_proba(X).shape == (300, 4)
    assert set(np.unique(model.predict(X))) == {0, 1}
    assert (model.predict(X[200:]) == Y[200:]).mean() > 0.8
    sparse = clone(model).fit(X[:200], csr_matrix(Y[:200]))
    np.testing.assert_array_equal(weights(sparse), weights(model))


def test_several_targets(regression):
    X, y = regression
    model = nv.SparseMLPRegressor(learning_rate_init=0.01, random_state=0).fit(X, np.stack([y, -2 * y], axis=1))
    assert model.predict(X).shape == (200, 2)
    assert model.score(X, np.stack([y, -2 * y], axis=1)) > 0.9


def test_one_class(three):
    model = nv.SparseMLPClassifier(**FEW).fit(three[0], ["only"] * 240)
    assert set(model.predict(three[0])) == {"only"}
    np.testing.assert_array_equal(model.predict_proba(three[0]), np.ones((240, 1)))
    np.testing.assert_array_equal(model.predict_log_proba(three[0]), np.zeros((240, 1)))


# ------------------------------------------------------------------------------------------------------ kinds of input


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_element_type_is_kept(dtype, three):
    X, y = three[0].astype(dtype), three[1]
    model = nv.SparseMLPClassifier(**FEW).fit(X, y)
    assert {W.dtype for W in model.coefs_ + model.intercepts_} == {np.dtype(dtype)}
    assert model.predict_proba(X).dtype == dtype
    assert nv.SparseMLPRegressor(**FEW).fit(X, X[:, 0]).predict(X).dtype == dtype


def test_bytes_are_not_copied_into_floats(digits):
    X, y = (16 * digits[0]).astype(np.uint8), digits[1]
    model = nv.SparseMLPClassifier(**FEW).fit(X, y)
    np.testing.assert_array_equal(weights(model), weights(clone(model).fit(X.astype(np.float32), y)))
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X.astype(np.float32)))


@pytest.mark.parametrize("Model", [nv.SparseMLPClassifier, nv.SparseMLPRegressor])
def test_sparse_X(Model, binary):
    X, y = np.where(np.abs(binary[0]) > 0.7, binary[0], 0), binary[1]
    dense = Model(density=0.5, early_stopping=True, **FEW).fit(X, y, np.arange(200) % 3)
    for kind in (csr_array, csr_matrix):
        sparse = clone(dense).fit(kind(X), y, np.arange(200) % 3)
        np.testing.assert_allclose(weights(sparse), weights(dense), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(sparse.predict(kind(X)), dense.predict(X), rtol=1e-9)


# ------------------------------------------------------------------------------------------------------------- weights


def test_class_weights_are_sample_weights(three):
    X, y = three
    for class_weight in ("balanced", {"ape": 3, "bee": 1, "cat": 0.5}):
        one = nv.SparseMLPClassifier(class_weight=class_weight, **FEW).fit(X, y)
        other = nv.SparseMLPClassifier(**FEW).fit(X, y, compute_sample_weight(class_weight, y))
        np.testing.assert_array_equal(weights(one), weights(other))
        both = nv.SparseMLPClassifier(class_weight=class_weight, **FEW).fit(X, y, np.arange(240))
        counted = compute_sample_weight(class_weight, y[1:])  # the first one has weight 0
        other = nv.SparseMLPClassifier(**FEW).fit(X[1:], y[1:], np.arange(1, 240) * counted)
        np.testing.assert_array_equal(weights(both), weights(other))


def test_class_weights_of_labels():
    X, Y = make_multilabel_classification(100, 10, n_classes=2, random_state=1)
    class_weight = [{0: 1, 1: 5}, {0: 2, 1: 1}]
    one = nv.SparseMLPClassifier(class_weight=class_weight, **FEW).fit(X, Y)
    factor = np.array([1, 5])[Y[:, 0]] * np.array([2, 1])[Y[:, 1]]
    np.testing.assert_array_equal(weights(one), weights(nv.SparseMLPClassifier(**FEW).fit(X, Y, factor)))


def test_a_rare_class_is_found(rng):
    X = rng.standard_normal((600, 5))
    y = (X[:, 0] + 0.5 * rng.standard_normal(600) > 1.6).astype(int)
    recall = [
        nv.SparseMLPClassifier(class_weight=w, alpha=1, random_state=0, max_iter=60).fit(X, y).predict(X)[y == 1].mean()
        for w in (None, "balanced")
    ]
    assert recall[1] > recall[0]


def test_batches_of_samples_that_count(binary):
    """A sample of weight 0 takes no place in a mini-batch."""
    X, y = binary
    w = np.arange(200) % 2
    one = nv.SparseMLPClassifier(batch_size=16, **FEW).fit(X, y, w)
    other = nv.SparseMLPClassifier(batch_size=16, **FEW).fit(X[w == 1], y[w == 1])
    np.testing.assert_allclose(weights(one), weights(other), rtol=1e-9)


# ------------------------------------------------------------------------------------------------------ when it ends


def test_it_ends_when_the_loss_no_longer_improves(binary):
    model = nv.SparseMLPClassifier(tol=0.01, n_iter_no_change=3, random_state=0, max_iter=500).fit(*binary)
    assert model.n_iter_ == len(model.loss_curve_) < 500
    best = np.minimum.accumulate(model.loss_curve_)
    assert (best[-4] - np.array(model.loss_curve_[-3:]) <= 0.01).all()
    assert model.validation_scores_ is model.best_validation_score_ is None
    assert model.best_loss_ == min(model.loss_curve_)


def test_a_warning_if_it_has_not_converged(binary):
    with pytest.warns(ConvergenceWarning, match=r"after max_iter=3 epochs, before the loss had stopped improving"):
        nv.SparseMLPClassifier(max_iter=3, random_state=0).fit(*binary)
    with pytest.warns(ConvergenceWarning):
        assert nv.SparseMLPClassifier(max_iter=3, n_iter_no_change=np.inf, random_state=0).fit(*binary).n_iter_ == 3
    with pytest.warns(ConvergenceWarning, match="the validation score"):
        nv.SparseMLPClassifier(max_iter=3, early_stopping=True, random_state=0).fit(*binary)


@pytest.mark.filterwarnings("error")
def test_no_warning_where_none_is_due(binary):
    nv.SparseMLPClassifier(max_iter=50, tol=10.0, random_state=0).fit(*binary)


def test_early_stopping_keeps_the_best_network(three):
    X, y = three
    model = nv.SparseMLPClassifier(early_stopping=True, n_iter_no_change=5, learning_rate_init=0.05, random_state=0)
    model.fit(X[:160], y[:160], X_val=X[160:], y_val=y[160:])
    assert len(model.validation_scores_) == model.n_iter_
    assert model.score(X[160:], y[160:]) == pytest.approx(max(model.validation_scores_))
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.n_iter_ == np.argmax(model.validation_scores_) + 1 + 5


def test_the_split_is_stratified(monkeypatch):
    from nerva_py.estimators import base

    parts = []
    y = np.array([0] * 170 + [1] * 20 + [2] * 10)
    X = np.random.default_rng(0).standard_normal((200, 3))
    original = base.hold_out
    monkeypatch.setattr(base, "hold_out", lambda *a: parts.append(original(*a)) or parts[-1])
    nv.SparseMLPClassifier(early_stopping=True, **FEW).fit(X, y, np.arange(200) + 1.0)
    kept, apart = parts[0]
    assert np.bincount(apart.T).tolist() == [17, 2, 1]
    assert sorted(np.concatenate([kept.w, apart.w])) == (np.arange(200) + 1.0).tolist()
    nv.SparseMLPClassifier(early_stopping=True, validation_fraction=0.5, **FEW).fit(X, np.minimum(y, 1))
    assert np.bincount(parts[1][1].T[:, 0].astype(int)).tolist() == [85, 15]


def test_validation_curve_without_early_stopping(regression):
    X, y = regression
    w = np.arange(1.0, 51)
    model = nv.SparseMLPRegressor(learning_rate_init=0.01, **FEW)
    model.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:], sample_weight_val=w)
    assert len(model.validation_scores_) == 15
    assert model.validation_scores_[-1] == pytest.approx(model.score(X[150:], y[150:], w))
    np.testing.assert_array_equal(weights(model), weights(clone(model).fit(X[:150], y[:150])))


# ------------------------------------------------------------------------------------------------ warm start, partial_fit


def test_warm_start(binary):
    model = nv.SparseMLPClassifier(warm_start=True, **FEW).fit(*binary)
    before = model.loss_curve_
    model.fit(*binary)
    assert model.n_iter_ == 15
    assert model.loss_curve_[:15] == before
    assert len(model.loss_curve_) == 30
    assert model.loss_curve_[15] < before[0]
    assert model.t_ == 30 * 200
    cold = nv.SparseMLPClassifier(**FEW).fit(*binary)
    np.testing.assert_array_equal(weights(cold), weights(cold.fit(*binary)))


@pytest.mark.parametrize("weighted", [False, True])
def test_partial_fit_keeps_adam_going(weighted, three):
    """In epochs of one full batch, without the random order, it is `fit`."""
    X, y = three
    w = np.arange(240) % 4 if weighted else None
    settings = {"shuffle": False, "batch_size": 240, "random_state": 1}
    whole = nv.SparseMLPClassifier(max_iter=6, **settings).fit(X, y, w)
    parts = nv.SparseMLPClassifier(**settings)
    for _ in range(6):
        parts.partial_fit(X, y, w, classes=np.unique(y))
    np.testing.assert_allclose(weights(parts), weights(whole), rtol=1e-9, atol=1e-12)
    assert parts.loss_curve_ == pytest.approx(whole.loss_curve_)
    assert parts.n_iter_ == 1
    assert parts.t_ == whole.t_


def test_partial_fit_of_a_stream(three):
    X, y = three
    model = nv.SparseMLPClassifier(density=0.3, method="SET(0.3)", learning_rate_init=0.01, random_state=0)
    model.partial_fit(X[:40], y[:40], classes=["ape", "bee", "cat", "dog"])
    first = model.coefs_[0].copy()
    for _ in range(20):
        for start in range(0, 240, 40):
            model.partial_fit(X[start : start + 40], y[start : start + 40], np.ones(40))
    assert model.predict_proba(X).shape == (240, 4)
    assert model.score(X, y) > 0.8
    assert model.coefs_[0].nnz == first.nnz
    assert ((model.coefs_[0] != 0) != (first != 0)).nnz, "SET has moved no weight"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_partial_fit_after_one_that_failed_begins_with_its_first_sample(error, three):
    """Of the call that failed the steps remain that it has taken, and nothing else."""

    class Fail(nv.Callback):
        def on_step_end(self, run):
            if run.t == wanted:
                raise error
            steps.append((run.epoch, run.step_of_epoch, len(run.outputs)))

    X, y = three
    steps, wanted = [], 0
    model = nv.SparseMLPClassifier(batch_size=50, callbacks=[Fail()], random_state=0)
    for t in (0, 7, 0):
        wanted = t
        del steps[:]
        with pytest.raises(error) if t else nullcontext():
            model.partial_fit(X, y, classes=np.unique(y))
    assert steps == [(2, step, size) for step, size in enumerate((50, 50, 50, 50, 40), 1)]
    assert len(model.loss_curve_) == 2
    assert model.loss_curve_[1] == pytest.approx(model.loss_curve_[0], rel=0.3)
    assert model.history_[-1].seconds < 60


def test_a_model_has_no_training_data_and_no_optimizer_states_after_fit(three):
    model = nv.SparseMLPClassifier(**FEW).fit(*three)
    assert all(parameter.states == [] for parameter in model.network_.parameters())
    model.partial_fit(*three)
    assert all(len(parameter.states) == 2 for parameter in model.network_.parameters())
    X = three[0].astype(np.float32)
    contents = pickle.dumps(model)
    assert X[0].tobytes() not in contents
    assert X[:, 0].tobytes() not in contents


def test_fit_after_partial_fit_starts_anew(three):
    model = nv.SparseMLPClassifier(**FEW)
    model.partial_fit(*three, classes=np.unique(three[1]))
    model.fit(*three)
    np.testing.assert_array_equal(weights(model), weights(nv.SparseMLPClassifier(**FEW).fit(*three)))
    model.partial_fit(*three)
    assert len(model.loss_curve_) == 16


# ------------------------------------------------------------------------------------------------------- other parameters


def test_densities(three):
    X, y = three
    model = nv.SparseMLPClassifier((30, 20), density=[0.1, 0.2, 1.0], **FEW).fit(X, y)
    assert [W.nnz for W in model.coefs_] == [36, 120, 60]
    assert [W.shape for W in model.coefs_] == [(12, 30), (30, 20), (20, 3)]
    auto = nv.SparseMLPClassifier((3000,), **FEW).fit(X[:5], y[:5])
    assert [W.nnz for W in auto.coefs_] == [12 * 3000, 3 * 3000]  # no more than 20 inputs or outputs
    wide = nv.SparseMLPClassifier((1000, 1000), max_iter=1).fit(X[:5], y[:5])
    assert wide.coefs_[1].nnz == 20 * 2000


def test_no_hidden_layer_is_logistic_regression(binary):
    model = nv.SparseMLPClassifier((), learning_rate_init=0.05, alpha=0.0, random_state=0).fit(*binary)
    assert [W.shape for W in model.coefs_] == [(12, 1)]
    assert model.score(*binary) > 0.7


def test_dropout(three):
    model = nv.SparseMLPClassifier((20, 10), dropout=0.4, **FEW).fit(*three)
    assert "Dropout" in repr(model.network_)
    np.testing.assert_array_equal(weights(model), weights(clone(model).fit(*three)))
    assert not np.array_equal(weights(model), weights(nv.SparseMLPClassifier((20, 10), **FEW).fit(*three)))
    np.testing.assert_array_equal(model.predict_proba(three[0]), model.predict_proba(three[0]))


@pytest.mark.parametrize("solver", ["adam", "SGD", "AdamW(weight_decay=0.1)", "Momentum(0.8)"])
@pytest.mark.parametrize("activation", ["tanh", "AllReLU(0.6)", "SReLU"])
def test_specifications_of_the_trainer(solver, activation, three):
    model = nv.SparseMLPClassifier((20, 10), activation, solver=solver, learning_rate_init="Cosine(0.02, 15)", **FEW)
    curve = model.fit(*three).loss_curve_
    assert curve[-1] < curve[0]
    assert model.history_[-1].learning_rate < 0.001


def test_alpha_shrinks_weights(three):
    sizes = [np.abs(weights(nv.SparseMLPClassifier(alpha=alpha, **FEW).fit(*three))).sum() for alpha in (0, 10, 100)]
    assert sizes[0] > sizes[1] > sizes[2]


def test_methods_are_not_used_up(three):
    """A method that is an object stays as it was, and changes the topology of every fit alike."""
    method = nv.method("SET(0.3)")
    model = nv.SparseMLPClassifier(density=0.3, method=method, **FEW)
    before = dict(vars(method))
    one = weights(model.fit(*three))
    assert vars(method) == before
    np.testing.assert_array_equal(weights(model.fit(*three)), one)
    np.testing.assert_array_equal(weights(clone(model).set_params(method="SET(0.3)").fit(*three)), one)
    assert "topology" in model.history_[-1].measures
    assert not np.array_equal(one, weights(clone(model).set_params(method=None).fit(*three)))


def test_callbacks_see_the_training(three):
    class Stop(nv.Callback):
        def __init__(self):
            self.scores = []

        def on_epoch_end(self, run, epoch):
            self.scores.append(epoch.measures["validation_score"])
            run.stop = len(self.scores) == 4

    stop = Stop()
    model = nv.SparseMLPClassifier(callbacks=[stop], early_stopping=True, **FEW).fit(*three)
    assert model.n_iter_ == 4
    assert model.callbacks_[0].scores == model.validation_scores_
    assert stop.scores == []


def test_verbose_prints_a_line_an_epoch(three, capsys):
    nv.SparseMLPClassifier(verbose=True, early_stopping=True, max_iter=3, random_state=0).fit(*three)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[2].startswith("Iteration 3/3, loss = 1.")
    assert "validation score = 0." in lines[2]
    nv.SparseMLPClassifier(max_iter=3, random_state=0).fit(*three)
    assert capsys.readouterr() == ("", "")
    nv.SparseMLPClassifier(verbose=2, max_iter=3, random_state=0).fit(*three)
    assert "3/3" in capsys.readouterr().err


def test_an_interrupted_training_gives_a_model(three):
    class Interrupt(nv.Callback):
        def on_step_end(self, run):
            if run.epoch == 4:
                raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="training was interrupted"):
        model = nv.SparseMLPClassifier(callbacks=[Interrupt()], **FEW).fit(*three)
    assert model.n_iter_ == 3
    assert model.predict(three[0]).shape == (240,)
