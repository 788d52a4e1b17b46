"""Likely mistakes with `train`, each with the message that helps; nothing has been changed by then."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import nerva_py as nv
from nerva_py import topology
from nerva_py.data import make_mini
from nerva_py.errors import DataError, NervaError
from nerva_py.topology import DynamicTopology
from nerva_py.topology.drop import by_score


@pytest.fixture
def data(rng):
    return make_mini(120, 20, rng)


def network(layers="ReLU;Linear"):
    return nv.mlp(layers, [8, 6, 3], overall_density=0.5, seed=1)


CALLBACKS = [
    (nv.EarlyStopping(), r"callbacks must be a list of callbacks, not .*; write \[...\] around it"),
    ("SET(0.3)", r"callbacks must be .*; a topology method is made from its specification by method\('SET\(0.3\)'\)"),
    (["SET(0.3)"], r"callbacks\[0\] must be a Callback, not 'SET\(0.3\)'; a topology method is made"),
    ([nv.EarlyStopping], r"callbacks\[0\] must be a Callback, not <class .*>; make one: EarlyStopping\(\)"),
    (None, "callbacks must be a list of callbacks, not None"),
]


@pytest.mark.parametrize(("callbacks", "said"), CALLBACKS)
def test_callbacks(callbacks, said, data):
    with pytest.raises(NervaError, match=said):
        nv.train(network(), data, callbacks=callbacks)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"loss": lambda Y, T: Y}, r"loss must be a name or a Loss\(name, samples, gradient\), not <function"),
        (
            {"optimizer": lambda *a: a},
            "optimizer must be a name, an Optimizer, or one of these a linear layer, not <function",
        ),
        ({"optimizer": [0.9, "Adam"]}, "optimizer must be a name, an Optimizer, .* not 0.9"),
        ({"learning_rate": "fast"}, "unknown learning rate schedule 'fast'"),
    ],
)
def test_parts(options, said, data):
    with pytest.raises(NervaError, match=said):
        nv.train(network(), data, **options)


def test_arguments_in_the_other_order(data):
    with pytest.raises(NervaError, match=r"network must be of type MLP, as in train\(network, data\), not Dataset"):
        nv.train(data, network())
    with pytest.raises(NervaError, match=r"layers\[1\] must be a Layer, not 'ReLU'"):
        nv.MLP([*network().layers[:1], "ReLU"])


@pytest.mark.parametrize("loss", ["CrossEntropy", "NegativeLogLikelihood"])
@pytest.mark.parametrize("last", ["Linear", "LogSoftmax", "HyperbolicTangent"])
def test_a_loss_of_probabilities_behind_other_outputs(loss, last, data):
    said = f"loss {loss} takes the logarithm of the outputs, which those of {last} have not: .* SoftmaxCrossEntropy"
    with pytest.raises(NervaError, match=said):
        nv.train(network(f"ReLU;{last}"), data, loss=loss)
    assert len(nv.train(network("ReLU;Softmax"), data, loss=loss, epochs=1)) == 1


def test_a_rate_as_a_text(data):
    assert nv.train(network(), data, learning_rate="0.02", epochs=1)[0].learning_rate == 0.02


def test_labels(rng):
    X = rng.standard_normal((30, 4))
    with pytest.warns(
        UserWarning, match=r"Ttrain has labels from 1 to 3, and none is 0: .* Ttrain - 1, or num_classes=4"
    ):
        assert nv.from_arrays(X, np.arange(30) % 3 + 1).num_classes == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nv.from_arrays(X, np.arange(30) % 3 + 1, num_classes=4)
    for names in (np.array(["a", "b", "c"] * 10), ["a", "b", "c"] * 10):
        with pytest.raises(
            DataError, match=r"Ttrain: texts, such as .*'a'.*; .* = np.unique\(Ttrain, return_inverse=True\)"
        ):
            nv.from_arrays(X, names)


def test_no_path_from_any_input(data):
    net = nv.mlp("ReLU;Linear", [8, 6, 3], layer_densities=[0.5, 0.0], seed=1)
    with pytest.warns(UserWarning, match="no path of weights leads from an input to any of the 3 outputs"):
        nv.train(net, data, epochs=1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("densities", [[0.05, 1.0], [0.05, 0.5, 1.0], [1.0, 0.05]])
def test_some_paths_are_enough(densities, data):
    nv.train(nv.mlp("ReLU;" * (len(densities) - 1) + "Linear", [8, *[20] * (len(densities) - 1), 3],
                    layer_densities=densities, seed=1), data, epochs=1)  # fmt: skip


def test_rules_of_one_s_own(data):
    with pytest.raises(NervaError, match=r"drop must be .* topology.drop.by_score makes a rule of a function"):
        DynamicTopology(lambda layer, rng: layer.values)
    for score in (lambda layer, rng: np.full(layer.nnz, np.nan), lambda layer, rng: np.array(["x"] * layer.nnz)):
        with pytest.raises(NervaError, match="must return numbers without NaN"):
            nv.train(network(), data, epochs=1, callbacks=[DynamicTopology(by_score(score, 0.3))])
    for grown in (None, 3, ([0],)):
        with pytest.raises(NervaError, match=r"grow rule .* must return a Support or"):
            nv.train(
                network(), data, epochs=1,
                callbacks=[DynamicTopology("Magnitude(0.3)", lambda layer, kept, count, rng, grown=grown: grown)],
            )  # fmt: skip
    assert topology.DROP_RULES["Magnitude"]().name == "Magnitude"


@pytest.mark.parametrize("check", [nv.training.GradientCheck("2 epochs"), nv.training.TerminateOnNaN(40)])
def test_a_check_that_would_never_come(check, data):
    with pytest.raises(
        NervaError, match=r"comes every (2 epochs|40 steps), but this run has [36] steps: it would never come"
    ):
        nv.train(network(), data, epochs=1, batch_size=20, callbacks=[check])
