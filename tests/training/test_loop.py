from __future__ import annotations

import copy

import numpy as np
import pytest

from nerva_py.data import CropFlip, from_arrays, load_digits, make_mini
from nerva_py.equations.losses import LOSSES
from nerva_py.errors import DivergedError, NervaError, ShapeError
from nerva_py.network import mlp
from nerva_py.training import Callback, Run, evaluate, train
from nerva_py.training.loop import resolve_loss


def network(layers="ReLU;Linear", seed=1, **options):
    return mlp(layers, [8, 12, 3], **{"overall_density": 0.3, "seed": seed, **options})


def numbers(net) -> np.ndarray:
    return np.concatenate([parameter.vector for parameter in net.parameters()])


@pytest.fixture
def data(rng):
    return make_mini(110, 40, rng)


@pytest.fixture
def regression(rng):
    X = rng.standard_normal((90, 8)).astype(np.float32)
    T = X @ rng.standard_normal((8, 3)).astype(np.float32)
    return from_arrays(X[:70], T[:70], X[70:], T[70:])


# ---------------------------------------------------------------------------------------------------------- it learns


def test_it_learns_the_digits():
    net = mlp("ReLU;ReLU;Linear", [64, 128, 64, 10], overall_density=0.2, seed=1)
    history = train(net, load_digits(), epochs=15, learning_rate=0.05, seed=1)
    assert [epoch.epoch for epoch in history] == list(range(1, 16))
    assert history[-1].train_loss < 0.2 * history[0].train_loss
    assert history[-1].test_accuracy > 0.93


@pytest.mark.parametrize("loss", ["SquaredError", "MeanSquaredError"])
def test_regression(loss, regression):
    net = network("ReLU;Linear", overall_density=0.8)
    history = train(net, regression, loss=loss, learning_rate=0.02, epochs=60, batch_size=16, seed=1)
    assert history[-1].train_loss < 0.2 * history[0].train_loss
    assert history[-1].test_loss is not None
    assert history[-1].train_accuracy is history[-1].test_accuracy is None
    assert "test loss" in str(history[-1])


# A loss that is defined for positive outputs follows a layer that gives such.
LAST = {"CrossEntropy": "Softmax", "NegativeLogLikelihood": "Softmax"}


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_descends_the_loss_that_is_reported(name, data):
    """θ′ = θ − η ∇L, so L(θ) − L(θ′) = ‖θ − θ′‖² / η up to O(η²): this holds for the right gradient of L only."""
    net, eta = network(f"Sigmoid;{LAST.get(name, 'Linear')}", dtype=np.float64), 1e-6
    before, loss = numbers(net), LOSSES[name]
    loss_before, _ = evaluate(net, data, loss, "train")
    train(net, data, loss=name, optimizer="GradientDescent", learning_rate=eta, epochs=1, batch_size=110, seed=1)
    fall = loss_before - evaluate(net, data, loss, "train")[0]
    assert fall == pytest.approx(np.sum((numbers(net) - before) ** 2) / eta, rel=1e-3)


def test_each_linear_layer_may_have_its_own_optimizer(data):
    net = network(layers="BatchNorm;ReLU;BatchNorm;Linear", weights="PyTorch")
    before = [p.vector.copy() for p in net.parameters()]
    train(net, data, optimizer=["GradientDescent", "Adam"], learning_rate=0.0, epochs=1)
    np.testing.assert_array_equal(numbers(net), np.concatenate(before))

    class Names(Callback):
        def on_train_begin(self, run):
            self.names = [
                (p.name, o.name, len(p.states)) for layer, o in run.optimizers.items() for p in layer.parameters
            ]

    names = Names()
    train(net, data, optimizer=["GradientDescent", "Adam"], epochs=1, callbacks=[names])
    first, second = "GradientDescent", "Adam"
    assert names.names == [
        ("gamma", first, 0), ("beta", first, 0), ("W", first, 0), ("b", first, 0),
        ("gamma", first, 0), ("beta", first, 0), ("W", second, 2), ("b", second, 2),
    ]  # fmt: skip


def test_weight_decay_shrinks_weights_but_not_biases(data):
    net = network(weights="PyTorch")
    still = copy.deepcopy(net)
    options = {"learning_rate": 0.1, "epochs": 3, "seed": 1, "batch_size": 95}
    train(net, data, optimizer="GradientDescent(weight_decay=0.5)", **options)
    train(still, data, optimizer="GradientDescent", **options)
    for decayed, plain in zip(net.linear_layers, still.linear_layers, strict=True):
        assert np.linalg.norm(decayed.W.vector) < np.linalg.norm(plain.W.vector)


def test_a_schedule_is_asked_once_an_epoch(data):
    asked = []

    def schedule(i):
        asked.append(i)
        return 0.1 / (i + 1)

    history = train(network(), data, learning_rate=schedule, epochs=3)
    assert asked == [0, 1, 2]
    assert [epoch.learning_rate for epoch in history] == [0.1, 0.05, 0.1 / 3]


def test_a_schedule_may_be_a_specification(data):
    history = train(network(), data, learning_rate="MultiStepLR(0.1;1,2;0.5)", epochs=3)
    assert [epoch.learning_rate for epoch in history] == pytest.approx([0.1, 0.05, 0.025])


# ------------------------------------------------------------------------------------------------------------- batches


@pytest.mark.parametrize(
    ("batch_size", "sizes"), [(30, [30, 30, 30, 20]), (110, [110]), (1, [1] * 110), (109, [109, 1])]
)
def test_the_last_partial_batch_is_used(batch_size, sizes, data, monkeypatch):
    seen = record_batches(monkeypatch)
    train(network(), data, epochs=1, batch_size=batch_size, statistics=False)
    seen = seen[len({sizes[0], sizes[-1]}) :]  # the first steps compile the kernels, with copies of the network
    assert [len(rows) for rows in seen] == sizes
    assert sorted(np.concatenate(seen)) == list(range(110)), "every sample once"


def test_samples_are_shuffled_anew_every_epoch(data, monkeypatch):
    seen = record_batches(monkeypatch)
    train(network(), data, epochs=2, batch_size=110, statistics=False, seed=1)
    assert not np.array_equal(seen[1], seen[2])  # seen[0] compiles
    assert sorted(seen[1]) == sorted(seen[2])
    del seen[:]
    train(network(), data, epochs=2, batch_size=110, statistics=False, shuffle=False)
    assert all(np.array_equal(rows, np.arange(110)) for rows in seen)


def record_batches(monkeypatch) -> list[np.ndarray]:
    seen, original = [], Run.batch

    def record(run, rows, *others):
        seen.append(rows.copy())
        return original(run, rows, *others)

    monkeypatch.setattr(Run, "batch", record)
    return seen


def test_compiling_the_kernels_beforehand_changes_nothing(data, monkeypatch):
    from nerva_py.training import loop

    def run():
        net = network("BatchNorm;ReLU;Dropout(0.3);Linear", dropouts=[0.2, 0])
        return train(net, data, epochs=2, seed=1), numbers(net)

    history, weights = run()
    monkeypatch.setattr(loop, "WARM_UP_LIMIT", 0)
    without, same = run()
    np.testing.assert_array_equal(weights, same)
    assert [epoch.train_loss for epoch in history] == [epoch.train_loss for epoch in without]


# ---------------------------------------------------------------------------------------------------------- evaluation


def test_evaluation_is_over_all_samples_whatever_the_batches(data, monkeypatch):
    from nerva_py.training import evaluation

    net = network()
    for loss in LOSSES.values():
        if loss.name in LAST:
            continue
        expected = evaluate(net, data, loss, "train")
        monkeypatch.setattr(evaluation, "AT_A_TIME", 7)
        assert evaluate(net, data, loss, "train") == pytest.approx(expected)
        monkeypatch.undo()


def test_mean_squared_error_is_reported_as_such(regression):
    net = network(dtype=np.float64)
    reported, _ = evaluate(net, regression, resolve_loss("MeanSquaredError"), "test")
    expected = np.mean((net.predict(regression.Xtest) - regression.Ttest) ** 2)
    assert reported == pytest.approx(expected)


def test_statistics_can_be_left_out(data):
    history = train(network(), data, epochs=2, statistics=False)
    assert all(epoch.train_loss is None and epoch.test_accuracy is None for epoch in history)


def test_without_test_data_there_are_no_test_statistics(rng):
    data = from_arrays(rng.standard_normal((20, 8)), rng.integers(0, 3, 20), num_classes=3)
    (epoch,) = train(network(dtype=np.float64), data, epochs=1, batch_size=10)
    assert epoch.train_accuracy is not None
    assert epoch.test_loss is epoch.test_accuracy is None


def test_zero_epochs_leave_the_network_as_it_is(data):
    net = network()
    before = numbers(net)
    assert len(train(net, data, epochs=0)) == 0
    np.testing.assert_array_equal(numbers(net), before)


def test_the_phases_of_a_step_are_timed_on_request(data):
    assert train(network(), data, epochs=1).phases == {}
    phases = train(network(), data, epochs=1, timer=True).phases
    assert set(phases) == {"gather", "feedforward", "backpropagate", "optimize"}
    assert all(seconds > 0 for seconds in phases.values())


# ----------------------------------------------------------------------------------------------------------- callbacks


class Diary(Callback):
    def __init__(self, name, diary):
        self.name, self.diary = name, diary

    def on_train_begin(self, run):
        self.diary.append((self.name, "train begins"))

    def on_epoch_begin(self, run):
        self.diary.append((self.name, f"epoch {run.epoch} begins"))

    def on_gradients(self, run, layer, tape, gradients):
        assert len(gradients) == len(layer.parameters)
        self.diary.append((self.name, f"gradients of {layer.output.name}"))

    def on_step_end(self, run):
        self.diary.append((self.name, f"step {run.step_of_epoch} of {run.steps_per_epoch}"))

    def on_epoch_end(self, run, epoch):
        assert run.history[-1] is epoch
        self.diary.append((self.name, f"epoch {epoch.epoch} ends"))

    def on_train_end(self, run):
        self.diary.append((self.name, "train ends"))


def test_callbacks_are_called_in_order(data):
    diary = []
    train(network(), data, epochs=2, batch_size=60, callbacks=[Diary("a", diary), Diary("b", diary)])
    gradients = ["gradients of Linear", "gradients of ReLU"]
    epoch = ["epoch {0} begins", *gradients, "step 1 of 2", *gradients, "step 2 of 2", "epoch {0} ends"]
    events = ["train begins", *(e.format(1) for e in epoch), *(e.format(2) for e in epoch), "train ends"]
    assert diary == [(name, event) for event in events for name in "ab"]


def test_a_callback_can_stop_training(data):
    class Stop(Callback):
        def on_epoch_end(self, run, epoch):
            run.stop = epoch.epoch == 2

    history = train(network(), data, epochs=5, callbacks=[Stop()])
    assert len(history) == 2
    assert not history.interrupted


@pytest.mark.parametrize("method", ["on_epoch_begin", "on_gradients", "on_step_end", "on_epoch_end"])
def test_an_interrupt_leaves_a_usable_history_and_network(method, data):
    ended = []

    class Interrupt(Callback):
        def on_train_end(self, run):
            ended.append(run.epoch)

    def interrupt(self, run, *others):
        if run.epoch == 2:
            raise KeyboardInterrupt

    setattr(Interrupt, method, interrupt)
    net = network()
    history = train(net, data, epochs=5, callbacks=[Interrupt()])
    assert history.interrupted
    assert len(history) == (2 if method == "on_epoch_end" else 1)
    assert history.best in history.epochs
    assert ended == [2]
    assert np.isfinite(net.predict(data.Xtest)).all()
    assert len(train(net, data, epochs=1)) == 1, "it can be trained further"


def test_callbacks_hear_of_the_end_when_training_fails(data):
    diary = []

    class Fail(Diary):
        def on_step_end(self, run):
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        train(network(), data, epochs=1, callbacks=[Fail("a", diary)])
    assert diary[-1] == ("a", "train ends")


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("statistics", [True, False])
@pytest.mark.parametrize("loss", ["SoftmaxCrossEntropy", "SquaredError"])
def test_a_diverging_loss_is_an_error(statistics, loss, data):
    options = {"learning_rate": 1e15, "epochs": 9, "batch_size": 20, "statistics": statistics, "seed": 1}
    with pytest.raises(DivergedError, match=r"training diverged in epoch \d: .* Try a learning rate below 1e\+15"):
        train(network("ReLU;Linear"), data, loss=loss, **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch_size": 111}, NervaError, "batch_size must be from 1 to the number of training samples, 110, not 111"),
        ({"batch_size": 0}, NervaError, "batch_size must be"),
        ({"batch_size": 2.5}, NervaError, "batch_size must be"),
        ({"epochs": -1}, NervaError, "epochs must be an integer of at least 0"),
        ({"epochs": 1.5}, NervaError, "epochs must be"),
        ({"loss": "Hinge"}, NervaError, "unknown loss 'Hinge'. Known: BinaryCrossEntropy, CrossEntropy"),
        (
            {"optimizer": "SGD"},
            NervaError,
            "unknown optimizer 'SGD'.*Adam, AdamW, GradientDescent, Momentum, Nesterov",
        ),
        ({"optimizer": "Momentum(1.5)"}, NervaError, "mu must be at least 0 and less than 1"),
        ({"optimizer": ["Adam"] * 3}, NervaError, "optimizer must be one, or 2"),
        ({"learning_rate": -1}, NervaError, "lr must be a finite number of at least 0"),
        ({"learning_rate": float("nan")}, NervaError, "lr must be a finite number"),
        ({"learning_rate": "Step(0.1)"}, NervaError, "unknown learning rate schedule 'Step'.*MultiStepLR"),
        ({"augmentation": CropFlip()}, NervaError, "augmentation needs images stored as bytes"),
    ],
    ids=str,
)
def test_what_cannot_be_run_is_refused_before_anything_changes(options, error, message, data):
    net = network()
    before = numbers(net)
    with pytest.raises(error, match=message):
        train(net, data, **options)
    np.testing.assert_array_equal(numbers(net), before)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([9, 12, 3], "network has 9 inputs, but a sample of 'mini' has 8"),
        ([8, 12, 4], "has 4 outputs, but 'mini' needs 3"),
    ],
)
def test_a_network_that_does_not_fit_the_data(sizes, message, data):
    with pytest.raises(ShapeError, match=message):
        train(mlp("ReLU;Linear", sizes), data)


def test_losses_are_found_without_regard_to_case():
    assert resolve_loss("softmaxcrossentropy") is LOSSES["SoftmaxCrossEntropy"]
    assert resolve_loss(LOSSES["SquaredError"]) is LOSSES["SquaredError"]
