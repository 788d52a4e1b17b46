from __future__ import annotations

import numpy as np
import pytest

from nerva_py.data import load_digits
from nerva_py.errors import NervaError
from nerva_py.network import mlp
from nerva_py.sparse import SparseWeight
from nerva_py.topology import METHODS, method
from nerva_py.training import Callback, train

pytestmark = pytest.mark.usefixtures("one_thread")

DENSE_START = {"GradualMagnitude", "GraNet"}
SPECS = [
    "Static", "static()", "SET(0.3)", "SET(zeta=0.2, every=5, grow_weights=Zero)", "RigL(0.3, every=5)",
    "RigL(0.3, every=5, batches=3)", "MagnitudeRandom(0.3)", "GradualMagnitude(0.1, every=5)",
    "GraNet(0.1, every=5)", "GraNet(0.1, 0.5, 4, 0.1, 0.9, batches=2)", "GSE(0.3, every=5)",
    "GSE(0.3, every=5, candidates=2.5, batches=2)", "ImportancePruning(10, '1 epoch')", "SMET(0.3, every=5)",
]  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return load_digits()


def run(spec: str, data, density: float = 0.2, epochs: int = 5, callbacks=(), **options):
    """A short run on the digits, 8 steps an epoch."""
    net = mlp("ReLU;ReLU;Linear", [64, 60, 40, 10], overall_density=density, weights="SparseHe", seed=1)
    given = {"batch_size": 200, "optimizer": "Momentum(0.9)", "learning_rate": 0.1}
    if spec.startswith("SMET"):
        given |= {"optimizer": "SMET(warm_up=10)", "learning_rate": 0.001}
    history = train(net, data, epochs=epochs, seed=1, **given | options, callbacks=[method(spec), *callbacks])
    return net, history


@pytest.mark.parametrize("spec", SPECS)
def test_a_method_learns_the_digits(spec, data):
    name = spec.partition("(")[0]
    dense = name in DENSE_START
    net, history = run(spec, data, 1.0 if dense else 0.2, batch_size=50)
    measures = history[-1].measures["topology"]
    assert history[-1].test_accuracy > 0.75
    total = sum(layer["nnz"] for layer in measures["layers"])
    assert total == net.nnz
    if dense:
        assert total == round(0.1 * net.dense_size)
        assert measures["R_s"] == 1
    elif name == "ImportancePruning":
        assert net.sizes[1:3] < [60, 40]
    else:
        assert total == round(0.2 * net.dense_size)
    if name in ("Static", "static"):
        assert measures["R_s"] == pytest.approx(0.2, abs=1e-3)
    elif not dense:
        assert measures["R_s"] > 0.25


@pytest.mark.parametrize("name", METHODS)
def test_the_name_of_a_method_is_its_own(name):
    topology = method(f"{name}(0.1)" if name in DENSE_START else name)
    assert topology.name == name
    assert method(topology) is topology


@pytest.mark.parametrize("final", [0.05, 0.1337, 0.3])
@pytest.mark.parametrize(
    "spec", ["GradualMagnitude({}, 5)", "GradualMagnitude({}, every=7, stop=1.0)", "GraNet({}, every=5)",
             "GraNet({}, every=9)"],
)  # fmt: skip
@pytest.mark.parametrize("initial", [0.5, 1.0])
def test_pruning_ends_at_exactly_the_density(spec, final, initial, data):
    net, _ = run(spec.format(final), data, initial, epochs=2, statistics=False)
    assert net.nnz == round(final * net.dense_size)
    for W in map(weight, net.linear_layers):
        assert isinstance(W, SparseWeight) == (W.density < 1)


def weight(layer):
    return layer.W.value


class Density(Callback):
    def __init__(self):
        self.seen = []

    def on_step_end(self, run):
        self.seen.append(run.network.nnz)


@pytest.mark.parametrize("spec", ["GradualMagnitude(0.1, 4, 0.25, 0.75)", "GraNet(0.1, 0.3, 4, 0.25, 0.75)"])
def test_pruning_follows_the_cubic_curve(spec, data):
    """32 steps: pruned after 12, 16, 20 and 24; regrowth changes no number."""
    density = Density()
    net, _ = run(spec, data, 1.0, epochs=4, callbacks=[density], statistics=False)
    N, expected = net.dense_size, []
    for t in range(1, 33):
        s = min(1, max(0, (t // 4 * 4 / 32 - 0.25) / 0.5))
        expected.append(round((0.1 + 0.9 * (1 - s) ** 3) * N))
    assert density.seen == expected


def test_set_is_set_with_random_growth():
    topology = method("SET(0.4)")
    assert (topology.drop.name, topology.drop.amount, topology.grow.name) == ("SET", 0.4, "Random")
    assert (topology.initializer.name, topology.stop) == ("Xavier", 1)
    assert str(topology.every) == "every 1 epoch"


@pytest.mark.parametrize(("name", "grow"), [("RigL", "Gradient"), ("GSE", "Guided"), ("SMET", "Gradient")])
def test_rigl_and_its_relatives(name, grow):
    topology = method(name)
    assert (topology.drop.name, topology.drop.amount, topology.grow.name) == ("Magnitude", 0.3, grow)
    assert (topology.initializer.name, topology.stop, str(topology.every)) == ("Zero", 0.75, "every 100 steps")
    assert topology.decay(0.5) == pytest.approx(0.5)
    assert topology.decay(1) == 0


def test_rigl_stops_at_three_quarters(data):
    _, history = run("RigL(0.3, every=2)", data, epochs=4)
    assert [epoch.measures["topology"]["layers"][0]["updates"] for epoch in history] == [4, 4, 4, 0]


def test_importance_pruning_removes_between_its_shares_of_training(data):
    sizes = []

    class Sizes(Callback):
        def on_epoch_end(self, run, epoch):
            sizes.append(run.network.sizes)

    spec = "ImportancePruning(10, every='1 epoch', start=0.5, stop=0.8)"
    net, history = run(spec, data, epochs=5, callbacks=[Sizes()])
    assert sizes == [[64, 60, 40, 10]] * 2 + [[64, 54, 36, 10]] + [[64, 49, 33, 10]] * 2
    assert all(row["R_s"] <= 1 for row in history[-1].measures["topology"]["layers"])
    assert net.predict(data.Xtest).shape == (len(data.Xtest), 10)


def test_importance_pruning_takes_the_weakest(data):
    net = mlp("ReLU;Linear", [64, 10, 10], overall_density=0.3, seed=1)
    removed = []

    class Strengths(Callback):
        def on_step_end(self, run):
            removed.append(run.network.sizes)

    train(
        net, data, epochs=1, batch_size=1437, callbacks=[method("ImportancePruning(50, every=1, start=0)"), Strengths()]
    )
    assert removed == [[64, 5, 10]]


def test_smet_needs_its_optimizer(data):
    with pytest.raises(NervaError, match="method SMET needs the optimizer SMET, not Adam"):
        run("SMET", data, optimizer="Adam")
    with pytest.raises(NervaError, match="not Adam, Momentum"):
        run("SMET", data, optimizer=["Momentum", "SMET", "Adam"])


def test_ages_of_smet_count_from_growth(data):
    """Survivors are as old as training, new weights as old as the last update at which they came."""
    ages = []

    class Ages(Callback):
        def on_step_end(self, run):
            sparse = [one for one in run.network.parameters() if isinstance(one.value, SparseWeight)]
            ages.append({int(age) for one in sparse for age in np.unique(one.states[2])})

    run("SMET(0.3, every=5, stop=1.0)", data, density=0.1, epochs=2, callbacks=[Ages()], statistics=False)
    assert ages[3] == {4}
    assert ages[4] == {0, 5}
    assert ages[7] == {3, 8}
    assert {0, 5, 10} <= ages[9] | {5}
    assert ages[15] == {age + 1 for age in ages[14]}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("SET(1.5)", "zeta must be a number from 0 to 1, not 1.5"),
        ("SET(0.3, every=0)", "every must be a number of steps or such as .*, not 0"),
        ("SET(0.3, every='2 weeks')", "every must be .*, not '2 weeks'"),
        ("SET(0.3, stop=2)", "stop must be .*at most 1, not 2"),
        ("SET(0.3, grow_weights=Ones)", "unknown initializer 'Ones'"),
        ("SET(0.3, density=0.1)", r"unexpected keyword argument 'density'; expected SET\(zeta=0.3, every=1 epoch"),
        ("RigL(-0.3)", "zeta must be a number from 0 to 1, not -0.3"),
        ("RigL(batches=0)", "batches must be an integer of at least 1, not 0"),
        ("GSE(candidates=-1)", "candidates must be a positive number, not -1"),
        ("GraNet", "missing a required argument: 'density'"),
        ("GraNet(2)", "density must be a number from 0 to 1, not 2"),
        ("GradualMagnitude(0.1, start=0.9)", "start < stop ≤ 1 is needed, not start=0.9, stop=0.75"),
        ("ImportancePruning(100)", "percentile must be at least 0 and less than 100, not 100"),
        ("ImportancePruning(start=0.9, stop=0.5)", "start ≤ stop ≤ 1 is needed, not start=0.9, stop=0.5"),
        ("SMET(alpha=2)", "zeta must be a number from 0 to 1, not 2"),
        ("Rigel", "unknown method 'Rigel'; did you mean 'RigL'"),
    ],
)
def test_impossible_arguments(spec, message):
    with pytest.raises(NervaError, match=message):
        method(spec)
