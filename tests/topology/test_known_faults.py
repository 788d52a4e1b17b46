"""Faults of public implementations (shared/reference/algorithms.md), none of which may be here."""

from __future__ import annotations

import numpy as np
import pytest

from nerva_py.data import load_digits, make_mini
from nerva_py.equations.losses import LOSSES
from nerva_py.exchange import replace_weights, to_nerva
from nerva_py.network import OUTPUTS, mlp
from nerva_py.network.outputs import make_output
from nerva_py.sparse import random_free
from nerva_py.topology import DynamicTopology, method
from nerva_py.training import Callback, train
from tests import naive
from tests.samples import batch
from tests.sparse.supports import at, positions
from tests.topology.cases import attached, give_gradient, layer_of, numbers, random_layer

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def data():
    return make_mini(110, 40, np.random.default_rng(0))


def network(density: float = 0.3, **options):
    return mlp("ReLU;ReLU;Linear", [8, 20, 12, 3], overall_density=density, seed=1, **options)


def test_fault_1_set_keeps_only_the_most_negative_weights(rng):
    """ITOP family: positive and negative weights are sorted together, and the largest go as well as the smallest."""
    values = np.array([-5.0, -0.1, 4.0, 0.2, -0.3, 0.4, -6.0, 7.0])
    layer = layer_of(at((2, 20), [(0, d) for d in range(8)]), values, rng)
    attached(DynamicTopology("SET(0.5)"), [layer]).update()
    assert layer.values.tolist() == [-5.0, 4.0, -6.0, 7.0]


@pytest.mark.parametrize(
    "drop", ["Magnitude(0.37)", "SET(0.37)", "GlobalMagnitude(0.37)", "Taylor(0.37)", "Random(0.37)"]
)
@pytest.mark.parametrize("grow", ["Random", "Gradient", "Guided", "RandomUnfired"])
def test_fault_2_the_density_drifts(drop, grow, rng):
    """Bernoulli growth hits the number only on average; a comparison with a threshold takes all ties or none."""
    layers = [random_layer(rng, 9, 14, nnz, ties=True) for nnz in (20, 70)]
    topology = attached(DynamicTopology(drop, grow, "Zero"), layers)
    for _ in range(60):
        topology.update()
        for layer in layers:  # as after a step; new weights are still 0, so that nearly all are equal
            give_gradient(layer, np.zeros(layer.nnz))
        assert [layer.nnz for layer in layers] == [20, 70]


def test_fault_3_predict_loses_the_last_rows(rng):
    """`n // batch_size` batches."""
    net = network(dtype=np.float64)
    X = rng.standard_normal((23, 8))
    expected = np.concatenate([net.predict(row[None]) for row in X])
    for batch_size in (1, 5, 22, 23, 24):
        np.testing.assert_allclose(net.predict(X, batch_size), expected, rtol=1e-12)


@pytest.mark.parametrize("loss", ["SquaredError", "MeanSquaredError"])
def test_fault_4_the_derivative_of_the_sigmoid_at_the_wrong_place(loss, rng):
    """σ′(σ(z)) instead of σ′(z): the gradient of a squared error behind a sigmoid."""
    net = mlp("Sigmoid", [4, 3], layer_densities=[0.5], dtype=np.float64, seed=1)
    W = net.linear_layers[0].W
    X, T = batch(rng, 6, 4), batch(rng, 6, 3)
    Y, tapes = net.forward(X)
    gradient, _ = net.gradients(tapes, LOSSES[loss].gradient(Y, T))
    stored = np.flatnonzero(W.vector)
    expected = naive.central_difference(lambda: float(LOSSES[loss](net.evaluate(X), T)), W.vector)
    np.testing.assert_allclose(gradient.data[stored], expected[stored], rtol=1e-6)


def test_fault_5_removed_neurons_get_connections_back():
    """Where a neuron is only disconnected, random growth finds it again. Here its positions are gone."""
    net, sizes = mlp("ReLU;ReLU;Linear", [64, 40, 30, 10], overall_density=0.2, seed=1), []

    class Sizes(Callback):
        def on_step_end(self, run):
            sizes.append(tuple(W.W.value.shape for W in run.network.linear_layers))

    train(
        net, load_digits(), epochs=6, batch_size=500,
        callbacks=[method("ImportancePruning(20, every='1 epoch', start=0.3, stop=0.7)"), Sizes()],
    )  # fmt: skip
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == ((40, 64), (30, 40), (10, 30))
    # A fifth of each hidden layer goes after the steps 6, 9 and 12 of 18; SET goes on growing after each third step.
    assert sizes[11:] == [((21, 64), (16, 21), (10, 16))] * 7


@pytest.mark.parametrize("nnz", [20, 120], ids=["sparse", "nearly full"])
def test_fault_6_survivors_lose_their_momentum(nnz, rng):
    """Nerva zeroes the momentum of the whole layer at regrowth."""
    layer = random_layer(rng, 9, 14, nnz, states=1)
    before, topology = numbers(layer), attached(DynamicTopology("Magnitude(0.3)", "Random"), [layer])
    topology.update()
    after, zero = numbers(layer), bytes(16)
    survivors = before.keys() & {position for position, bits in after.items() if bits != zero}
    assert len(survivors) == nnz - int(0.3 * nnz)
    assert all(after[position] == before[position] for position in survivors)


def test_fault_7_random_growth_never_reaches_the_end(rng):
    """Nerva's `grow_random` walks along what is stored and never looks behind the last stored position."""
    S = at((3, 4), {(0, 0), (1, 1)})
    assert positions(random_free(S, 10, rng)) == naive.free((3, 4), {(0, 0), (1, 1)})
    seen = set()
    for _ in range(200):
        seen |= set(positions(random_free(S, 1, rng)))
    assert {(2, 3), (2, 0), (1, 2), (0, 1)} <= seen


def test_fault_8_the_topology_is_not_in_the_checkpoint(tmp_path, data):
    """A mask that is made again from the nonzero weights forgets those that have just grown at 0."""
    net, again = (mlp("ReLU;ReLU;Linear", [8, 20, 12, 3], layer_densities=[0.3, 0.6, 0.3], seed=1) for _ in range(2))
    train(net, data, epochs=2, callbacks=[DynamicTopology("Magnitude(0.3)", "Random", "Zero")])
    to_nerva(net, tmp_path / "w.npz", sparse=True)
    replace_weights(again, tmp_path / "w.npz")
    for ours, theirs in zip(net.linear_layers, again.linear_layers, strict=True):
        one, other = ours.W.value, theirs.W.value
        assert (one.toarray()[mask(one) == 1] == 0).any()
        assert np.array_equal(mask(one), mask(other))
        assert np.array_equal(one.toarray(), other.toarray())


def mask(W) -> np.ndarray:
    return W.support.mask()


@pytest.mark.parametrize("grow_weights", ["Zero", "Xavier", "SparseHe"])
def test_fault_9_weights_become_float64(grow_weights, data):
    """SET's `lil_matrix` holds float64, whatever the network was built of."""
    net, states = network(0.5), []

    class Look(Callback):
        def on_train_end(self, run):
            states.extend(vector for parameter in run.network.parameters() for vector in parameter.states)

    topology = DynamicTopology("SET(0.3)", "Gradient", grow_weights, every=3)
    train(net, data, epochs=3, optimizer="Adam", callbacks=[topology, Look()])
    assert {parameter.vector.dtype for parameter in net.parameters()} == {np.dtype(np.float32)}
    assert {vector.dtype for vector in states} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", OUTPUTS)
def test_fault_10_activations_overwrite_what_backward_needs(name, rng):
    """f(Z) in the memory of Z, from which f′(Z) is computed later."""
    output, Z, DY = make_output(name), batch(rng, 5, 7), batch(rng, 5, 7)
    before = Z.copy(), DY.copy()
    Y = output(Z)
    assert np.array_equal(Z, before[0])
    kept = Y.copy()
    output.backward(DY, Z, Y)
    for now, then in zip((Z, DY, Y), (*before, kept), strict=True):
        assert np.array_equal(now, then)
