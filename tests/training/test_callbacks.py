"""The callback protocol: order, what is called when something fails; early stopping."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.data import make_mini
from nerva_py.errors import DivergedError, NervaError
from nerva_py.training import Callback, EarlyStopping, Epoch, Order
from nerva_py.training.monitor import Monitor


@pytest.fixture
def data(rng):
    return make_mini(110, 40, rng)


def network(layers="ReLU;BatchNorm;SReLU;Linear", seed=1):
    return nv.mlp(layers, [8, 12, 9, 3], layer_densities=[0.3, 0.7, 1.0], seed=seed)


def numbers(net) -> list[np.ndarray]:
    norms = [layer for layer in net.layers if isinstance(layer, nv.network.BatchNormLayer)]
    return [p.vector.copy() for p in net.parameters()] + [a.copy() for n in norms for a in (n.mean, n.variance)]


def assert_same(one, other) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


class Measure(Callback):
    """Puts chosen numbers into the measures."""

    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, run, epoch):
        epoch.measures["chosen"] = {"number": self.values[epoch.epoch - 1]}


# --------------------------------------------------------------------------------------------------------------- order


def test_they_run_by_order_whatever_the_list(data):
    diary = []

    class Named(Callback):
        def __init__(self, name, order):
            self.name, self.order = name, order

        def on_train_begin(self, run):
            diary.append(("begin", self.name))

        def on_step_end(self, run):
            diary.append(("step", self.name))

        def on_epoch_end(self, run, epoch):
            diary.append(("epoch", self.name))

        def on_train_end(self, run):
            diary.append(("end", self.name))

    given = [
        Named("saves", Order.SAVES), Named("writes", Order.WRITES), Named("first", Order.MEASURES),
        Named("decides", Order.DECIDES), Named("changes", Order.CHANGES), Named("second", Order.MEASURES),
    ]  # fmt: skip
    nv.train(network(), data, epochs=1, batch_size=110, callbacks=given)
    names = ["changes", "first", "second", "decides", "writes", "saves"]
    assert diary == [(event, name) for event in ("begin", "step", "epoch", "end") for name in names]
    assert nv.method("SET(0.3)").order == Order.CHANGES
    assert Callback().order == Order.MEASURES


@pytest.mark.parametrize("where", ["on_train_begin", "on_train_end"])
def test_those_that_began_end_even_if_another_fails(where, data):
    ended = []

    class End(Callback):
        def on_train_end(self, run):
            ended.append(self)

    def fail(*arguments):
        raise RuntimeError("boom")

    broken, others = End(), [End(), End()]
    setattr(broken, where, fail)
    with pytest.raises(RuntimeError, match="boom"):
        nv.train(network(), data, epochs=1, callbacks=[others[0], broken, others[1]])
    assert ended == (others[:1] if where == "on_train_begin" else others)


def test_what_a_callback_sees_of_a_step(data):
    seen = []

    class Look(Callback):
        def on_step_end(self, run):
            seen.append((run.epoch, run.step_of_epoch, run.t, run.outputs.shape, run.loss.name, run.resumed))

    nv.train(network(), data, epochs=2, batch_size=60, callbacks=[Look()], loss="SquaredError")
    assert seen == [
        (1, 1, 1, (60, 3), "SquaredError", False), (1, 2, 2, (50, 3), "SquaredError", False),
        (2, 1, 3, (60, 3), "SquaredError", False), (2, 2, 4, (50, 3), "SquaredError", False),
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------------ early stopping


def test_it_stops_and_brings_the_best_network_back(data):
    class Keep(Callback):
        """The numbers after each epoch."""

        def on_train_begin(self, run):
            self.kept = []

        def on_epoch_end(self, run, epoch):
            self.kept.append(numbers(run.network))

    values, keep = [1.0, 3.0, 2.0, 4.0, 3.0, 3.5, 4.0, 9.0], Keep()
    stopping = EarlyStopping("chosen.number", patience=3, mode="max")
    net = network()
    callbacks = [stopping, keep, Measure(values), nv.method("SET(0.3)")]
    history = nv.train(net, data, epochs=8, learning_rate=0.1, callbacks=callbacks, seed=1)
    assert len(history) == 7
    assert (stopping.best, stopping.best_epoch, stopping.stopped_epoch) == (4.0, 4, 7)
    assert_same(numbers(net), keep.kept[3])
    with pytest.raises(AssertionError):
        assert_same(numbers(net), keep.kept[6])
    again = nv.train(net, data, epochs=2, learning_rate=0.1, callbacks=[stopping, Measure([1.0, 2.0])], seed=1)
    assert (len(again), stopping.best_epoch, stopping.stopped_epoch) == (2, 2, 0)


def test_without_restoring_the_last_network_stays(data):
    stopping = EarlyStopping("chosen.number", patience=1, mode="min", restore_best=False)
    net, other = network(), network()
    history = nv.train(net, data, epochs=9, callbacks=[stopping, Measure([1.0, 2.0])], seed=1)
    nv.train(other, data, epochs=len(history), seed=1)
    assert len(history) == 2
    assert_same(numbers(net), numbers(other))


def test_the_best_network_comes_back_from_an_error(data):
    class Fail(Callback):
        def on_epoch_begin(self, run):
            if run.epoch == 3:
                raise DivergedError("as if")

    net, other = network(), network()
    with pytest.raises(DivergedError):
        nv.train(net, data, epochs=9, callbacks=[EarlyStopping("chosen.number", mode="max"), Measure([2, 1]), Fail()],
                 seed=1)  # fmt: skip
    nv.train(other, data, epochs=1, seed=1)
    assert_same(numbers(net), numbers(other))


def test_neurons_that_were_removed_since_come_back_too(data):
    net = nv.mlp("ReLU;BatchNorm;ReLU;Linear", [8, 20, 20, 3], overall_density=0.4, seed=1)
    callbacks = [nv.method("ImportancePruning(20, every='1 epoch', start=0.5)"), Measure([2.0, 1.0, 1.0, 1.0])]
    nv.train(net, data, epochs=4, callbacks=[*callbacks, EarlyStopping("chosen.number", mode="max")], seed=1)
    assert net.sizes == [8, 20, 20, 3]
    assert net.predict(data.Xtest).shape == (40, 3)


@pytest.mark.parametrize(
    ("name", "mode", "values", "best"),
    [
        ("test_loss", None, [3, 2, float("nan"), 2.5], 2),
        ("test_accuracy", None, [0.1, 0.5, 0.4, 0.5], 2),
        ("test_accuracy", "min", [0.1, 0.5, 0.05, 0.4], 3),
        ("score", None, [0.1, 0.2, 0.3, 0.3], 3),
    ],
)
def test_monitors(name, mode, values, best):
    monitor = Monitor(name, mode)
    for number, value in enumerate(values, 1):
        statistics = {"test_accuracy" if name == "score" else name: value}
        monitor.improved(Epoch(number, 0.1, 1.0, **statistics))
    assert monitor.best_epoch == best
    assert monitor.best == values[best - 1]


def test_a_change_must_be_larger_than_min_delta():
    monitor = Monitor("test_loss", min_delta=0.5)
    improved = [monitor.improved(Epoch(n, 0.1, 1.0, test_loss=loss)) for n, loss in enumerate([3.0, 2.5, 2.4, 2.0], 1)]
    assert improved == [True, False, True, False]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patience": 0}, "patience must be a number of epochs of at least 1, not 0"),
        ({"patience": 2.5}, "patience must be"),
        ({"monitor": "topology.R_s"}, 'monitor \'topology.R_s\': say whether .* by mode="min" or "max"'),
        ({"mode": "auto"}, 'mode must be "min", "max" or None'),
        ({"min_delta": -1}, "min_delta must be a finite number of at least 0"),
    ],
)
def test_what_cannot_be_watched(options, message):
    with pytest.raises(NervaError, match=message):
        EarlyStopping(**options)


def test_what_was_not_measured(data):
    without = copy.copy(data)
    object.__setattr__(without, "Xtest", data.Xtest[:0])
    object.__setattr__(without, "Ttest", data.Ttest[:0])
    for name, options, given, message in [
        ("test_loss", {}, without, "'test_loss' was not measured in epoch 1: it needs test data"),
        ("score", {"statistics": False}, data, "it needs statistics=True"),
        ("topology.Rs", {}, data, "unknown monitor 'topology.Rs'"),
    ]:
        with pytest.raises(NervaError, match=message):
            nv.train(network(), given, epochs=2, callbacks=[EarlyStopping(name, mode="max")], **options)
