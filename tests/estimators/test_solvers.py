"""scikit-learn's solvers and learning rates."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import PoissonRegressor, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import nerva_py as nv
from nerva_py.errors import NervaError
from nerva_py.training import CSVLogger

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def regression(rng):
    X = rng.standard_normal((80, 5))
    return X, X @ rng.standard_normal((5, 2)) + 3


def rates(model):
    return [epoch.learning_rate for epoch in model.history_]


@pytest.mark.parametrize("weighted", [False, True])
def test_lbfgs_without_hidden_layers_is_ridge_regression(regression, rng, weighted):
    """Mean of ½ ‖y − t‖² plus alpha/(2 Σw) ‖W‖², where the mean of the weights is 1."""
    X, T = regression
    w = rng.uniform(0.5, 2, 80) if weighted else np.ones(80)
    w /= w.mean()
    model = nv.SparseMLPRegressor((), solver="lbfgs", alpha=3.0, tol=1e-9, max_iter=500, random_state=0).fit(X, T, w)
    expected = Ridge(alpha=3.0, tol=1e-12).fit(X, T, w)
    np.testing.assert_allclose(model.coefs_[0].toarray(), expected.coef_.T, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.intercepts_[0], expected.intercept_, rtol=1e-4)
    assert model.loss_curve_[-1] == min(model.loss_curve_)
    assert model.n_iter_ == len(model.loss_curve_) == len(model.history_)


def test_lbfgs_keeps_to_the_stored_weights(three):
    model = nv.SparseMLPClassifier((30, 20), density=0.2, solver="lbfgs", random_state=0)
    before = model.set_params(max_iter=1, max_fun=1).fit(*three).coefs_
    after = model.set_params(max_iter=100, max_fun=15_000).fit(*three).coefs_
    assert model.density_ == pytest.approx(0.2, abs=0.01)
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old.indices, new.indices)
        assert np.abs(old.data - new.data).max() > 0.01
    assert model.score(*three) > 0.97


def test_lbfgs_stops_by_validation_and_shows_its_iterations(three, capsys):
    X, y = three
    model = nv.SparseMLPClassifier(
        (50,), solver="lbfgs", early_stopping=True, n_iter_no_change=2, max_iter=300, verbose=True, random_state=0
    ).fit(X, y)
    assert model.n_iter_ == len(model.validation_scores_) < 300
    assert capsys.readouterr().out.count("Iteration") == model.n_iter_
    assert not hasattr(model, "partial_fit")


def test_lbfgs_goes_on_with_a_warm_start(three):
    model = nv.SparseMLPClassifier((10,), solver="lbfgs", warm_start=True, max_iter=5, random_state=0).fit(*three)
    once = model.loss_
    assert model.fit(*three).loss_ < once
    assert len(model.loss_curve_) == 10


@pytest.mark.parametrize(
    ("parameters", "solver"),
    [
        ({"momentum": 0.7}, "Nesterov(0.7)"),
        ({"momentum": 0.7, "nesterovs_momentum": False}, "Momentum(0.7)"),
        ({"momentum": 0}, "GradientDescent"),
        ({"solver": "adam", "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}, "Adam(0.8, 0.9, 1e-3)"),
    ],
)
def test_parameters_of_solvers(three, parameters, solver):
    common = {"max_iter": 3, "random_state": 0, "learning_rate_init": 0.01}
    model = nv.SparseMLPClassifier(**{"solver": "sgd", **common, **parameters}).fit(*three)
    same = nv.SparseMLPClassifier(solver=solver, **common).fit(*three)
    np.testing.assert_array_equal(model.predict_proba(three[0]), same.predict_proba(three[0]))
    other = nv.SparseMLPClassifier(solver=parameters.get("solver", "sgd"), **common).fit(*three)
    assert (model.predict_proba(three[0]) != other.predict_proba(three[0])).any()


def test_invscaling(three):
    settings = {
        "solver": "sgd",
        "learning_rate": "invscaling",
        "learning_rate_init": 0.1,
        "power_t": 0.25,
        "random_state": 0,
    }
    model = nv.SparseMLPClassifier(**settings, max_iter=3, warm_start=True).fit(*three)
    expected = [0.1 / (240 * epoch + 1) ** 0.25 for epoch in range(6)]
    assert rates(model) == pytest.approx(expected[:3])
    assert rates(model.fit(*three)) == pytest.approx(expected[3:])
    model = nv.SparseMLPClassifier(**settings)
    for _ in range(3):
        model.partial_fit(*three, classes=np.unique(three[1]))
    assert rates(model) == pytest.approx(expected[:3])


def test_adaptive(three):
    model = nv.SparseMLPClassifier(
        solver="sgd",
        learning_rate="adaptive",
        learning_rate_init=0.1,
        tol=0.05,
        n_iter_no_change=2,
        max_iter=300,
        random_state=0,
    ).fit(*three)
    assert model.n_iter_ < 300
    steps = sorted(set(rates(model)), reverse=True)
    assert steps == pytest.approx([0.1 / 5**i for i in range(len(steps))])
    assert steps[-1] <= 1e-6 < steps[-2]
    constant = nv.SparseMLPClassifier(
        solver="sgd", learning_rate_init=0.1, tol=0.05, n_iter_no_change=2, max_iter=300, random_state=0
    ).fit(*three)
    assert constant.n_iter_ < model.n_iter_
    assert set(rates(constant)) == {0.1}


def test_poisson(rng):
    X = rng.uniform(-1, 1, (300, 3))
    y = rng.poisson(np.exp(X @ [0.5, -0.3, 0.8] + 1))
    model = nv.SparseMLPRegressor((), loss="poisson", solver="lbfgs", alpha=0, tol=1e-8, random_state=0).fit(X, y)
    expected = PoissonRegressor(alpha=0, tol=1e-9).fit(X, y)
    np.testing.assert_allclose(model.predict(X), expected.predict(X), rtol=1e-4)
    assert model.out_activation_ == "exp"
    assert (nv.SparseMLPRegressor(loss="poisson", max_iter=5).fit(X, y).predict(X) > 0).all()
    with pytest.raises(NervaError, match="must not be negative"):
        nv.SparseMLPRegressor(loss="poisson").fit(X, y - 5)
    with pytest.raises(NervaError, match="loss must be one of squared_error, poisson, not 'huber'"):
        nv.SparseMLPRegressor(loss="huber").fit(X, y)


def test_another_set_of_classes_for_partial_fit(three):
    X, y = three
    model = nv.SparseMLPClassifier(random_state=0).partial_fit(X, y, classes=["cat", "bee", "ape"])
    model.partial_fit(X, y, classes=["ape", "bee", "cat"])
    with pytest.raises(NervaError, match="but the model was fitted with"):
        model.partial_fit(X, y, classes=["ape", "bee", "cow"])


def test_metadata_routing_and_set_output(three):
    X, y = three
    w = np.linspace(0.1, 2, len(y))
    model = nv.SparseMLPClassifier((10,), max_iter=3, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, model.set_fit_request(sample_weight=True)).set_output(transform="default")
        routed = pipeline.fit(X, y, sample_weight=w)[-1]
    plain = nv.SparseMLPClassifier((10,), max_iter=3, random_state=0).fit(StandardScaler().fit_transform(X), y, w)
    np.testing.assert_array_equal(routed.coefs_[0].toarray(), plain.coefs_[0].toarray())


def test_lbfgs_tells_callbacks_of_its_epochs(three, tmp_path):
    """A logger finds its file when an epoch begins."""
    log = CSVLogger(tmp_path / "log-{run}.csv")
    model = nv.SparseMLPClassifier((20,), solver="lbfgs", max_iter=5, callbacks=[log], random_state=0).fit(*three)
    lines = (tmp_path / "log-1.csv").read_text(encoding="utf-8").splitlines()
    assert [path.name for path in tmp_path.iterdir()] == ["log-1.csv"]
    assert [line.partition(",")[0] for line in lines] == ["epoch", *map(str, range(1, model.n_iter_ + 1))]
