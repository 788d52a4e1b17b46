"""A parameter that would do nothing is an error that names both sides; weights, callbacks and files are as they are meant."""

from __future__ import annotations

import gc
import io
import pickle
import weakref

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score

import nerva_py as nv
from nerva_py import training
from nerva_py.errors import NervaError
from nerva_py.training import CSVLogger, JSONLinesLogger
from tests.optional import needs

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
FEW = {"max_iter": 6, "random_state": 1}


def weights(model) -> np.ndarray:
    return np.concatenate([parameter.vector for parameter in model.network_.parameters()])


# -------------------------------------------------------------------------------------------- what an old network ignores

STRUCTURE = [
    ("hidden_layer_sizes", 10, (20,)), ("activation", "relu", "tanh"), ("density", "auto", 0.1), ("density", 0.5, [0.5, 1.0]),
    ("dropout", 0.0, 0.5), ("weights", "XavierNormalized", "He"), ("backend", "numba", "scipy"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "before", "now"), STRUCTURE)
def test_what_makes_a_network_cannot_change_under_it(name, before, now, three):
    model = nv.SparseMLPClassifier(**{"hidden_layer_sizes": 10, "warm_start": True, **FEW, name: before}).fit(*three)
    old = weights(model)
    model.set_params(**{name: now})
    for what, use in (("warm_start", model.fit), ("partial_fit", model.partial_fit)):
        with pytest.raises(NervaError) as error:
            use(*three)
        assert str(error.value).startswith(
            f"{name} is {now!r}, but {what} goes on with what {name}={before!r} has made"
        )
    assert np.array_equal(weights(model), old)
    model.set_params(warm_start=False).fit(*three)
    assert name == "backend" or not np.array_equal(weights(model), old)


def test_the_same_in_other_words_is_no_change(three):
    model = nv.SparseMLPClassifier((10,), density=0.5, warm_start=True, **FEW).fit(*three)
    model.set_params(
        hidden_layer_sizes=np.array([10]), density=np.float64(0.5), activation="ReLU", dropout=np.float32(0)
    ).fit(*three)
    model.set_params(alpha=0.1, learning_rate_init=0.1, solver="sgd", max_iter=2, method="SET").fit(*three)


CHANGES = [
    ("solver", "adam", "sgd"), ("solver", "sgd", "Momentum(0.9)"), ("method", None, "SET(0.3)"),
    ("method", "SET(0.3)", "SET(0.2)"), ("callbacks", None, [training.TerminateOnNaN()]), ("random_state", 1, 2),
]  # fmt: skip


@pytest.mark.parametrize(("name", "before", "now"), CHANGES)
def test_what_partial_fit_goes_on_with_cannot_change(name, before, now, three):
    X, y = three
    model = nv.SparseMLPClassifier(**{"density": 0.5, "random_state": 1, name: before}).partial_fit(
        X, y, classes=np.unique(y)
    )
    for copy in (model, pickle.loads(pickle.dumps(model))):
        copy.partial_fit(X, y).set_params(**{name: now})
        with pytest.raises(NervaError) as error:
            copy.partial_fit(X, y)
        said = str(error.value)
        assert said.startswith(f"{name} is {now!r}, but partial_fit goes on with what {name}=")
        copy.set_params(**{name: before}).partial_fit(X, y)


def test_what_partial_fit_looks_at_may_change(three):
    X, y = three
    model = nv.SparseMLPClassifier(solver="Momentum(0.5)", random_state=1).partial_fit(X, y, classes=np.unique(y))
    model.set_params(
        solver="Momentum(0.9)", alpha=0.1, learning_rate_init=0.01, batch_size=50, shuffle=False, max_iter=7
    )
    assert len(model.partial_fit(X, y).loss_curve_) == 2


def test_the_number_of_targets(three):
    X = three[0]
    for model in (nv.SparseMLPRegressor(**FEW), nv.SparseMLPRegressor(warm_start=True, **FEW)):
        again = model.fit(X, X[:, 0]).fit if model.warm_start else model.fit(X, X[:, 0]).partial_fit
        with pytest.raises(NervaError, match="y has 2 targets, but the model was fitted with 1"):
            again(X, X[:, :2])
    with pytest.raises(NervaError, match="y has 1 targets, but the model was fitted with 2"):
        nv.SparseMLPRegressor(**FEW).fit(X, X[:, :2]).partial_fit(X, X[:, 0])


# ------------------------------------------------------------------------------------------------------------- classes

NO_LIST = [[], 5, [["ape", "bee", "cat"]], ["ape", None], [1, [2]]]


@pytest.mark.parametrize("classes", NO_LIST)
def test_classes_that_are_no_list_of_labels(classes, three):
    model = nv.SparseMLPClassifier()
    with pytest.raises(NervaError, match="classes must be a list of at least one label, all of one kind, not "):
        model.partial_fit(*three, classes=classes)


@pytest.mark.parametrize("classes", [["ape", "bee"], ["ape", "bee", "cat", "dog"], [0, 1, 2]])
def test_classes_other_than_in_the_first_call(classes, three):
    X, y = three
    model = nv.SparseMLPClassifier(random_state=0).partial_fit(X, y, classes=["cat", "bee", "ape"])
    with pytest.raises(NervaError, match=r"classes is \[.*\], but the model was fitted with \['ape', 'bee', 'cat'\]"):
        model.partial_fit(X, y, classes=classes)
    model.partial_fit(X, y, classes=["bee", "ape", "cat", "ape"])


@pytest.mark.parametrize("classes", [[0, 1], [0, 1, 2, 3], ["a", "b", "c"]])
def test_classes_beside_labels(classes, three):
    X = three[0]
    Y = (X[:, :3] > 0).astype(int)
    with pytest.raises(
        NervaError, match=r"classes is .*, but y has the labels \[0, 1, 2\], the numbers of its columns"
    ):
        nv.SparseMLPClassifier().partial_fit(X, Y, classes=classes)
    model = nv.SparseMLPClassifier(random_state=0).partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(NervaError, match="but the model was fitted with"):
        model.partial_fit(X, Y, classes=classes)


# ---------------------------------------------------------------------------------------------------- weights of samples


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("class_weight", [None, "balanced", {"ape": 2.5, "bee": 1, "cat": 3}])
def test_samples_of_weight_0_are_as_if_they_were_not_there(early_stopping, class_weight, three, rng):
    X, y = three
    w = rng.integers(0, 3, len(y)) * (rng.random(len(y)) < 0.5)
    y = np.where(w == 0, rng.choice(["ape", "owl"], len(y)), y)
    X = np.where(w[:, None] == 0, 1e9, X)
    model = nv.SparseMLPClassifier(early_stopping=early_stopping, class_weight=class_weight, batch_size=16, **FEW)
    some = clone(model).fit(X[w > 0], y[w > 0], w[w > 0])
    assert model.fit(X, y, w).classes_.tolist() == ["ape", "bee", "cat"]
    np.testing.assert_allclose(weights(model), weights(some), rtol=1e-9)
    assert model.validation_scores_ == some.validation_scores_


def test_a_class_of_weight_0_is_a_class(binary):
    X, y = binary
    model = nv.SparseMLPClassifier(class_weight={0: 0, 1: 1}, early_stopping=True, **FEW).fit(X, y)
    assert model.classes_.tolist() == [0, 1]
    assert np.array_equal(weights(model), weights(clone(model).fit(X, y, np.ones(200))))


@pytest.mark.parametrize("count", [1, 3])
def test_few_weighted_samples_cannot_be_split(count, three):
    for seed in range(5):
        w = np.zeros(len(three[1]))
        w[:count] = 1
        with pytest.raises(
            NervaError, match=f"validation_fraction=0.1 of {count} samples is 0|validation data cannot be set apart"
        ):
            nv.SparseMLPClassifier(early_stopping=True, random_state=seed).fit(*three, w)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_scale_of_all_weights_does_not_matter(dtype, early_stopping, three, rng):
    X, y = three[0].astype(dtype), three[1]
    pattern = rng.random(len(y)) + 0.1
    for extra in ({"early_stopping": early_stopping}, {"class_weight": "balanced"}):
        model = nv.SparseMLPClassifier(**extra, **FEW)
        for w in (np.ones(len(y)), pattern):
            one = weights(clone(model).fit(X, y, w))
            for scale in (1e-300, 1e-30, 1e39, 1e300):
                np.testing.assert_allclose(weights(clone(model).fit(X, y, scale * w)), one, rtol=1e-3, atol=1e-5)


# ------------------------------------------------------------------------------------------------------------ callbacks


class Recorder(nv.Callback):
    def __init__(self):
        self.epochs = []

    def on_epoch_end(self, run, epoch):
        self.epochs.append(epoch.epoch)


def test_fit_leaves_callbacks_as_they_are_and_can_be_copied_after(three, tmp_path, capsys):
    callbacks = [
        nv.ProgressBar(), nv.EarlyStopping("train_loss", patience=3), training.TerminateOnNaN(),
        training.GradientCheck(numbers=2), nv.ModelCheckpoint(tmp_path / "c-{run}.npz"), CSVLogger(tmp_path / "l-{run}.csv"),
        nv.method("SET(0.3)"), Recorder(),
    ]  # fmt: skip
    before = [pickle.dumps(callback) for callback in callbacks]
    model = nv.SparseMLPClassifier(density=0.5, callbacks=callbacks, **FEW)
    for fit in (model.fit, model.partial_fit):
        fit(*three)
        assert all(one is other for one, other in zip(model.callbacks, callbacks, strict=True))
        assert [pickle.dumps(callback) for callback in callbacks] == before
        assert not hasattr(clone(model), "network_")
        file = io.BytesIO()
        joblib.dump(model, file)
        assert np.array_equal(pickle.loads(pickle.dumps(model)).predict_proba(three[0]), model.predict_proba(three[0]))
    assert model.callbacks_[-1].epochs == [1]
    assert clone(model).fit(*three).callbacks_[-1].epochs == [1, 2, 3, 4, 5, 6]
    assert len(cross_val_score(model, *three, cv=2, n_jobs=2)) == 2
    assert capsys.readouterr().out == ""


@needs("tensorboard")
def test_tensorboard_in_an_estimator(three, tmp_path):
    model = nv.SparseMLPClassifier(callbacks=[training.TensorBoardLogger(tmp_path / "tb-{run}")], **FEW)
    pickle.dumps(clone(model.fit(*three).fit(*three)))
    assert {path.name for path in tmp_path.iterdir()} == {"tb-1", "tb-2"}


def test_a_callback_does_not_keep_the_network_alive(three):
    stopping = nv.EarlyStopping("train_loss")
    network = nv.mlp("ReLU;Linear", [8, 5, 3], seed=1)
    nv.train(network, nv.load_dataset("mini"), epochs=2, callbacks=[stopping, nv.ProgressBar()], seed=1)
    alive = weakref.ref(network)
    del network
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_file_for_each_fit_of_a_search(n_jobs, three, tmp_path):
    callbacks = [CSVLogger(tmp_path / "l-{run}.csv"), JSONLinesLogger(tmp_path / "l-{run}.jsonl"),
                 nv.ModelCheckpoint(tmp_path / "c-{run}.npz")]  # fmt: skip
    model = nv.SparseMLPClassifier(callbacks=callbacks, **FEW)
    GridSearchCV(model, {"alpha": [0.1, 0.2]}, cv=2, n_jobs=n_jobs, error_score="raise").fit(*three)
    for pattern, lines in (("*.csv", 7), ("*.jsonl", 6)):
        files = sorted(tmp_path.glob(pattern))
        assert [len(file.read_text().splitlines()) for file in files] == [lines] * 5
    assert all(nv.load(file).sizes == [12, 100, 3] for file in tmp_path.glob("*.npz"))
    assert len(list(tmp_path.iterdir())) == 15


@pytest.mark.parametrize("make", [CSVLogger, JSONLinesLogger, nv.ModelCheckpoint])
def test_one_file_for_several_fits_is_refused(make, three, tmp_path):
    model = nv.SparseMLPClassifier(callbacks=[make(tmp_path / "run.x")], **FEW).fit(*three)
    contents = (tmp_path / "run.x").read_bytes()
    for again in (model, clone(model)):
        with pytest.raises(NervaError, match=r"run\.x: is there already.* as in 'run-\{run\}\.x'"):
            again.fit(*three)
    assert (tmp_path / "run.x").read_bytes() == contents


@pytest.mark.parametrize("callbacks", [nv.EarlyStopping(), "SET", [nv.EarlyStopping], ["SET(0.3)"], 3])
def test_what_is_no_list_of_callbacks(callbacks, three):
    with pytest.raises(NervaError, match=r"^callbacks(\[0\])? must be a "):
        nv.SparseMLPClassifier(callbacks=callbacks).fit(*three)


# ---------------------------------------------------------------------------------------------------------- divergence


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("Model", [nv.SparseMLPRegressor, nv.SparseMLPClassifier])
def test_absurd_predictions_are_told(Model, early_stopping, regression):
    X, y = regression
    y = y if Model is nv.SparseMLPRegressor else np.arange(len(y)) % 3
    model = Model(learning_rate_init=1e3, random_state=0, max_iter=30, early_stopping=early_stopping)
    with pytest.warns(ConvergenceWarning, match="training has diverged: its loss is .* Try a learning_rate_init below"):
        model.fit(X, y)
    assert Model is nv.SparseMLPClassifier or model.score(X, y) < -2


@pytest.mark.filterwarnings("error")
def test_nothing_is_told_of_a_good_one(regression):
    X, y = regression
    nv.SparseMLPRegressor(learning_rate_init=0.01, random_state=0, tol=0.1).fit(X, y)
    nv.SparseMLPRegressor(learning_rate_init=1e-6, random_state=0, tol=10.0).fit(X, y)  # has learnt next to nothing
