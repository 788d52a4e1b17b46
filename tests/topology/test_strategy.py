"""Updates, one by one and while a network is trained."""

from __future__ import annotations

import json
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerva_py.data import load_digits
from nerva_py.errors import DivergedError, NervaError
from nerva_py.network import mlp
from nerva_py.sparse import Support
from nerva_py.sparse.growth import random_free
from nerva_py.topology import (
    DROP_RULES,
    GROW_RULES,
    METHODS,
    Coverage,
    DynamicTopology,
    GradualDensity,
    Grow,
    by_score,
    method,
)
from nerva_py.topology.decays import DECAYS
from nerva_py.topology.drop import Drop
from nerva_py.training import Callback, Order, train
from tests.sparse.supports import LIMITS, at, int32_limit, positions, threads
from tests.topology.cases import assert_sound, attached, layer_of, layers, network, numbers, random_layer, small_data

AMOUNTS = st.sampled_from([0.0, 0.3, 0.5, 1.0])


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def data():
    return small_data()


def weights(net) -> list:
    return [layer.W.value for layer in net.linear_layers]


class Spy(Callback):
    """Calls a function after each step."""

    def __init__(self, look):
        self.look = look

    def on_step_end(self, run):
        self.look(run)


class Timed(DynamicTopology):
    """Writes down at which steps it updates, and with which decay."""

    def on_train_begin(self, run):
        self.times = []
        super().on_train_begin(run)

    def update(self, decay=1.0):
        if hasattr(self, "times") and self.t:
            self.times.append((self.t, decay))
        super().update(decay)


# ---------------------------------------------------------------------------------------------------- a single update


@pytest.mark.parametrize("drop", DROP_RULES)
@pytest.mark.parametrize("grow", GROW_RULES)
@given(layer=layers(largest=7), amount=AMOUNTS, limit=LIMITS, seed=st.integers(0, 10**6))
def test_laws_of_an_update(drop, grow, layer, amount, limit, seed):
    """As many weights as before; what survives or returns keeps every bit; the rest starts at 7, without state."""
    rule, masks = DROP_RULES[drop](amount), []

    def spy(*arguments):
        masks.extend(rule.select(*arguments))
        return masks

    with int32_limit(limit):
        support, states = at(layer.shape, positions(layer.support)), len(layer.layer.W.states)
        layer = layer_of(support, layer.values, np.random.default_rng(seed), states)
        before, old = numbers(layer), layer.layer.W.value
        topology = attached(DynamicTopology(Drop(drop, amount, spy), grow, "Uniform(7, 7)"), [layer], seed)
        topology.update()
        assert_sound(layer)
    after, change = numbers(layer), topology.changes[0]
    if not masks:
        assert layer.layer.W.value is old
        assert support.nnz in (0, layer.size)
        return
    gone = {position for position, goes in zip(before, masks[0], strict=True) if goes}
    kept, grown = before.keys() - gone, after.keys() - (before.keys() - gone)
    fresh = old.dtype.type(7).tobytes() + bytes(states * old.dtype.itemsize)
    assert len(after) == len(before)
    assert kept <= after.keys()
    assert all(after[position] == before[position] for position in kept)
    returning = gone if grow == "Gradient" else set()
    assert all(after[position] == (before[position] if position in returning else fresh) for position in grown)
    again = len(grown & returning)
    assert (change.dropped, change.grown, change.updates) == (len(gone) - again, len(grown) - again, 1)


def test_without_growth_the_layer_becomes_sparser(rng):
    layer = random_layer(rng, 6, 9, 30)
    before = numbers(layer)
    attached(DynamicTopology("Magnitude(0.4)"), [layer]).update()
    assert_sound(layer)
    assert layer.nnz == 18
    assert numbers(layer).items() <= before.items()


def test_layers_that_are_full_or_empty_are_left_alone(rng):
    full, empty, sparse = (random_layer(rng, 4, 6, nnz) for nnz in (24, 0, 8))
    before = [layer.layer.W.value for layer in (full, empty)]
    topology = attached(DynamicTopology("GlobalMagnitude(0.5)", "Random"), [full, empty, sparse])
    topology.update()
    assert [layer.layer.W.value for layer in (full, empty)] == before
    assert [change.updates for change in topology.changes] == [0, 0, 1]
    assert topology.changes[2].dropped == 4, "half of its own weights"
    attached(DynamicTopology("SET", "Random"), [full]).update()  # nothing to do at all
    assert full.layer.W.value is before[0]


def test_global_magnitude_exchanges_within_each_layer(rng):
    """A layer of small weights loses them all, and gets as many back."""
    small, large = (
        layer_of(Support.random((5, 8), 10, rng), scale * rng.uniform(1, 2, 10), rng) for scale in (0.01, 1)
    )
    topology = attached(DynamicTopology("GlobalMagnitude(0.5)", "Random"), [small, large])
    topology.update()
    assert [change.dropped for change in topology.changes] == [10, 0]
    assert (small.nnz, large.nnz) == (10, 10)
    assert not small.values.any()


# --------------------------------------------------------------------------------------------------------- own rules


def test_rules_of_your_own(data):
    def largest(layer, rng):
        return -np.abs(layer.values)

    def anywhere(layer, kept, count, rng):
        grown = random_free(kept, count, rng)
        return grown.rows(), grown.indices

    net = network()
    before = [W.nnz for W in weights(net)]
    history = train(net, data, epochs=2, batch_size=50, callbacks=[DynamicTopology(by_score(largest, 0.2), anywhere)])
    assert [W.nnz for W in weights(net)] == before
    assert all(row["updates"] == 1 for row in history[1].measures["topology"]["layers"])


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (lambda kept, count: kept, r"must return \d+ positions"),
        (lambda kept, count: ([0] * count, list(range(count))), r"inserted: position \(0, \d\) exists and is kept"),
        (lambda kept, count: ([99] * count, [0] * count), "rows: 99 to 99; 0 to 11 are allowed"),
        (lambda kept, count: ([0] * count, [-1] * count), "columns: -1 to -1"),
        (lambda kept, count: None, "grow rule careless"),
    ],
    ids=["count", "taken", "row", "column", "nothing"],
)
def test_a_careless_rule_is_named(chosen, message, data):
    def careless(layer, kept, count, rng):
        return chosen(kept, count)

    net = network([0.5, 0.6, 0.3])
    with pytest.raises(NervaError, match=r"grow rule careless.*TopologyLayer\(W1, 12×8") as raised:
        train(net, data, epochs=1, callbacks=[DynamicTopology("Magnitude(0.1)", careless)])
    raised.match(message)


# ------------------------------------------------------------------------------------------------------------- when


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"every": 4}, [4, 8, 12, 16, 20]),
        ({"every": "4 steps", "stop": 0.75}, [4, 8, 12]),
        ({"every": "1 epoch"}, [5, 10, 15, 20]),
        ({"every": "2 epochs"}, [10, 20]),
        ({"every": "2 epochs", "stop": 0.5}, [10]),
        ({"every": 1, "stop": 0.15}, [1, 2, 3]),
    ],
)
@pytest.mark.parametrize("decay", DECAYS)
def test_updates_come_at_their_steps_with_their_decay(options, expected, decay, data):
    """4 epochs of 5 steps, the last one of 10 samples."""
    topology = Timed("Magnitude(0.3)", "Random", decay=decay, **options)
    train(network(), data, epochs=4, batch_size=25, callbacks=[topology])
    end = 20 * options.get("stop", 1)
    assert topology.times == [(t, pytest.approx(DECAYS[decay](t / end))) for t in expected]


def test_the_decay_decides_how_many_are_dropped(data):
    topology = DynamicTopology("Magnitude(0.5)", "Random", every="1 epoch", decay="Linear")
    history = train(network([0.3, 1, 1]), data, epochs=4, batch_size=25, callbacks=[topology])
    nnz = round(0.3 * 96)
    dropped = [epoch.measures["topology"]["layers"][0]["dropped"] for epoch in history]
    assert dropped == [int(0.5 * share * nnz) / nnz for share in (0.75, 0.5, 0.25, 0)]


# ---------------------------------------------------------------------------------------------------------- batches


@pytest.mark.parametrize("density", [None, GradualDensity(0.2, stop=1)], ids=["", "pruned before"])
def test_the_batches_of_several_steps_are_one(density, data):
    """DZ and X of the last three steps, one under the other, also if the layer is pruned just before it grows."""
    steps, seen = [], []

    class Recorder(Callback):
        """Copies of DZ and X of each linear layer, by its number, step by step."""

        def on_gradients(self, run, layer, tape, gradients):
            if run.t > len(steps):
                steps.append({})
            if layer in run.network.linear_layers:
                factors = tuple(matrix.copy() for matrix in gradients[0].stacked())
                steps[-1][run.network.linear_layers.index(layer) + 1] = factors

    def choose(layer, kept, count, rng):
        seen.append((len(steps), layer.number, *layer.outer.stacked()))
        return GROW_RULES["Gradient"]().choose(layer, kept, count, rng)

    rule = Grow("three", choose, batches=3)
    topology = DynamicTopology("Magnitude(0.3)", rule, every=4, density=density)
    train(network(), data, epochs=2, batch_size=20, callbacks=[topology, Recorder()])
    assert [(t, number) for t, number, *_ in seen] == [(t, number) for t in (4, 8, 12) for number in (1, 2, 3)]
    for t, number, *batch in seen:
        parts = [step[number] for step in steps[t - 3 : t]]
        for actual, matrices in zip(batch, zip(*parts, strict=True), strict=True):
            assert np.array_equal(actual, np.concatenate(matrices))


def test_no_layer_collects_batches_for_ever(data):
    """Not even one that is full and never grows."""
    sizes = []
    topology = DynamicTopology("Magnitude(0.3)", "Gradient(2)", every=3)
    before, after = (Spy(lambda run: sizes.append([samples(layer) for layer in topology.layers])) for _ in range(2))
    before.order = Order.CHANGES  # and before the topology in the list
    train(network([0.3, 1, 0.6]), data, epochs=3, batch_size=22, callbacks=[before, topology, after])
    assert sizes == [[0] * 3] * 2 + [[22] * 3] * 2 + [[44] * 3, [0] * 3] + sizes[:6] * 4
    assert [samples(layer) for layer in topology.layers] == [0] * 3


def samples(layer) -> int:
    """Of the gradients that a layer holds."""
    return 0 if layer.gradient is None else len(layer.outer.stacked()[0])


@pytest.mark.parametrize("grow", ["Random", "Gradient", None])
def test_what_growth_needs_is_kept_until_the_update_only(grow, data):
    """The memory of DZ and of X is free again after it."""
    alive: list[weakref.ref] = []

    class Watch(Callback):
        def on_gradients(self, run, layer, tape, gradients):
            alive.extend(weakref.ref(matrix) for matrix in gradients[0].stacked())

    topology = DynamicTopology("Magnitude(0.3)", grow, every=2)
    spy = Spy(lambda run: seen.append(sum(one() is not None for one in alive)))
    seen: list[int] = []
    train(network(), data, epochs=1, batch_size=22, callbacks=[topology, Watch(), spy])
    assert seen == [0] * 5


def test_weights_are_dropped_by_the_gradient_of_a_network_that_was_pruned_before(data):
    """In the same step, in which a mask of dropout was on the weights; the mask has the positions of before."""
    topology = DynamicTopology("Taylor(0.3)", "Random", every=3, density=GradualDensity(0.2, stop=1))
    net = network(dropouts=[0.3, 0.3, 0.0])
    before = net.nnz
    history = train(net, data, epochs=3, batch_size=22, callbacks=[topology])
    assert net.nnz == round(0.2 * net.dense_size) < before
    assert all(row["dropped"] > row["grown"] > 0 for row in history[1].measures["topology"]["layers"][:2])


# --------------------------------------------------------------------------------------------------------- training


def test_what_happened_is_in_the_history(data):
    net = network()
    history = train(net, data, epochs=3, batch_size=25, callbacks=[DynamicTopology("SET(0.3)", "Random", every=2)])
    shares = [epoch.measures["topology"]["R_s"] for epoch in history]
    assert shares == sorted(shares)
    assert shares[0] > net.density
    assert [[row["updates"] for row in epoch.measures["topology"]["layers"]] for epoch in history] == [
        [2] * 3, [3] * 3, [2] * 3,
    ]  # fmt: skip
    for row, W in zip(history[-1].measures["topology"]["layers"], weights(net), strict=True):
        assert (row["nnz"], row["density"]) == (W.nnz, pytest.approx(W.density))
        assert row["dropped"] == row["grown"] > 0
    json.dumps([epoch.as_dict() for epoch in history], allow_nan=False)


def test_without_a_drop_rule_nothing_changes(data):
    net = network()
    before = [W.support for W in weights(net)]
    history = train(net, data, epochs=2, callbacks=[DynamicTopology(None)])
    after = [W.support for W in weights(net)]
    assert all(one is other for one, other in zip(before, after, strict=True))
    assert history[1].measures["topology"]["R_s"] == pytest.approx(net.density)


@pytest.mark.parametrize("optimizer", ["GradientDescent", "Momentum(0.9)", "Adam", "SMET"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_optimizers_go_on_after_every_update(optimizer, dtype, data):
    net = network(dtype=dtype)
    topology = DynamicTopology("Magnitude(0.5)", "Gradient", every=1)
    kept = [0.0]

    def look(run):
        for layer in topology.layers:
            assert_sound(layer)
            assert len(layer.layer.W.states) == run.optimizers[layer.layer].states
            kept.extend(float(np.abs(vector).max()) for vector in layer.layer.W.states)

    train(net, data, epochs=2, batch_size=50, optimizer=optimizer, learning_rate=0.001, callbacks=[topology, Spy(look)])
    assert (max(kept) > 0) == (optimizer != "GradientDescent")
    assert all(np.isfinite(parameter.vector).all() for parameter in net.parameters())


def test_the_same_method_can_train_again(data):
    topology, results = DynamicTopology("SET", "Random"), []
    for _ in range(2):
        net = network()
        train(net, data, epochs=2, seed=3, callbacks=[topology])
        results.append(np.concatenate([parameter.vector for parameter in net.parameters()]))
    assert np.array_equal(*results)


@pytest.mark.parametrize("grow", ["Random", "Gradient", "Guided"])
def test_a_run_that_diverges(grow, data):
    with pytest.raises(DivergedError, match="diverged"):
        train(
            network(), data, epochs=5, batch_size=10, learning_rate=1e12, loss="SquaredError",
            callbacks=[DynamicTopology("Magnitude(0.3)", grow, every=3)],
        )  # fmt: skip


# ----------------------------------------------------------------------------------------------------- determinism


def run(spec: str, count: int, data) -> tuple[np.ndarray, list]:
    """All numbers and positions after a short run with that many threads, and what was measured."""
    net = mlp("ReLU;ReLU;Linear", [64, 70, 50, 10], overall_density=0.3, seed=1)
    optimizer, eta = ("SMET", 0.0003) if "SMET" in spec else ("Momentum(0.9)", 0.05)
    with threads(count):
        history = train(net, data, epochs=2, seed=5, optimizer=optimizer, learning_rate=eta, callbacks=[method(spec)])
    found = [parameter.vector for parameter in net.parameters()]
    found += [np.flatnonzero(W.toarray()) for W in weights(net)]
    return np.concatenate(found), [(epoch.train_loss, epoch.measures) for epoch in history]


SPECS = {
    "Static": "Static", "SET": "SET(0.3, every=5)", "RigL": "RigL(0.3, every=4, batches=2)",
    "MagnitudeRandom": "MagnitudeRandom(0.3)", "GradualMagnitude": "GradualMagnitude(0.1, every=4)",
    "GraNet": "GraNet(0.1, every=4)", "GSE": "GSE(0.3, every=4)",
    "ImportancePruning": "ImportancePruning(10, '1 epoch')", "SMET": "SMET(0.3, every=4)",
}  # fmt: skip


def test_every_method_has_a_spec_here():
    assert SPECS.keys() == METHODS.keys()


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_the_seed_decides_everything_and_the_threads_nothing(spec):
    data = load_digits()
    one, two = (run(spec, count, data) for count in (1, 2))
    assert np.array_equal(one[0], two[0])
    assert one[1] == two[1]


# ------------------------------------------------------------------------------------------------------------ refusals


def test_a_network_that_is_all_dense(data):
    with pytest.raises(NervaError, match="RigL: all layers are dense, so no weight can move; give a density below 1"):
        train(network([1, 1, 1]), data, callbacks=[method("RigL")])


def test_unfired_positions_of_a_layer_without_bits_are_refused_at_once(data, monkeypatch):
    monkeypatch.setattr(Coverage.__init__, "__defaults__", (50,))
    with pytest.raises(NervaError, match=r"RandomUnfired needs one bit a position, .* for 12×8"):
        train(network(), data, callbacks=[DynamicTopology("SET", "RandomUnfired", every=1000)])


def test_a_final_density_above_the_first(data):
    with pytest.raises(NervaError, match=r"GraNet: the network has density 0\.\d+; a final density of 0.9 is above it"):
        train(network(), data, callbacks=[method("GraNet(0.9)")])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "every must be a number of steps"),
        ({"decay": "Fast"}, "unknown decay 'Fast'"),
        ({"stop": 0}, "stop must be a share of training, more than 0 and at most 1, not 0"),
        ({"stop": 1.5}, "stop must be a share of training, .* not 1.5"),
        ({"stop": "late"}, "stop must be a share of training, .* not 'late'"),
        ({"grow": "Everywhere"}, "unknown grow rule 'Everywhere'"),
        ({"grow": 3}, "grow must be a rule, its name or a function, not 3"),
        ({"drop": "Everything"}, "unknown drop rule 'Everything'"),
        ({"drop": 0.3}, "drop must be a rule, its name or None, not 0.3"),
        ({"grow_weights": "Ones"}, "unknown initializer 'Ones'"),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(NervaError, match=message):
        DynamicTopology(**{"drop": "SET", "grow": "Random"} | options)
