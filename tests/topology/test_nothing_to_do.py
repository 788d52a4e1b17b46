"""A method that would do nothing says so; gradual pruning is not ended before its final density without a word."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.data import make_mini
from nerva_py.errors import NervaError
from nerva_py.topology import METHODS


@pytest.fixture
def data(rng):
    return make_mini(60, 20, rng)


def network(density=0.5):
    return nv.mlp("ReLU;ReLU;Linear", [8, 12, 9, 3], overall_density=density, seed=1)


def trained(method, data, epochs, *callbacks, density=0.5, **options):
    net = network(density)
    method = nv.method(method) if isinstance(method, str) else method
    return net, nv.train(net, data, epochs=epochs, batch_size=20, callbacks=[method, *callbacks], seed=1, **options)


# ------------------------------------------------------------------------------------------------------------ no update


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("RigL(0.3)", r"RigL: changes come every 100 steps until step 18, but this run has 24 steps \(8 epochs of 3\)"),
        ("RigL(0.3, every=19)", "until step 18"),
        ("SET(0.3, every='9 epochs')", "SET: changes come every 9 epochs, but this run has 24 steps"),
        ("GradualMagnitude(0.1, every=24)", "GradualMagnitude: changes come every 24 steps, but"),
        ("GraNet(0.1)", "GraNet: changes come every 100 steps until"),
        (
            "ImportancePruning(every=100)",
            "ImportancePruning: neurons are removed every 100 steps from step 6 to step 24 of",
        ),
        ("ImportancePruning(every=7, start=0.6, stop=0.8)", "which is never"),
    ],
)
def test_a_method_that_would_never_update_is_an_error(method, said, data):
    net = network()
    before = [parameter.vector.copy() for parameter in net.parameters()]
    with pytest.raises(NervaError, match=said):
        nv.train(net, data, epochs=8, batch_size=20, callbacks=[nv.method(method)])
    assert all(np.array_equal(old, now.vector) for old, now in zip(before, net.parameters(), strict=True))


@pytest.mark.parametrize(
    ("method", "planned"),
    [("RigL(0.3, every=13)", 1), ("RigL(0.3, every=5)", 3), ("SET(0.3)", 8), ("GradualMagnitude(0.1, every=4)", 5)],
)
def test_the_number_of_updates_is_told(method, planned, data):
    method = nv.method(method)
    _, history = trained(method, data, 8)
    assert method.updates == planned
    if method.drop is not None:
        done = np.cumsum([epoch.measures["topology"]["layers"][0]["updates"] for epoch in history])
        assert [epoch.measures["topology"]["updates"] for epoch in history] == done.tolist()
        assert done[-1] == planned


def test_no_epochs_need_no_updates(data):
    assert len(trained("RigL(0.3)", data, 0)[1]) == 0


@pytest.mark.filterwarnings("error")
def test_the_static_method_is_meant_to_do_nothing(data):
    trained("Static", data, 2)


def test_a_share_so_small_that_no_weight_moves_is_told(data):
    with pytest.warns(
        UserWarning, match=r"SET: the first update, after step 3, has moved no weight: SET with 0.001 drops"
    ) as told:
        trained("SET(0.001)", data, 3)
    assert len(told) == 1
    with pytest.warns(UserWarning, match="Threshold with 0 drops none of layers with"):
        trained(nv.DynamicTopology("Threshold(0)", "Random"), data, 2)


def test_a_run_that_ends_before_its_first_update_says_so(data):
    class Stop(nv.Callback):
        def on_epoch_end(self, run, epoch):
            run.stop = epoch.epoch == 2

    with pytest.warns(
        UserWarning, match=r"training ended after 6 of 24 steps\. RigL: the first of 1 updates would have come"
    ):
        trained("RigL(0.3, every=17)", data, 8, Stop())


# -------------------------------------------------------------------------------------------------------- gradual density


def stopping(**options):
    return nv.EarlyStopping("test_loss", **options)


@pytest.mark.parametrize("method", ["GraNet(0.1, every=3)", "GradualMagnitude(0.1, every=3)"])
def test_patience_counts_from_the_final_density(method, data):
    """And the network that is kept, and the best of the history, are of that density."""
    stop = stopping(patience=2, min_delta=100)  # never better than the first epoch that counts
    net, history = trained(method, data, 12, stop, density=0.8)
    assert [epoch.final for epoch in history] == [False] * 7 + [True] * 3
    assert stop.best_epoch == 8
    assert stop.stopped_epoch == len(history) == 10
    assert net.density == pytest.approx(0.1, abs=0.01)
    assert history.best.epoch > 7


def test_the_best_checkpoint_is_of_the_final_density(data, tmp_path):
    trained(
        "GraNet(0.1, every=3)", data, 12, nv.ModelCheckpoint(tmp_path / "best.npz", monitor="test_loss"), density=0.8
    )
    checkpoint = nv.training.read_checkpoint(tmp_path / "best.npz")
    assert checkpoint.network.density == pytest.approx(0.1, abs=0.01)
    assert len(checkpoint.history) >= 8
    assert [epoch.final for epoch in checkpoint.history][:8] == [False] * 7 + [True]


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_run_that_ends_earlier_tells_the_density(interrupted, data):
    class End(nv.Callback):
        def on_epoch_end(self, run, epoch):
            if epoch.epoch == 3:
                run.stop = True
                if interrupted:
                    raise KeyboardInterrupt

    how = "was interrupted" if interrupted else "ended"
    said = rf"training {how} after 9 of 36 steps\. GraNet: the network has density 0\.3\d*, and would have 0\.1 after 75% of 12"
    with pytest.warns(UserWarning, match=said):
        _, history = trained("GraNet(0.1, every=3)", data, 12, End(), stopping(), density=0.8)
    assert history.interrupted == interrupted
    assert history.best is None


@pytest.mark.filterwarnings("error")
def test_a_run_that_fails_says_only_why(data):
    class Fail(nv.Callback):
        def on_epoch_end(self, run, epoch):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        trained("GraNet(0.1, every=3)", data, 12, Fail(), density=0.8)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_estimators_reach_the_final_density(early_stopping, data):
    X, y = data.Xtrain, data.Ttrain
    model = nv.SparseMLPClassifier(
        (20,), density=0.8, method="GraNet(0.1, every=3)", max_iter=40, tol=10.0, n_iter_no_change=3, batch_size=20,
        early_stopping=early_stopping, random_state=0,
    ).fit(X, y)  # fmt: skip
    assert model.density_ == pytest.approx(0.1, abs=0.01)
    assert 28 <= model.n_iter_ < 40
    if early_stopping:
        assert model.best_validation_score_ == model.validation_scores_[model.n_iter_ - 4]


def test_a_method_can_be_copied_after_training(data):
    method = METHODS["RigL"](every=3)
    trained(method, data, 3)
    assert copy.deepcopy(method).updates == pickle.loads(pickle.dumps(method)).updates == 2
