"""One step in the open: tapes, gradients that wait for their support, states beside their values, callbacks that only look."""

from __future__ import annotations

import contextlib
import copy
import itertools
import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

import nerva_py as nv
from nerva_py.engine import SparseBatch
from nerva_py.equations.losses import LOSSES
from nerva_py.errors import DataError, DivergedError, NervaError
from nerva_py.matrix import Outer, updated
from nerva_py.network import MLP, Parameter
from nerva_py.network.parameter import vector_of
from nerva_py.sparse import Remap, plan
from nerva_py.training import OPTIMIZERS, Callback, JSONLinesLogger
from nerva_py.training.loop import begin
from tests.samples import DTYPES, assert_close, batch, dense, one_hot, sparse

EVERYTHING = "BatchNorm;ReLU;Dropout(0.3);SReLU(0.1,-0.2,0.3,0.4);BatchNorm;Linear"
SIZES, DENSITIES, RATES = [20, 60, 50, 3], [0.3, 0.6, 1.0], [0.2, 0.1, 0.0]


@pytest.fixture
def data(rng):
    X, T = rng.standard_normal((90, 20)).astype(np.float32), rng.integers(0, 3, 90)
    return nv.from_arrays(X[:70], T[:70], X[70:], T[70:], num_classes=3)


def network(layers=EVERYTHING, **options) -> MLP:
    return nv.mlp(layers, SIZES, **{"layer_densities": DENSITIES, "dropouts": RATES, "seed": 1} | options)


def begun(net, data, **options):
    """A run before its first step, of batches of 20."""
    given = {"loss": "SoftmaxCrossEntropy", "optimizer": "Nesterov(0.9)", "learning_rate": 0.05, "epochs": 3}
    return begin(net, data, **given | {"batch_size": 20, "seed": 3} | options)


def numbers(net: MLP) -> list[np.ndarray]:
    """Everything that training changes."""
    buffers = [getattr(layer, name).copy() for layer in net.layers for name in layer.buffers]
    weights = [layer.W.value for layer in net.linear_layers]
    supports = [a for W in weights for a in (W.support.indptr, W.support.indices)]
    return [p.vector.copy() for p in net.parameters()] + buffers + supports


def assert_same(one, other) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


# ------------------------------------------------------------------------------------------------------ nothing of a pass


def test_two_passes_at_once_do_not_disturb_each_other(rng):
    """The second goes forward before the first goes backward, and both go backward layer by layer in turn."""
    net = network()
    Xs, DYs = [batch(rng, N, 20, np.float32) for N in (7, 12)], [batch(rng, N, 3, np.float32) for N in (7, 12)]

    def gradients_of(passes):
        return [
            [vector_of(g.on(p.value) if isinstance(g, Outer) else g) for p, g in zip(layer.parameters, gs, strict=True)]
            for layer, _, gs in passes
        ]

    def alone(X, DY, seed):
        Y, tapes = net.forward(X, np.random.default_rng(seed))
        buffers = [tape.buffers for layer, tape in zip(net.layers, tapes, strict=True) if layer.buffers]
        return Y, buffers, gradients_of(net.backward(tapes, DY))

    expected = [alone(X, DY, seed) for seed, (X, DY) in enumerate(zip(Xs, DYs, strict=True))]
    forward = [net.forward(X, np.random.default_rng(seed)) for seed, X in enumerate(Xs)]
    buffers = [[tape.buffers for tape in tapes if hasattr(tape, "buffers")] for _, tapes in forward]
    backward = [net.backward(tapes, DY) for (_, tapes), DY in zip(forward, DYs, strict=True)]
    passes = list(zip(*backward, strict=True))
    for number, (Y, statistics, gradients) in enumerate(expected):
        np.testing.assert_array_equal(forward[number][0], Y)
        for one, other in zip(buffers[number], statistics, strict=True):
            assert_same(one.values(), other.values())
        for one, other in zip(gradients_of(step[number] for step in passes), gradients, strict=True):
            assert_same(one, other)


def test_a_step_is_forward_gradient_backward_update(data):
    """The same numbers from the parts, by hand."""
    net, same = network(), network()
    run = begun(net, data)
    run.learning_rate = 0.1
    other = begun(same, data)
    optimizer = next(iter(other.optimizers.values()))
    for t, rows in enumerate((np.arange(20), np.arange(20, 50), np.arange(50, 60)), 1):
        run.step(run.batch(rows))
        X, T, w, total, _ = other.batch(rows)
        assert w is None
        assert total == len(rows)
        Y, tapes = same.forward(X, other.rng)
        same.store(tapes)
        for layer, _, gradients in same.backward(tapes, LOSSES["SoftmaxCrossEntropy"].mean_gradient(Y, T)):
            optimizer.step(layer, gradients, 0.1, t)
        np.testing.assert_array_equal(run.outputs, Y)
    assert run.t == 3
    assert_same(numbers(net), numbers(same))
    for one, two in zip(net.parameters(), same.parameters(), strict=True):
        assert_same(one.states, two.states)


def test_train_is_begin_epochs_and_end(data):
    """Nothing but the compilation comes before, and nothing else is done."""
    net, same = network(), network()
    options = {"epochs": 3, "batch_size": 20, "seed": 3, "learning_rate": 0.05}
    history = nv.train(net, data, **options)
    run = begun(same, data)
    for number in (1, 2, 3):
        run.run_epoch(number)
    run.end()
    assert_same(numbers(net), numbers(same))
    assert [e.as_dict() | {"seconds": 0} for e in history] == [e.as_dict() | {"seconds": 0} for e in run.history]


def test_weights_of_a_batch_are_shared_out(data, rng):
    """Two shards of a mini-batch: their gradients add up to that of the whole."""
    weights = rng.uniform(0.5, 2, 70)
    net = network("ReLU;SReLU;Linear", dropouts=None, dtype=np.float64)
    for options in ({}, {"sample_weight": weights}):
        run = begun(net, data, **options)
        rows = np.arange(10, 35)
        total = run.weight(rows)
        assert total == pytest.approx(25 if not options else weights[10:35].sum())
        parts = [run.gradients(run.batch(part, None, total), net, run.rng) for part in (rows[:9], rows[9:])]
        for (layer, _, whole), *pieces in zip(run.gradients(run.batch(rows), net, run.rng), *parts, strict=True):
            for parameter, a, b, c in zip(
                layer.parameters, whole, *(gradients for _, _, gradients in pieces), strict=True
            ):
                if isinstance(a, Outer):
                    a, both = a.on(parameter.value), (b + c).on(parameter.value)
                    assert_close((b + c).stacked()[0].T @ (b + c).stacked()[1], (b + c).on(full(parameter.value)).array)
                else:
                    both = b + c
                np.testing.assert_allclose(vector_of(both), vector_of(a), rtol=1e-10, atol=1e-14)


def full(W):
    """A dense weight of that shape, on which a gradient has all its values."""
    return nv.sparse.DenseWeight(np.zeros(W.shape, W.dtype))


# --------------------------------------------------------------------------------------------------- callbacks that look


class Watch(Callback):
    """Looks at everything, and keeps it until the step is over."""

    def __init__(self, order=Callback.order):
        self.order = order
        self.seen, self.looked = [], 0

    def on_gradients(self, run, layer, tape, gradients):
        for parameter, gradient in zip(layer.parameters, gradients, strict=True):
            values = gradient.on(parameter.value) if isinstance(gradient, Outer) else gradient
            assert np.isfinite(vector_of(values)).all()
            self.seen.append((tape, gradient, values))

    def on_step_end(self, run):
        self.looked += len(self.seen)
        self.seen = []

    def on_train_end(self, run):
        assert self.looked == run.t * len(list(run.network.parameters()))


LOOKING = {
    "on_gradients": lambda path: Watch(),
    "on_gradients first": lambda path: Watch(order=-1),
    "log": lambda path: JSONLinesLogger(path / "log.jsonl"),
    "csv": lambda path: nv.training.CSVLogger(path / "log.csv"),
    "checkpoint": lambda path: nv.ModelCheckpoint(path / "run.npz", 3),
    "gradient check": lambda path: nv.training.GradientCheck(2, numbers=2, samples=10, tolerance=np.inf),
    "NaN": lambda path: nv.training.TerminateOnNaN(),
    "NaN now and then": lambda path: nv.training.TerminateOnNaN(3),
}


@pytest.mark.parametrize("method", [None, "SET(0.3, every=3)", "RigL(0.3, every=4, batches=2)", "DynamicTopology"])
@pytest.mark.parametrize("batch_size", [4, 20])
def test_a_callback_that_looks_does_not_change_a_bit(batch_size, method, data, tmp_path, monkeypatch):
    """Also with the kernels for few samples, which millions of weights have by themselves."""
    if batch_size == 4:
        monkeypatch.setattr(plan, "WEIGHTS", 0)
    options = {"epochs": 2, "batch_size": batch_size, "seed": 3, "learning_rate": 0.05}

    def trained(*callbacks, **more):
        if method == "DynamicTopology":
            own = [nv.DynamicTopology("Taylor(0.3)", "Random", every=3)]
        else:
            own = [] if method is None else [nv.method(method)]
        net = network()
        history = nv.train(net, data, **options, **more, callbacks=[*callbacks, *own])
        return numbers(net), [(epoch.train_loss, epoch.test_loss) for epoch in history]

    assert (batch_size == 4) == plan.few_samples(DENSITIES[0] * 20 * 60, batch_size)
    plain, losses = trained()
    for name, make in LOOKING.items():
        seen, same = trained(make(tmp_path))
        assert same == losses, name
        assert_same(seen, plain)
    seen, same = trained(timer=True)
    assert same == losses
    assert_same(seen, plain)
    other, _ = trained(Change())
    assert any(not np.array_equal(a, b) for a, b in zip(other, plain, strict=False)), "a bit that changes is seen"


class Change(Callback):
    """Changes one bias, once."""

    def on_step_end(self, run):
        if run.t == 2:
            run.network.linear_layers[-1].b.value[0, 0] += 1e-3


def test_gradients_are_shown_between_backward_and_update_from_the_last_layer_to_the_first(data):
    net, before, diary = network(), {}, []

    class Look(Callback):
        def on_gradients(self, run, layer, tape, gradients):
            assert run.t == len(diary) // 6 + 1  # those with parameters, and Dropout between them
            diary.append(layer)
            for parameter, gradient in zip(layer.parameters, gradients, strict=True):
                np.testing.assert_array_equal(parameter.vector, before[parameter], "not updated")
                assert gradient.shape == parameter.value.shape
                assert isinstance(gradient, Outer) == (parameter.name == "W")
            position = run.network.layers.index(layer)
            for later in run.network.layers[position + 1 :]:
                for parameter in later.parameters:
                    assert not np.array_equal(parameter.vector, before[parameter]), "updated"

        def on_step_end(self, run):
            remember()

    def remember():
        before.update({parameter: parameter.vector.copy() for parameter in net.parameters()})

    remember()
    nv.train(
        net, data, epochs=1, batch_size=35, seed=1, callbacks=[Look()], optimizer="GradientDescent", learning_rate=0.1
    )
    trained = [layer for layer in net.layers if layer.parameters][::-1]
    assert len(trained) == 5
    assert [layer for layer in diary if layer.parameters] == trained * 2


def test_what_is_shown_is_the_gradient_that_is_descended(data):
    """W′ = W − η DW, b′ = b − η Db"""
    net, seen = network("ReLU;Sigmoid;Linear", dropouts=None, dtype=np.float64), {}

    class Look(Callback):
        def on_gradients(self, run, layer, tape, gradients):
            for parameter, gradient in zip(layer.parameters, gradients, strict=True):
                values = gradient.on(parameter.value) if isinstance(gradient, Outer) else gradient
                seen[parameter] = parameter.vector.copy(), vector_of(values)

        def on_step_end(self, run):
            assert len(seen) == 6
            for parameter, (old, gradient) in seen.items():
                np.testing.assert_allclose(parameter.vector, old - 0.1 * gradient, rtol=1e-12, atol=1e-15)
                assert gradient.any()

    nv.train(
        net, data, epochs=1, batch_size=35, seed=1, callbacks=[Look()], optimizer="GradientDescent", learning_rate=0.1
    )


def test_no_more_than_two_layers_gradients_are_alive(data):
    """So a callback that keeps none sees each of them go."""
    import weakref

    alive, counts = [], []

    class Count(Callback):
        def on_gradients(self, run, layer, tape, gradients):
            alive.extend(weakref.ref(g.terms[0].DZ) for g in gradients if isinstance(g, Outer))
            counts.append(sum(one() is not None for one in alive))

    net = nv.mlp("ReLU;ReLU;ReLU;ReLU;Linear", [20, 30, 31, 32, 33, 3], overall_density=0.3, seed=1)
    nv.train(net, data, epochs=1, batch_size=35, callbacks=[Count()], statistics=False)
    assert len(counts) == 10
    assert max(counts) <= 2


# ----------------------------------------------------------------------------------- a product that waits for its support

WEIGHTS = {
    "sparse": lambda rng, dtype: sparse(rng, 30, 40, 0.3, dtype),
    "dense": lambda rng, dtype: dense(rng, 30, 40, dtype),
}


def check_update(name, W, outer, rng) -> None:
    """`outer.update` against the update of the numbers of a plain array, bit for bit, over three steps."""
    optimizer = OPTIMIZERS[name](weight_decay=0.1)
    states = [rng.uniform(0.1, 1, W.data.size).astype(W.dtype) for _ in range(optimizer.states)]
    theta, own = W.data.copy()[None], [state.copy() for state in states]
    for t in (1, 2, 3):
        constants = (0.05, 0.1, *optimizer.constants(t))
        G = outer.on(W.like(theta[0].copy()))
        theta, own = updated(optimizer.update, theta, vector_of(G)[None], own, constants)
        result, new = outer.update(optimizer.update, W, states, constants)
        assert type(result) is type(W)
        assert result.support == W.support
        np.testing.assert_array_equal(result.data, theta[0])
        assert len(new) == optimizer.states
        assert_same(new, own)
        W, states = result, new
    assert np.isfinite(theta).all()


@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_update_is_the_update_of_the_values_on_the_support(name, kind, dtype, few, rng, monkeypatch):
    if few:
        monkeypatch.setattr(plan, "WEIGHTS", 0)
    for N in (1, 5, 33):
        W = WEIGHTS[kind](rng, dtype)
        check_update(name, W, Outer(batch(rng, N, 30, dtype), batch(rng, N, 40, dtype)), rng)


@pytest.mark.parametrize("kind", WEIGHTS)
def test_so_it_is_for_sparse_samples(kind, rng):
    for name, N in itertools.product(["GradientDescent", "Adam"], [1, 20]):
        W, X = WEIGHTS[kind](rng, np.float32), np.where(rng.random((N, 40)) < 0.2, batch(rng, N, 40, np.float32), 0)
        check_update(name, W, Outer(batch(rng, N, 30, np.float32), SparseBatch.from_csr(csr_array(X))), rng)


@pytest.mark.parametrize("kind", WEIGHTS)
def test_so_it_is_for_sums_and_masks(kind, rng):
    for name in OPTIMIZERS:
        W = WEIGHTS[kind](rng, np.float32)
        R = W.like((rng.random(W.data.size) < 0.7).astype(np.float32) / np.float32(0.7))
        terms = [
            Outer(batch(rng, N, 30, np.float32), batch(rng, N, 40, np.float32), mask) for N, mask in ((4, R), (9, None))
        ]
        plain = Outer(*terms[0].terms[0][:2]).on(W).data
        np.testing.assert_array_equal(terms[0].on(W).data, plain * R.data)
        check_update(name, W, terms[0], rng)
        check_update(name, W, terms[0] + terms[1] + terms[0], rng)


# -------------------------------------------------------------------------------------- states live beside their values


def test_states_survive_copies(data):
    net = network()
    run = begun(net, data, optimizer="Adam")
    run.learning_rate = 0.01
    run.step(run.batch(np.arange(20)))
    for copied in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        for one, other in zip(net.parameters(), copied.parameters(), strict=True):
            assert len(other.states) == 2
            assert any(state.any() for state in other.states)
            assert_same(one.states, other.states)
            assert not any(np.shares_memory(a, b) for a, b in zip(one.states, other.states, strict=True))
    other = copy.deepcopy(run)
    for one in (run, other):
        one.step(one.batch(np.arange(20, 40)))
    assert_same(numbers(net), numbers(other.network))


def test_states_move_with_their_values(rng):
    W = sparse(rng, 8, 9, 0.3)
    parameter = Parameter("W", W, states=[10 * W.data, 100 * W.data])
    kept = rng.random(W.nnz) < 0.5
    remap = Remap(W.support, kept)
    free = ~W.support.mask().astype(bool)
    new = nv.Support.from_mask((free & (rng.random(free.shape) < 0.1)).astype(np.uint8))
    remap = remap.inserting(new)
    parameter.remap(remap, np.full(remap.grown, 7.0))
    array = np.where(parameter.value.toarray() == 7, 0, parameter.value.toarray())
    for factor, state in zip((10, 100), parameter.states, strict=True):
        np.testing.assert_array_equal(parameter.value.like(state).toarray(), factor * array)
    rows, columns = rng.random(8) < 0.7, rng.random(9) < 0.7
    parameter.keep(rows, columns)
    for factor, state in zip((10, 100), parameter.states, strict=True):
        np.testing.assert_array_equal(parameter.value.like(state).toarray(), factor * array[np.ix_(rows, columns)])
    parameter.astype(np.float32)
    assert {state.dtype for state in parameter.states} == {np.dtype(np.float32)}


def empty(net: MLP) -> bool:
    return all(parameter.states == [] for parameter in net.parameters())


@pytest.mark.parametrize("where", ["on_train_begin", "on_epoch_begin", "on_gradients", "on_step_end", "on_train_end"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_states_are_gone_after_training_however_it_ends(where, error, data):
    sizes = []

    def fail(self, run, *others):
        sizes.append([len(parameter.states) for parameter in run.network.parameters()])
        raise error

    net = network()
    callback = type("Fail", (Callback,), {where: fail})()
    with contextlib.suppress(error):  # an interrupt in the loop ends training quietly
        nv.train(net, data, epochs=1, batch_size=20, optimizer="Adam", callbacks=[callback])
    assert empty(net)
    assert set(sizes[0]) == {2}


def test_states_are_gone_after_training(data, tmp_path):
    net = network()
    nv.train(net, data, epochs=1, batch_size=20, optimizer="SMET", learning_rate=0.0001)
    assert empty(net)
    with pytest.raises(DataError, match="no such file"):
        nv.train(net, data, epochs=1, batch_size=20, optimizer="Adam", resume=tmp_path / "x.npz")
    assert empty(net), "a run that could not be resumed leaves nothing"
    with pytest.raises(NervaError, match="epochs must be"):
        nv.train(net, data, epochs=-1, batch_size=20, optimizer="Adam")
    assert empty(net)
    with pytest.raises(DivergedError):
        nv.train(net, data, epochs=5, batch_size=20, learning_rate=1e20)
    assert empty(net)


# ----------------------------------------------------------------------------------------------- parts of a mini-batch


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_the_mean_gradient_of_a_part_of_a_mini_batch(name, weighted, rng):
    """With the total weight of the whole mini-batch, the rows are those of the whole."""
    loss, N = LOSSES[name], 12
    Y, T = rng.uniform(0.1, 0.9, (N, 4)), one_hot(rng, N, 4)
    w = rng.uniform(0.5, 2, (N, 1)) if weighted else None
    total = w.sum() if weighted else N
    whole = loss.mean_gradient(Y, T, w)
    np.testing.assert_allclose(loss.mean_gradient(Y, T, w, total), whole, rtol=1e-14)
    parts = [
        loss.mean_gradient(Y[rows], T[rows], None if w is None else w[rows], total)
        for rows in (slice(0, 5), slice(5, 6), slice(6, N))
    ]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-13, atol=1e-16)
    alone = loss.mean_gradient(Y[:5], T[:5], None if w is None else w[:5])
    np.testing.assert_allclose(parts[0] * total / (5 if w is None else w[:5].sum()), alone, rtol=1e-13, atol=1e-16)


# ----------------------------------------------------------------------------------------------------- to be continued


class Crash(Exception):
    pass


class CrashAt(Callback):
    order = 1000

    def __init__(self, t):
        self.t = t

    def on_step_end(self, run):
        if run.t == self.t:
            raise Crash


@pytest.fixture
def sparse_data(rng):
    T = rng.integers(0, 3, 100)
    X = np.where(rng.random((100, 60)) < 0.1, rng.standard_normal((100, 60)), 0).astype(np.float32)
    X[np.arange(100), T] += 9
    X = csr_array(X)
    return nv.from_arrays(X[:80], T[:80], X[80:], T[80:], normalization="feature")


@pytest.mark.parametrize("dropouts", [None, [0.2, 0.0]])
@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_gradients_that_wait_are_in_the_checkpoint(kind, dropouts, sparse_data, tmp_path):
    """RigL looks at the last four gradients of six steps; the run is killed when it has two of them, or none, or three."""
    data = sparse_data
    if kind == "dense":
        arrays = (data.Xtrain.toarray(), data.Ttrain, data.Xtest.toarray(), data.Ttest)
        data = replace(nv.from_arrays(*arrays), scale=data.scale)

    def trained(path, every, *callbacks, **options):
        net = nv.mlp("ReLU;Linear", [60, 20, 3], overall_density=0.15, weights="SparseHe", dropouts=dropouts, seed=1)
        history = nv.train(
            net, data, epochs=4, batch_size=16, learning_rate=0.1, seed=1, **options,
            callbacks=[nv.method("RigL(0.3, every=6, batches=4)"), nv.ModelCheckpoint(path, every), *callbacks],
        )  # fmt: skip
        return net, [(e.train_loss, e.test_loss, e.measures["topology"]) for e in history]

    whole, losses = trained(tmp_path / "whole.npz", "1 epoch")
    for t, count in ((4, 2), (8, 0), (11, 3)):  # in the middle of an epoch of five steps
        path = tmp_path / f"{t}.npz"
        with pytest.raises(Crash):
            trained(path, t, CrashAt(t))
        waiting = nv.training.read_checkpoint(path).training["callbacks"][0]["state"]["layers"][0]["batches"]
        assert [isinstance(X, dict) for _, X in waiting] == [kind == "sparse"] * count
        resumed, same = trained(path, "1 epoch", resume=path)
        assert same == losses
        assert_same(numbers(resumed), numbers(whole))
