"""What cannot be used is named, with its value and what is allowed; and a fitted model stays as it was."""

from __future__ import annotations

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.errors import DivergedError, NervaError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_layer_sizes": (10, 0)}, r"hidden_layer_sizes must be positive integers, .* not \(10, 0\)"),
        ({"hidden_layer_sizes": 2.5}, "hidden_layer_sizes must be positive integers, .* not 2.5"),
        ({"activation": "relo"}, "unknown activation 'relo'; did you mean 'ReLU'"),
        ({"activation": np.tanh}, "activation must be one of identity, logistic, tanh, relu"),
        ({"density": 0}, "density must be more than 0 and at most 1, not 0"),
        ({"density": "sparse"}, "density must be \"auto\", a number from 0 to 1 or one for each layer, not 'sparse'"),
        ({"density": None}, "density must be .* not None"),
        ({"density": [0.1] * 3}, r"densities must be one, or 2, one a linear layer; got 3"),
        ({"method": "Rigle"}, "unknown method 'Rigle'; did you mean 'RigL'"),
        ({"method": 3}, "method must be None, a name, a specification or a DynamicTopology, not 3"),
        ({"method": "SET", "density": 1.0}, "SET: all layers are dense, so no weight can move"),
        ({"dropout": 1}, "dropout must be a number of at least 0 and less than 1, not 1"),
        ({"solver": "lbfgs", "method": "SET"}, 'solver="lbfgs" minimises one function: method must be None'),
        ({"solver": "lbfgs", "dropout": 0.5}, "dropout 0"),
        ({"solver": "lbfgs", "max_fun": 0}, "max_fun must be an integer of at least 1, not 0"),
        ({"solver": "sgd", "momentum": 1.5}, "momentum must be a number of at least 0 and less than 1, not 1.5"),
        ({"solver": "adam", "beta_1": 1}, "beta1 must be at least 0 and less than 1, not 1"),
        ({"solver": "adam", "epsilon": 0}, "epsilon must be positive, not 0"),
        ({"learning_rate": "slow"}, "learning_rate must be one of constant, invscaling, adaptive, not 'slow'"),
        ({"learning_rate": "adaptive", "learning_rate_init": "Cosine(0.1; 9)"}, "needs a number as learning_rate_init"),
        ({"power_t": -1}, "power_t must be a finite number of at least 0, not -1"),
        ({"solver": "adem"}, "unknown solver 'adem'; did you mean 'adam'"),
        ({"solver": None}, "solver must be a name, a specification or an Optimizer, not None"),
        ({"alpha": -1}, "alpha must be a finite number of at least 0, not -1"),
        ({"batch_size": 0}, 'batch_size must be "auto" or an integer of at least 1, not 0'),
        ({"batch_size": "all"}, "batch_size must be .* not 'all'"),
        ({"learning_rate_init": -0.1}, "lr must be a finite number of at least 0, not -0.1"),
        ({"max_iter": 0}, "max_iter must be an integer of at least 1, not 0"),
        ({"max_iter": 1.5}, "max_iter must be an integer of at least 1, not 1.5"),
        ({"tol": -1}, "tol must be a finite number of at least 0, not -1"),
        ({"n_iter_no_change": 0}, "n_iter_no_change must be an integer of at least 1, not 0"),
        ({"early_stopping": True, "validation_fraction": 1.5}, "validation_fraction must be between 0 and 1, not 1.5"),
        (
            {"early_stopping": True, "validation_fraction": 0.001},
            "0.001 of 240 samples is 0; at least 2 must be set apart",
        ),
        ({"weights": "Xaver"}, "unknown initializer 'Xaver'; did you mean 'Xavier'"),
        ({"backend": "cuda"}, "unknown backend 'cuda'"),
        ({"n_threads": 0}, "n_threads must be an integer of at least 1, not 0"),
        ({"class_weight": "even"}, "class_weight"),
        ({"random_state": "x"}, "seed"),
    ],
)
@pytest.mark.parametrize("fitted", [False, True])
def test_parameters(parameters, message, fitted, three):
    model = nv.SparseMLPClassifier(max_iter=2, random_state=0)
    if fitted:
        before = model.fit(*three).predict_proba(three[0])
    model.set_params(**parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(*three)
    assert hasattr(model, "network_") == fitted
    if fitted:
        model.set_params(n_threads=None)
        np.testing.assert_array_equal(model.predict_proba(three[0]), before)


def test_a_rare_class_cannot_be_split(rng):
    y = np.zeros(50, int)
    y[0] = 1
    with pytest.raises(NervaError, match="early_stopping: validation data cannot be set apart"):
        nv.SparseMLPClassifier(early_stopping=True).fit(rng.standard_normal((50, 3)), y)


def test_targets(three, rng):
    X, y = three
    with pytest.raises(ValueError, match="Unknown label type"):
        nv.SparseMLPClassifier().fit(X, X[:, 0])
    with pytest.raises(NervaError, match="y has several columns; a matrix must hold zeros and ones"):
        nv.SparseMLPClassifier().fit(X, rng.integers(0, 3, (240, 2)))
    model = nv.SparseMLPClassifier(max_iter=2, warm_start=True, random_state=0).fit(X, y)
    with pytest.raises(
        NervaError, match=r"same classes .* Previously got \['ape' 'bee' 'cat'\], `y` has \['ape' 'cat' 'dog'\]"
    ):
        model.fit(X[:3], ["ape", "dog", "cat"])
    labels = nv.SparseMLPClassifier(max_iter=2, warm_start=True).fit(X, rng.integers(0, 2, (240, 4)))
    with pytest.raises(NervaError, match="y must be a matrix of zeros and ones with 4 columns"):
        labels.fit(X, rng.integers(0, 2, (240, 3)))


def test_weights_of_samples(three):
    model = nv.SparseMLPClassifier(max_iter=2)
    with pytest.raises(NervaError, match="sample_weight must not be negative; its smallest number is -1"):
        model.fit(*three, np.arange(-1, 239))
    with pytest.raises(ValueError, match=r"(is zero for every sample|at least one non-zero number)"):
        model.fit(*three, np.zeros(240))
    with pytest.raises(ValueError, match=r"sample_weight\.shape"):
        model.fit(*three, np.ones(7))


def test_validation_data(three):
    X, y = three
    model = nv.SparseMLPClassifier(max_iter=2)
    with pytest.raises(NervaError, match="y_val is None; validation data are both X_val and y_val"):
        model.fit(X, y, X_val=X)
    with pytest.raises(NervaError, match="sample_weight_val is given without X_val and y_val"):
        model.fit(X, y, sample_weight_val=np.ones(3))
    with pytest.raises(ValueError, match="X has 3 features, but SparseMLPClassifier is expecting 12"):
        model.fit(X, y, X_val=X[:, :3], y_val=y)
    with pytest.raises(NervaError, match="'dog'"):
        model.fit(X, y, X_val=X[:2], y_val=["dog", "ape"])


def test_partial_fit(three):
    with pytest.raises(NervaError, match="classes must be given in the first call of partial_fit"):
        nv.SparseMLPClassifier().partial_fit(*three)
    with pytest.raises(NervaError, match="early_stopping must be False for partial_fit"):
        nv.SparseMLPRegressor(early_stopping=True).partial_fit(three[0], three[0][:, 0])
    with pytest.raises(NervaError, match="class_weight='balanced' needs all the data"):
        nv.SparseMLPClassifier(class_weight="balanced").partial_fit(*three, classes=np.unique(three[1]))


def test_divergence(three):
    """The model that was there stays."""
    X = three[0]
    model = nv.SparseMLPRegressor(warm_start=True, max_iter=2, solver="sgd", random_state=0).fit(X, X[:, 0])
    before = model.predict(X)
    model.set_params(learning_rate_init=1e6, max_iter=50)
    with pytest.raises(DivergedError, match="Try a learning rate below"):
        model.fit(X, X[:, 0])
    np.testing.assert_array_equal(model.predict(X), before)
    model.set_params(learning_rate_init=1e300)
    with pytest.raises(DivergedError, match="partial_fit: the loss is no longer finite"):
        model.partial_fit(X, X[:, 0])
