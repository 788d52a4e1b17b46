"""A run that stops and is resumed ends bit for bit as one that goes through, whatever is trained, and how."""

from __future__ import annotations

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.errors import NervaError
from nerva_py.training import EarlyStopping

from .runs import (
    EPOCHS,
    RUNS,
    Crash,
    CrashAt,
    Run,
    assert_same_files,
    assert_same_networks,
    images,
    threads,
    without_seconds,
)  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return images(np.random.default_rng(0))


def through(run: Run, data, path, dtype, callbacks=()):
    network = run.network(dtype=dtype)
    return network, run.train(network, data, [nv.ModelCheckpoint(path), *callbacks])


# 180 samples in batches of 20: nine steps an epoch. 13 is in the second epoch, 18 at its end, 27 before the last.
@pytest.mark.parametrize("name", RUNS)
def test_every_kind_of_run(name, data, tmp_path):
    run, dtype = RUNS[name], np.float64 if name == "float64" else np.float32
    whole = tmp_path / "whole.npz"
    network, history = through(run, data, whole, dtype)
    before = threads(2)
    try:
        for every, crash, resumed_with in (("1 epoch", 21, 1), ("5 steps", 21, 2), ("13 steps", 26, 1)):
            path = tmp_path / "run.npz"
            with pytest.raises(Crash):
                run.train(run.network(dtype=dtype), data, [nv.ModelCheckpoint(path, every), CrashAt(crash)])
            threads(resumed_with)
            other = run.network(dtype=dtype)
            resumed = run.train(other, data, [nv.ModelCheckpoint(path, every)], resume=path)
            assert without_seconds(resumed) == without_seconds(history)
            assert_same_files(path, whole)
            assert_same_networks(nv.load(path), nv.load(whole))
            assert [W.value.nnz for W in (layer.W for layer in other.linear_layers)] == [
                layer.W.value.nnz for layer in network.linear_layers
            ]
            np.testing.assert_array_equal(other.predict(data.Xtest), network.predict(data.Xtest))
    finally:
        threads(before)


def test_a_run_that_is_over_is_given_back(data, tmp_path):
    run, path = RUNS["SET"], tmp_path / "run.npz"
    network, history = through(run, data, path, np.float32)
    other = run.network()
    again = run.train(other, data, resume=path)
    assert without_seconds(again) == without_seconds(history)
    assert_same_networks(other, network)
    longer = run.train(other, data, resume=path, epochs=EPOCHS + 1)
    assert len(longer) == EPOCHS + 1
    assert without_seconds(longer)[:EPOCHS] == without_seconds(history)


@pytest.mark.parametrize("crash", [{"epoch": 2}, {"epoch": 3}, {"epoch": 5}, {"t": 40}])
def test_early_stopping_goes_on_and_brings_the_best_back(crash, data, tmp_path):
    run, path = RUNS["SET"], tmp_path / "run.npz"

    def callbacks():
        return [EarlyStopping("test_accuracy", patience=2), nv.ModelCheckpoint(path)]

    options = {"learning_rate": 0.03, "epochs": 20}
    whole = callbacks()
    network = run.network()
    history = run.train(network, data, whole, **options)
    assert 3 < len(history) < 20, "this is to stop early"
    with pytest.raises(Crash):
        run.train(run.network(), data, [*callbacks(), CrashAt(**crash)], **options)
    other, resumed = run.network(), callbacks()
    assert without_seconds(run.train(other, data, resumed, resume=path, **options)) == without_seconds(history)
    assert_same_networks(other, network)
    for attribute in ("best", "best_epoch", "stopped_epoch"):
        assert getattr(resumed[0], attribute) == getattr(whole[0], attribute)


def test_other_weights_of_samples_are_refused(data, tmp_path):
    path, run = tmp_path / "run.npz", RUNS["weights"]
    through(run, data, path, np.float32)
    weights = run.options["sample_weight"]
    message = "sample_weight is .*, but its run has '180 weights, [0-9a-f]{16}'"
    for other in (None, np.roll(weights, 1)):
        with pytest.raises(NervaError, match=message):
            run.train(run.network(), data, resume=path, sample_weight=other)
    assert len(run.train(run.network(), data, resume=path, sample_weight=weights.tolist())) == EPOCHS


def test_a_stop_in_the_middle_of_an_epoch_ends_it(data, tmp_path):
    """A callback asked for the end, and the run was killed before the epoch was over."""

    class Stop(nv.Callback):
        def on_step_end(self, run):
            run.stop = run.stop or run.t == 12

    run, path, whole = RUNS["plain"], tmp_path / "run.npz", tmp_path / "whole.npz"
    history = run.train(run.network(), data, [Stop(), nv.ModelCheckpoint(whole)])
    with pytest.raises(Crash):
        run.train(run.network(), data, [Stop(), nv.ModelCheckpoint(path, "13 steps"), CrashAt(15)])
    resumed = run.train(run.network(), data, [Stop(), nv.ModelCheckpoint(path)], resume=path)
    assert len(history) == 2
    assert without_seconds(resumed) == without_seconds(history)
    assert_same_files(path, whole)
