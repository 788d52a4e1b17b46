"""Callbacks that look: what became NaN first, gradients on the fly, CSV, TensorBoard, a progress bar; histories as tables."""

from __future__ import annotations

import csv
import io
import re
import sys

import numpy as np
import pytest

import nerva_py as nv
from nerva_py import plots
from nerva_py.data import make_mini
from nerva_py.errors import DivergedError, MissingBackendError, NervaError
from nerva_py.training import tensorboard
from nerva_py.training.loop import begin
from tests.optional import Lazy, needs

LAYERS = "ReLU;BatchNorm;SReLU;Linear"


@pytest.fixture
def data(rng):
    return make_mini(110, 40, rng)


def network(layers=LAYERS, **options):
    return nv.mlp(layers, [8, 12, 9, 3], **{"layer_densities": [0.3, 0.7, 1.0], "seed": 1, **options})


# --------------------------------------------------------------------------------------------------------------- NaN


class Break(nv.Callback):
    """After step t a number is no longer what it should be; or in it, when a layer's gradients have been computed."""

    order = 0

    def __init__(self, t, put, number=None):
        self.t, self.put, self.number = t, put, number

    def on_gradients(self, run, layer, tape, gradients):
        if run.t == self.t and self.number is not None and layer is run.network.layers[self.number]:
            self.put(run.network, tape, gradients)

    def on_step_end(self, run):
        if run.t == self.t and self.number is None:
            self.put(run.network)


@pytest.mark.parametrize(
    ("put", "number", "said"),
    [
        (lambda net: net.layers[2].W.vector.__setitem__(0, np.nan), None, r"W of layer 2 \(SReLU\), .* 1 NaN of 76 numbers"),
        (lambda net: net.layers[3].b.vector.__setitem__(1, np.inf), None, r"b of layer 3 \(Linear\), .* 1 infinite of 3 "),
        (lambda net: net.layers[1].gamma.vector.__setitem__(2, np.nan), None, r"gamma of layer 1 \(BatchNorm\), after its"),
        (
            lambda net, tape, gradients: gradients[0].terms[0].DZ.fill(np.nan),
            0, r"DW, the gradient of W, of layer 1 \(ReLU\) was the first .* 29 NaN of 29 numbers",
        ),
        (
            lambda net, tape, gradients: (tape.X.__setitem__((3, 2), -np.inf), net.layers[0].W.vector.fill(np.nan)),
            3, r"X, the input of layer 3 \(Linear\) was the first that is not finite: 1 infinite of 180 numbers",
        ),
        (
            lambda net, tape, gradients: (tape.Z.fill(np.nan), net.layers[0].b.vector.fill(np.nan)),
            2, r"Z = X Wᵀ \+ b of layer 2 \(SReLU\) was the first",
        ),
    ],
)  # fmt: skip
def test_it_says_what_was_first(put, number, said, data):
    callback = nv.training.TerminateOnNaN()
    with pytest.raises(DivergedError, match=said) as raised:
        nv.train(network(), data, epochs=5, batch_size=20, callbacks=[callback, Break(9, put, number)], seed=1)
    assert str(raised.value).startswith("step 3 of epoch 2 (step 9 of the run, learning rate 0.01): ")
    assert callback.report == str(raised.value)


@pytest.mark.parametrize("method", ["SET", "ImportancePruning"])
def test_it_says_so_where_the_layer_changes_in_the_same_step(method, data):
    """Support or shape are others when the step is over, but the gradient was one on the old support, under its mask."""
    change = nv.DynamicTopology("SET(0.3)", "Random", every=9)
    if method == "ImportancePruning":
        change = nv.method("ImportancePruning(30, every='9 steps', start=0)")
    before = {}

    def put(net, tape, gradients):
        before["W"] = net.layers[0].W.value
        gradients[0].terms[0].DZ[:, 0] = np.nan

    net = network("ReLU;ReLU;Linear", dropouts=[0.2, 0.1, 0.0])
    with pytest.raises(
        DivergedError, match=r"step 3 of epoch 2.* DW, the gradient of W, of layer 1 \(ReLU\) was the first"
    ):
        nv.train(
            net,
            data,
            epochs=5,
            batch_size=20,
            callbacks=[nv.training.TerminateOnNaN(), change, Break(9, put, 0)],
            seed=1,
        )
    assert before["W"].support != net.layers[0].W.value.support
    assert (before["W"].shape != net.layers[0].W.value.shape) == (method == "ImportancePruning")


def test_a_run_that_explodes_ends_in_the_step_in_which_it_does(data):
    """The first number that overflows is an output or a gradient, not a weight: the step before all weights were finite."""
    steps = []

    class Look(nv.Callback):
        order = 0

        def on_step_end(self, run):
            steps.append(all(np.isfinite(p.vector).all() for p in run.network.parameters()))

    with pytest.raises(DivergedError, match=r"learning rate 1e\+12\): .* was the first that is not finite"):
        nv.train(network("ReLU;ReLU;Linear"), data, learning_rate=1e12, loss="SquaredError", epochs=50, batch_size=20,
                 callbacks=[nv.training.TerminateOnNaN(), Look()], seed=1, statistics=False)  # fmt: skip
    assert all(steps[:-1])


def test_nothing_is_said_of_a_good_run(data):
    callback = nv.training.TerminateOnNaN()
    assert len(nv.train(network(), data, epochs=3, callbacks=[callback], seed=1)) == 3
    assert callback.report is None


def test_large_numbers_are_no_infinities(data):
    """Whose sum is infinite."""
    net = network("ReLU;ReLU;Linear")
    net.layers[0].b.vector[:] = 3e38
    run, callback = (
        begin(net, data, "SquaredError", "GradientDescent", 0.1, epochs=1, batch_size=20),
        nv.training.TerminateOnNaN(),
    )
    run.t = 1
    callback.on_train_begin(run)
    callback.on_step_end(run)


# ---------------------------------------------------------------------------------------------------------- gradients


def test_gradients_are_checked_on_the_fly(data):
    check = nv.training.GradientCheck("2 epochs", numbers=5)
    net = network("Sigmoid;BatchNorm;HyperbolicTangent;Linear")
    history = nv.train(net, data, epochs=4, callbacks=[check, nv.method("SET(0.3)")], seed=1)
    measured = [epoch.measures.get("gradient_error") for epoch in history]
    assert measured[0] is measured[2] is None
    for errors in (measured[1], measured[3]):
        assert set(errors) == {"W1", "b1", "gamma1", "beta1", "W2", "b2", "W3", "b3"}
        assert max(errors.values()) < 1e-6
    assert net.dtype == np.float32


def test_a_wrong_gradient_ends_training(data):
    net = network("Sigmoid;Sigmoid;Linear")

    class Wrong(type(net.layers[1].output)):
        def backward(self, DY, Z, Y):
            DZ, gradients = super().backward(DY, Z, Y)
            return -DZ, gradients

    net.layers[1].output.__class__ = Wrong
    with pytest.raises(NervaError, match=r"step 2 of epoch 1: the gradient DW1 differs from differences by 2 of"):
        nv.train(net, data, epochs=1, batch_size=60, callbacks=[nv.training.GradientCheck(2)], seed=1)


# --------------------------------------------------------------------------------------------------------------- CSV


def test_csv(data, tmp_path):
    path = tmp_path / "log.csv"
    options = {"batch_size": 50, "seed": 1}
    history = nv.train(
        network(), data, epochs=2, callbacks=[nv.training.CSVLogger(path), nv.method("SET(0.3)")], **options
    )
    nv.train(network(), data, epochs=1, callbacks=[nv.training.CSVLogger(path), nv.method("SET(0.3)")], **options)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "1"]
    for row, epoch in zip(rows, history, strict=False):
        assert float(row["test_loss"]) == epoch.test_loss
        assert float(row["topology.R_s"]) == epoch.measures["topology"]["R_s"]
    assert "topology.layers" not in rows[0]
    nv.train(network(), data, epochs=1, callbacks=[nv.training.CSVLogger(path)], statistics=False)
    assert path.read_text().splitlines()[-1].endswith(",,,,,"), "what was not measured is empty"


def test_another_csv_file_is_refused(data, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("name,age\nx,1\n")
    with pytest.raises(NervaError, match=r"log\.csv: has the columns name, age, which are not those of a log"):
        nv.train(network(), data, epochs=1, callbacks=[nv.training.CSVLogger(path)])
    assert path.read_text() == "name,age\nx,1\n"


# ------------------------------------------------------------------------------------------------------- TensorBoard


def scalars(directory) -> list[tuple[str, int, float]]:
    """(tag, step, value) of the event files, read without TensorBoard: records of length, CRC, protocol buffer, CRC."""
    event_pb2 = Lazy("tensorboardX.proto.event_pb2")
    result = []
    for path in sorted(directory.iterdir()):
        contents = path.read_bytes()
        while contents:
            length = int.from_bytes(contents[:8], "little")
            event = event_pb2.Event.FromString(contents[12 : 12 + length])
            result += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
            contents = contents[16 + length :]
    return result


@needs("tensorboard")
def test_tensorboard(data, tmp_path):
    callbacks = [nv.training.TensorBoardLogger(tmp_path / "runs"), nv.method("SET(0.3)")]
    history = nv.train(network(), data, epochs=2, callbacks=callbacks, seed=1)
    written = {(tag, step): value for tag, step, value in scalars(tmp_path / "runs")}
    for epoch in history:
        assert written["loss/test", epoch.epoch] == pytest.approx(epoch.test_loss)
        assert written["accuracy/train", epoch.epoch] == pytest.approx(epoch.train_accuracy)
        assert written["topology/R_s", epoch.epoch] == pytest.approx(epoch.measures["topology"]["R_s"])
        assert written["run/learning_rate", epoch.epoch] == pytest.approx(0.01)
    assert {tag.partition("/")[0] for tag, _ in written} == {"loss", "accuracy", "run", "topology"}


def test_without_tensorboard_the_error_tells_the_cure(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingBackendError, match=r"pip install 'nerva-py\[tensorboard\]'"):
        nv.training.TensorBoardLogger(tmp_path)
    assert tensorboard.tag("score") == "run/score"


# ---------------------------------------------------------------------------------------------------------- progress


@pytest.mark.parametrize("asked", [{"verbose": True}, {"callbacks": [nv.ProgressBar()]}])
def test_a_progress_bar(data, monkeypatch, asked):
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    nv.train(network(), data, epochs=3, batch_size=20, seed=1)
    assert written.getvalue() == ""
    nv.train(network(), data, epochs=3, batch_size=20, seed=1, **asked)
    text = written.getvalue()
    assert re.search(r"epochs: 100%.* 3/3 .*train loss=[\d.]+, train accuracy=[\d.]+, test loss=", text)
    assert "epoch 3" in text
    assert re.search(r"\d/6 ", text)


# ------------------------------------------------------------------------------------------------------------ history


@needs("pandas")
def test_a_history_as_a_table(data):
    history = nv.train(network(), data, epochs=3, callbacks=[nv.method("SET(0.3)")], seed=1)
    table = history.to_pandas()
    assert list(table.index) == [1, 2, 3]
    assert list(table["test_accuracy"]) == [epoch.test_accuracy for epoch in history]
    assert list(table["topology.R_s"]) == [epoch.measures["topology"]["R_s"] for epoch in history]


def test_without_pandas_the_error_tells_the_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingBackendError, match="pip install pandas"):
        nv.History().to_pandas()


def test_a_picture_of_a_history(data):
    from matplotlib.figure import Figure

    history = nv.train(network(), data, epochs=3, seed=1)
    figure = plots.training(history, Figure())
    assert [ax.get_ylabel() for ax in figure.axes] == ["loss", "accuracy"]
    assert list(figure.axes[0].lines[0].get_ydata()) == [epoch.train_loss for epoch in history]
