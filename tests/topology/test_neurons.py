from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerva_py.data import from_arrays
from nerva_py.errors import NervaError
from nerva_py.network import BatchNormLayer, mlp
from nerva_py.sparse import DenseWeight, SparseWeight
from nerva_py.topology import importance, input_importance, remove_neurons
from nerva_py.topology.neurons import weakest
from nerva_py.training import OPTIMIZERS, train
from tests import naive
from tests.samples import assert_close, dense, sparse

pytestmark = pytest.mark.usefixtures("one_thread")

SIZES = [9, 12, 7, 4]
DENSITIES = {"sparse": [0.3] * 3, "nearly dense": [0.95] * 3, "dense": [1.0] * 3, "mixed": [1.0, 0.2, 0.6]}


def network(densities, optimizer: str = "Adam", rng=None):
    """All parameters, running statistics and optimizer states are different numbers."""
    net = mlp(
        "ReLU;BatchNorm;SReLU;Dropout(0.3);BatchNorm;Linear", SIZES, layer_densities=densities, dtype=np.float64, seed=1
    )
    rng = rng or np.random.default_rng(3)
    for layer in net.layers:
        if isinstance(layer, BatchNormLayer):
            for name in ("mean", "variance"):
                setattr(layer, name, rng.uniform(1, 2, layer.mean.shape))
    for parameter in net.parameters():
        if isinstance(parameter.value, np.ndarray):
            parameter.value[...] = rng.uniform(0.5, 1.5, parameter.value.shape)
        parameter.begin(OPTIMIZERS[optimizer]().states)
        for vector in parameter.states:
            vector[...] = np.arange(1, vector.size + 1)
    return net


def cut_off(W, keep: np.ndarray) -> None:
    """Zero the weights that leave neurons which are not kept."""
    if isinstance(W, DenseWeight):
        W.array[:, ~keep] = 0
    else:
        W.data[~keep[W.support.indices]] = 0


keeps = st.integers(1, 2).flatmap(
    lambda number: st.tuples(
        st.just(number), st.lists(st.booleans(), min_size=SIZES[number], max_size=SIZES[number]).filter(any)
    )
)


@pytest.mark.parametrize("densities", DENSITIES.values(), ids=DENSITIES)
@given(chosen=keeps)
def test_the_reduced_network_computes_as_if_they_had_no_outgoing_weights(densities, chosen):
    number, keep = chosen[0], np.array(chosen[1])
    net, reference = network(densities), network(densities)
    X = np.asfortranarray(np.random.default_rng(0).standard_normal((6, 9)))
    cut_off(reference.linear_layers[number].W.value, keep)
    remove_neurons(net, number, keep)
    assert net.sizes[number] == keep.sum()
    assert_close(net.predict(X), reference.predict(X))


@pytest.mark.parametrize("densities", DENSITIES.values(), ids=DENSITIES)
@pytest.mark.parametrize("optimizer", ["GradientDescent", "Momentum", "Adam", "SMET"])
def test_what_remains_keeps_its_numbers(densities, optimizer):
    """Weights, biases, batch normalisation, and the optimizer states of all of them."""
    net = network(densities, optimizer)
    number, keep = 1, np.arange(12) % 3 != 1
    rows = {"W1": np.ix_(keep, np.ones(9, bool)), "W2": np.ix_(np.ones(7, bool), keep)}

    def everything() -> list[tuple[str, np.ndarray]]:
        found, linear = [], [layer.W for layer in net.linear_layers]
        for p in net.parameters():
            name = next((f"W{n}" for n, one in enumerate(linear, 1) if one is p), p.name)
            like = p.value.like if hasattr(p.value, "like") else lambda v, p=p: v.reshape(p.value.shape)
            for vector in (p.vector, *p.states):
                matrix = like(vector)
                found.append((name, matrix if isinstance(matrix, np.ndarray) else matrix.toarray()))
        for layer in net.layers:
            if isinstance(layer, BatchNormLayer):
                found += [("mean", layer.mean), ("variance", layer.variance)]
        return [(name, array.copy()) for name, array in found]

    before = everything()
    remove_neurons(net, number, keep)
    for (name, old), (_, new) in zip(before, everything(), strict=True):
        expected = old[rows[name]] if name in rows else old[:, keep] if old.shape == (1, 12) else old
        assert np.array_equal(new, expected), name
    for parameter in net.parameters():
        assert len(parameter.states) == OPTIMIZERS[optimizer]().states
        assert all(vector.shape == parameter.vector.shape for vector in parameter.states)
        assert parameter.vector.flags.carray


def test_it_can_be_trained_further(rng):
    net = network(DENSITIES["mixed"])
    remove_neurons(net, 2, np.arange(7) < 3)
    remove_neurons(net, 1, np.arange(12) < 5)
    data = from_arrays(rng.standard_normal((40, 9)), np.arange(40) % 4)
    before = net.predict(data.Xtrain).copy()
    train(net, data, epochs=2, batch_size=10, seed=1)
    assert net.sizes == [9, 5, 3, 4]
    assert not np.array_equal(net.predict(data.Xtrain), before)


def test_a_layer_that_is_full_of_what_is_left_is_dense():
    """Only neurons that lack an input go."""
    net = mlp("ReLU;Linear", [4, 10, 3], layer_densities=[0.8, 1], seed=1)
    parameter = net.linear_layers[0].W
    parameter.begin(1)
    parameter.states[0][...] = np.arange(1, 33)
    W = parameter.value
    expected, keep = W.like(parameter.states[0]).toarray(), np.diff(W.support.indptr) == 4
    assert keep.any()
    remove_neurons(net, 1, keep)
    assert isinstance(parameter.value, DenseWeight)
    assert np.array_equal(parameter.value.like(parameter.states[0]).toarray(), expected[keep])


@pytest.mark.parametrize("number", [0, 3, -1])
def test_only_hidden_layers_have_neurons_to_remove(number):
    net = network(DENSITIES["sparse"])
    with pytest.raises(NervaError, match=f"number must be from 1 to 2, the hidden layers, not {number}"):
        remove_neurons(net, number, np.ones(4, bool))


@pytest.mark.parametrize("keep", [np.zeros(12, bool), np.ones(11, bool), np.ones(12), np.ones((12, 1), bool)])
def test_some_neuron_must_stay(keep):
    net = network(DENSITIES["sparse"])
    with pytest.raises(NervaError, match="keep must be 12 booleans, at least one of them true, not"):
        remove_neurons(net, 1, keep)
    assert net.sizes == SIZES


# ----------------------------------------------------------------------------------------------------------- importance


@pytest.mark.parametrize("density", [0.0, 0.3, 0.8, 1.0])
def test_importance_is_the_sum_of_magnitudes(density, rng):
    W = sparse(rng, 6, 9, density) if density < 1 else dense(rng, 6, 9)
    magnitudes = np.abs(W.toarray())
    assert_close(importance(W), magnitudes.sum(axis=1))
    assert_close(input_importance(W), magnitudes.sum(axis=0))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(0, 99))
def test_the_weakest_are_the_first_of_the_lowest_but_never_all(strengths, percentile):
    W = SparseWeight.from_dense(np.array([strengths], float).T)
    count = min(len(strengths) - 1, percentile * len(strengths) // 100)
    assert np.flatnonzero(weakest(W, percentile)).tolist() == naive.lowest(strengths, count)
