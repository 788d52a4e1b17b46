"""Estimators among others: pipelines, searches, selection, copies, processes, threads."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import time

import joblib
import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.feature_selection import SelectFromModel
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import nerva_py as nv
from nerva_py import threads
from tests.optional import Lazy, needs

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
FEW = {"max_iter": 15, "random_state": 1}


def test_grid_search_in_a_pipeline(three):
    pipeline = make_pipeline(StandardScaler(), nv.SparseMLPClassifier(**FEW))
    grid = {"sparsemlpclassifier__density": [0.2, 1.0], "sparsemlpclassifier__method": [None, nv.method("Static")]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2, error_score="raise").fit(*three)
    alone = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(*three)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert search.best_estimator_.score(*three) > 0.6


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_cross_validation_in_workers(backend, regression):
    model = nv.SparseMLPRegressor(density=0.5, learning_rate_init=0.01, **FEW)
    with parallel_config(backend, n_jobs=2):
        scores = cross_val_score(model, *regression, cv=3)
    np.testing.assert_array_equal(scores, cross_val_score(model, *regression, cv=3))


WORKERS = """
import json
import os
import sys
from joblib import Parallel, delayed
import numpy as np
import sklearn.neural_network
import nerva_py as nv

def work():
    import numba
    X = np.random.default_rng(0).standard_normal((300, 200))
    nv.SparseMLPClassifier((300, 200), density=1.0, max_iter=2, n_threads=None).fit(X, X[:, 0] > 0)
    tasks = [open(f"/proc/self/task/{task}/status").read() for task in os.listdir("/proc/self/task")]
    masks = {line.split()[1] for task in tasks for line in task.splitlines() if line.startswith("Cpus_allowed_list")}
    return numba.get_num_threads(), len(os.sched_getaffinity(0)), len(masks)

if __name__ == "__main__":
    print(json.dumps(Parallel(n_jobs=2)(delayed(work)() for _ in range(2))))
"""


@pytest.mark.parametrize("binding", ["true", "false"])
def test_workers_share_the_cores(binding, tmp_path):
    """Not more threads than cores together; and none bound to a core that another worker's are bound to."""
    script = tmp_path / "script.py"
    script.write_text("import warnings\nwarnings.simplefilter('ignore')\n" + WORKERS)
    cores = len(os.sched_getaffinity(0))
    environment = {k: v for k, v in os.environ.items() if not k.endswith("NUM_THREADS")}
    environment |= {"OMP_PROC_BIND": binding, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    for count, allowed, masks in found:
        assert count <= max(1, cores // 2)
        assert allowed == cores
        assert masks == 1


def test_threads_are_limited_inside_and_restored_after():
    import numba

    before = numba.get_num_threads()
    with threads.limited(1):
        assert numba.get_num_threads() == 1
    assert numba.get_num_threads() == before
    with threads.limited(10**6):
        assert numba.get_num_threads() == numba.config.NUMBA_NUM_THREADS
    with threads.limited(None):
        assert numba.get_num_threads() == before


def test_results_do_not_depend_on_the_threads(digits):
    one, two = (
        nv.SparseMLPClassifier((300,), density=0.3, n_threads=n, max_iter=3, random_state=0).fit(*digits[:2])
        for n in (1, 2)
    )
    np.testing.assert_array_equal(one.predict_proba(digits[2]), two.predict_proba(digits[2]))


# --------------------------------------------------------------------------------------------------------------- copies


def copies(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return [pickle.loads(pickle.dumps(model)), joblib.load(file)]


@pytest.mark.parametrize("method", [None, "RigL(0.3, every=3)"])
def test_copies_predict_and_learn_the_same(method, three):
    X, y = three
    model = nv.SparseMLPClassifier((30, 20), density=0.3, method=method, dropout=0.2, random_state=0)
    model.partial_fit(X, y, classes=np.unique(y))
    twins = copies(model)
    model.partial_fit(X, y)
    for twin in twins:
        twin.partial_fit(X, y)
        np.testing.assert_array_equal(twin.predict_proba(X), model.predict_proba(X))


def test_a_model_mapped_read_only_from_a_file(three, tmp_path):
    X, y = three
    model = nv.SparseMLPClassifier((30,), density=0.3, random_state=0).partial_fit(X, y, classes=np.unique(y))
    joblib.dump(model, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    np.testing.assert_array_equal(mapped.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(mapped.partial_fit(X, y).predict_proba(X), model.partial_fit(X, y).predict_proba(X))


def test_a_fitted_model_in_workers_that_map_its_arrays(three):
    X, y = three
    model = nv.SparseMLPClassifier((600, 600), density=0.39, max_iter=2, random_state=0).fit(X, y)
    with parallel_config("loky", n_jobs=2, max_nbytes=1000):
        result = permutation_importance(model, X, y, n_repeats=2, random_state=0)
    assert result.importances.shape == (12, 2)


def test_the_training_data_are_not_in_a_copy(rng):
    X = rng.standard_normal((5000, 20))
    model = nv.SparseMLPClassifier((10,), max_iter=2, random_state=0).fit(X, X[:, 0] > 0)
    assert len(pickle.dumps(model)) < 50_000
    model.partial_fit(X, X[:, 0] > 0)
    assert len(pickle.dumps(model)) < 50_000


def test_a_clone_is_not_fitted(three):
    model = nv.SparseMLPClassifier(**FEW).fit(*three)
    assert not hasattr(clone(model), "network_")
    with pytest.raises(AttributeError, match="is not fitted"):
        _ = clone(model).coefs_
    assert not hasattr(clone(model), "feature_importances_")


# ---------------------------------------------------------------------------------------------------- what it has learnt


def test_features_are_ranked_and_selected(rng):
    """The target depends on features 3 and 7 only."""
    X = rng.standard_normal((600, 20))
    y = X[:, 3] - X[:, 7]
    model = nv.SparseMLPRegressor((50,), density=0.3, method="SET(0.3)", learning_rate_init=0.01, random_state=0)
    selector = SelectFromModel(model, max_features=2, threshold=-np.inf).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [3, 7]
    importances = selector.estimator_.feature_importances_
    assert importances.sum() == pytest.approx(1)
    expected = np.abs(selector.estimator_.coefs_[0]).sum(axis=1)
    np.testing.assert_allclose(importances, expected / expected.sum())


@needs("pandas")
def test_names_of_features(three):
    frame = Lazy("pandas").DataFrame(three[0], columns=[f"f{i}" for i in range(12)])
    model = nv.SparseMLPClassifier(**FEW).fit(frame, three[1])
    assert model.feature_names_in_.tolist() == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[frame.columns[::-1]])


def test_coefs_are_the_network(three):
    model = nv.SparseMLPClassifier((30, 20), density=[0.1, 0.6, 1.0], **FEW).fit(*three)
    X = three[0]
    for layer, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        assert W.format == "csr"
        X = X @ W + b
        X = np.maximum(X, 0) if layer < 2 else X
    np.testing.assert_allclose(X, model.decision_function(three[0]), rtol=1e-9, atol=1e-12)


# ---------------------------------------------------------------------------------------------------------------- speed


def test_fit_costs_little_more_than_training(digits, monkeypatch):
    """What is added to the trainer: checks before it, the objective and early stopping's choice in each epoch. Both parts are
    timed in one run, so that other programs disturb both; bench/estimators.py compares with `nv.train` itself."""
    from nerva_py.estimators import base

    inside = {"train": 0.0, "watch": 0.0}

    def timed(name, function):
        def run(*arguments, **named):
            start = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                inside[name] += time.perf_counter() - start

        return run

    monkeypatch.setattr(base, "train", timed("train", base.train))
    monkeypatch.setattr(base.Watch, "on_epoch_end", timed("watch", base.Watch.on_epoch_end))
    monkeypatch.setattr(base.EarlyStopping, "on_epoch_end", timed("watch", base.EarlyStopping.on_epoch_end))
    model = nv.SparseMLPClassifier((512, 256), density=0.1, n_iter_no_change=np.inf, max_iter=40, random_state=0)
    shares = []
    for _ in range(4):
        inside.update(train=0.0, watch=0.0)
        start = time.perf_counter()
        model.fit(*digits[:2])
        whole = time.perf_counter() - start
        shares.append((whole - inside["train"] + inside["watch"]) / (inside["train"] - inside["watch"]))
    assert min(shares) < 0.05
