"""An optimizer's step, for one number, against its definition for matrices."""

from __future__ import annotations

import pytest

from nerva_py.equations import updates
from nerva_py.errors import NervaError
from nerva_py.matrix import apply, hadamard, ones, reciprocal
from nerva_py.matrix.scalars import sqrt
from nerva_py.verify import check_update


def root(X):
    return apply(sqrt, X)


def ratio(X, Y):
    return hadamard(X, reciprocal(Y))


def momentum(W, G, V, eta, decay, mu):
    V = mu * V - eta * (G + decay * W)
    return W + V, V


def nesterov(W, G, V, eta, decay, mu):
    step = eta * (G + decay * W)
    V = mu * V - step
    return W + mu * V - step, V


def adam_moments(G, M, V, beta1, beta2):
    return beta1 * M + (1 - beta1) * G, beta2 * V + (1 - beta2) * hadamard(G, G)


def adam(W, G, M, V, eta, decay, beta1, beta2, epsilon, c1, c2):
    M, V = adam_moments(G + decay * W, M, V, beta1, beta2)
    return W - eta * ratio(M / c1, apply(lambda v: sqrt(v) + epsilon, V / c2)), M, V


def adamw(W, G, M, V, eta, decay, beta1, beta2, epsilon, c1, c2):
    M, V = adam_moments(G, M, V, beta1, beta2)
    return (1 - eta * decay) * W - eta * ratio(M / c1, apply(lambda v: sqrt(v) + epsilon, V / c2)), M, V


ADAM = ("M", "V"), ("eta", "decay", "beta1", "beta2", "epsilon", "c1", "c2")
VELOCITY = ("V",), ("eta", "decay", "mu")


@pytest.mark.parametrize(
    ("update", "definition", "states", "constants"),
    [
        (updates.gradient_descent, lambda W, G, eta, decay: W - eta * (G + decay * W), (), ("eta", "decay")),
        (updates.momentum, momentum, *VELOCITY),
        (updates.nesterov, nesterov, *VELOCITY),
        (updates.adam, adam, *ADAM),
        (updates.adamw, adamw, *ADAM),
    ],
    ids=["gradient descent", "momentum", "Nesterov", "Adam", "AdamW"],
)
def test_the_librarys_updates(update, definition, states, constants):
    report = check_update(update, definition, states, constants)
    assert str(report).splitlines() == [f"✓ {name} is right: proved for all sizes" for name in ("W", *states)]


@pytest.mark.parametrize(
    ("update", "wrong"),
    [
        (lambda w, g, v, eta, decay, mu: (w - mu * v + eta * g, mu * v - eta * (g + decay * w)), "W"),
        (lambda w, g, v, eta, decay, mu: (updates.momentum(w, g, v, eta, decay, mu)[0], v), "V"),
        (lambda w, g, v, eta, decay, mu: updates.momentum(w, g, v, eta, 0 * decay, mu), "W V"),  # no weight decay
        (lambda w, g, v, eta, decay, mu: updates.momentum(w, g, abs(v), eta, decay, mu), "W V"),  # of one sign
        (lambda w, g, v, eta, decay, mu: updates.nesterov(w, g, v, eta, decay, mu), "W"),
        (lambda w, g, v, eta, decay, mu: updates.momentum(w, g, v, 1e-12 + eta, decay, mu), ""),  # rounding
    ],
)
def test_a_wrong_update(update, wrong):
    report = check_update(update, momentum, *VELOCITY)
    assert [verdict.name for verdict in report if verdict.problem] == wrong.split()
    assert not report
    for name in wrong.split():
        assert "it should be" in str(report[name])
        assert "eta = " in str(report[name])


def test_a_sparse_layer_keeps_its_zeros():
    report = check_update(lambda w, g, e: w - g + e, lambda W, G, e: W - G + e * ones(W, *W.shape), constants=("e",))
    assert not report
    assert "a sparse layer keeps 0 where it has no weight" in str(report)


@pytest.mark.parametrize(
    ("update", "definition", "message"),
    [
        (lambda w, g, v, eta: w, lambda W, G, V, eta: (W, V), "update must return the new W, V"),
        (lambda w, g, v, eta: (w, v), lambda W, G, V, eta: W, "definition must return the new W, V"),
        (lambda w, g, v, eta: (w, v), lambda W, G, V, eta: (W, V[:1]), "definition returns V of shape"),
    ],
)
def test_what_cannot_be_checked(update, definition, message):
    with pytest.raises(NervaError, match=message):
        check_update(update, definition, ("V",), ("eta",))
