"""NumPy's scalars, and arrays without dimensions, go wherever a number goes; truth values do not. One place decides."""

from __future__ import annotations

import math
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from scipy.sparse import csr_array

import nerva_py as nv
from nerva_py import sparse, topology, training
from nerva_py.data import CropFlip, load_text, make_mini
from nerva_py.errors import NervaError, ShapeError
from nerva_py.network import BatchNormLayer, DropoutLayer
from nerva_py.network.specs import build
from nerva_py.quantities import as_integer, as_real, element_type, integer, native, real
from nerva_py.topology import METHODS

INTEGERS = [np.int64, np.uint8, np.array, lambda n: np.array(n, np.int16)]
REALS = [np.float32, np.float64, np.array, lambda x: np.array(x, np.float32)]


@pytest.mark.parametrize(
    ("given", "whole", "number"),
    [
        (3, 3, 3.0), (np.int8(3), 3, 3.0), (np.uint64(3), 3, 3.0), (np.array(3), 3, 3.0), (10**400, 10**400, math.inf),
        (0.5, None, 0.5), (np.float16(0.5), None, 0.5), (np.longdouble(0.5), None, 0.5), (np.array(0.5), None, 0.5),
        (2.0, None, 2.0), (Fraction(1, 2), None, 0.5), (-math.inf, None, -math.inf),
        (True, None, None), (np.True_, None, None), (np.array(True), None, None), ("3", None, None), (None, None, None),
        (np.array([3]), None, None), (1j, None, None), (np.datetime64(3, "D"), None, None), (np.str_("3"), None, None),
    ],
)  # fmt: skip
def test_what_is_a_number(given, whole, number):
    assert as_integer(given) == whole
    assert as_real(given) == number
    assert type(as_real(given)) in (float, type(None))
    assert type(as_integer(given)) in (int, type(None))


@pytest.mark.parametrize(
    ("bounds", "wrong", "said"),
    [
        ({}, math.nan, "a finite number, not nan"),
        ({"least": 0}, math.inf, "a finite number of at least 0, not inf"),
        ({"above": 0}, 0, "a positive finite number, not 0"),
        ({"least": 0, "most": 1}, 2, "a number from 0 to 1, not 2"),
        ({"least": 0, "below": 1}, 1.0, "a number of at least 0 and less than 1, not 1.0"),
        ({"above": 0, "most": 1}, True, "a number of more than 0 and at most 1, not True"),
        ({"allowed": "a share"}, "x", "a share, not 'x'"),
    ],
)
def test_the_message_says_what_is_allowed(bounds, wrong, said):
    with pytest.raises(NervaError, match=f"^lr must be {said}$"):
        real("lr", wrong, **bounds)


def test_integers_out_of_bounds():
    with pytest.raises(NervaError, match=r"^n must be an integer from 1 to 5, not np\.int64\(6\)$"):
        integer("n", np.int64(6), 1, 5)
    with pytest.raises(NervaError, match=r"^n must be an integer of at least 1, not 1\.0$"):
        integer("n", 1.0, 1)


# -------------------------------------------------------------------------------------------- wherever a number goes


def parts(method) -> dict:
    return method.settings()


COUNTS = {
    "EarlyStopping": lambda n: training.EarlyStopping(patience=n).patience,
    "TerminateOnNaN": lambda n: training.TerminateOnNaN(n).every,
    "GradientCheck": lambda n: vars(training.GradientCheck(n, numbers=n, samples=n)),
    "ModelCheckpoint": lambda n: training.ModelCheckpoint("x", n).every,
    "RigL": lambda n: parts(METHODS["RigL"](every=n, batches=n)),
    "GSE": lambda n: parts(METHODS["GSE"](candidates=n, batches=n)),
    "ImportancePruning": lambda n: parts(METHODS["ImportancePruning"](n, every=n)),
    "CropFlip": lambda n: repr(CropFlip(pad=n)),
    "mlp": lambda n: repr(nv.mlp("ReLU;Linear", [n, 2 * n, n], seed=n)),
    "Support.random": lambda n: sparse.Support.random((n, 2 * n), n, np.random.default_rng(0)).indices.tolist(),
    "BatchNormLayer": lambda n: BatchNormLayer(n).gamma.value.tolist(),
    "make_mini": lambda n: make_mini(n, n, np.random.default_rng(0), n, n).Xtrain.tolist(),
    "predict": lambda n: nv.mlp("Linear", [2, 2], seed=1).predict(np.ones((7, 2)), n).tolist(),
    "Cosine": lambda n: training.SCHEDULES["Cosine"](0.1, n, warm_up=n)(1),
    "MultiStepLR": lambda n: training.SCHEDULES["MultiStepLR"](0.1, n)(5),
    "milestones": lambda n: training.SCHEDULES["MultiStepLR"](0.1, [n, n])(5),
    "hidden_layer_sizes": lambda n: nv.SparseMLPRegressor(n, max_iter=n, batch_size=n, n_iter_no_change=math.inf).fit(
        [[1.0], [2.0], [4.0]], [0.0, 1.0, 2.0]
    ).network_.sizes,
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("what", COUNTS)
def test_counts(what):
    make = COUNTS[what]
    expected = make(3)
    assert all(make(kind(3)) == expected for kind in INTEGERS)
    with pytest.raises(NervaError):
        make(np.True_)


SHARES = {
    "EarlyStopping": lambda x: training.EarlyStopping(min_delta=x).monitor.min_delta,
    "GradientCheck": lambda x: training.GradientCheck(step=x, tolerance=x).step,
    "SET": lambda x: parts(METHODS["SET"](x, stop=x)),
    "GSE": lambda x: parts(METHODS["GSE"](x, candidates=x)),
    "GraNet": lambda x: parts(METHODS["GraNet"](x, x, stop=x)),
    "Threshold": lambda x: topology.DROP_RULES["Threshold"](x).amount,
    "ImportancePruning": lambda x: parts(METHODS["ImportancePruning"](x, start=x, zeta=x)),
    **{
        name: lambda x, make=training.OPTIMIZERS[name]: (one := make(x)) and (one.constants(1), one.weight_decay)
        for name in ("GradientDescent", "Momentum", "Nesterov", "Adam", "AdamW", "SMET")
    },
    **{
        name: lambda x, name=name, rest=rest: training.SCHEDULES[name](x, *rest(x))(2)
        for name, rest in {
            "Constant": lambda x: (), "TimeBased": lambda x: (x,), "StepBased": lambda x: (x, x),
            "Exponential": lambda x: (x,), "Cosine": lambda x: (8, x),
        }.items()
    },
    "DropoutLayer": lambda x: DropoutLayer(x).rate,
    "BatchNormLayer": lambda x: BatchNormLayer(3, epsilon=x, momentum=x).epsilon,
    "mlp": lambda x: repr(nv.mlp("ReLU;Linear", [8, 8, 8], overall_density=x, dropouts=[x, x], seed=1)),
    "layer_densities": lambda x: repr(nv.mlp("ReLU;Linear", [8, 8, 8], layer_densities=[x, x], seed=1)),
    "SparseWeight.random": lambda x: sparse.SparseWeight.random((8, 8), x, np.random.default_rng(0)).nnz,
}  # fmt: skip


@pytest.mark.parametrize("what", SHARES)
def test_shares(what):
    make = SHARES[what]
    expected = make(0.5)
    assert all(make(kind(0.5)) == expected for kind in REALS)
    with pytest.raises(NervaError):
        make(np.True_)


def test_a_run_with_numpy_s_numbers_is_the_run(rng):
    """Bit for bit, its checkpoint and its history too, so that either goes on with the other."""
    data = make_mini(60, 20, rng)
    plain = {"epochs": 2, "batch_size": 20, "learning_rate": 0.5, "seed": 3}
    runs = []
    for whole, number in ((int, float), (np.int64, np.float32), (np.array, np.array)):
        network = nv.mlp("ReLU;Linear", [8, 6, 3], overall_density=0.5, seed=1)
        options = {name: (number if name == "learning_rate" else whole)(value) for name, value in plain.items()}
        history = nv.train(network, data, **options)
        runs.append(([vars(e) | {"seconds": 0} for e in history], [p.vector.tolist() for p in network.parameters()]))
        assert type(history[0].learning_rate) is float
    assert runs[0] == runs[1] == runs[2]
    network = nv.mlp("ReLU;Linear", [8, 6, 3], overall_density=0.5, seed=1)
    assert (
        nv.train(network, data, **plain | {"learning_rate": lambda epoch: np.array(0.5, "f4")})[0].learning_rate == 0.5
    )
    for wrong in ({"epochs": True}, {"batch_size": np.True_}, {"seed": True}, {"seed": -1}, {"learning_rate": "fast"}):
        with pytest.raises(NervaError):
            nv.train(network, data, **plain | wrong)
    with pytest.raises(NervaError, match="the learning rate of epoch 1 must be a finite number, not None"):
        nv.train(network, data, **plain | {"learning_rate": lambda epoch: None})


def test_numpy_s_numbers_in_activations_and_initial_weights():
    for spec in ("LeakyReLU", "AllReLU", "TReLU"):
        from nerva_py.equations import activations

        assert getattr(activations, spec)(np.float32(0.5)) == getattr(activations, spec)(0.5)
    assert build("initializer", "Normal(0, 1)", nv.network.initializers.INITIALIZERS) == nv.network.initializers.Normal(
        np.int64(0), np.array(1.0)
    )


def test_text_features_may_be_numpy_s(monkeypatch):
    with pytest.raises(NervaError, match="features: True"):
        load_text(True)


# ------------------------------------------------------------------------------------------------------- element types


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_the_order_of_bytes_is_this_machine_s(kind, rng):
    X = rng.standard_normal((40, 4)).astype(kind)
    other = X.astype(X.dtype.newbyteorder())
    T = (X[:, 0] > 0).astype(int)
    assert not other.dtype.isnative
    data = nv.from_arrays(other, T.astype(">i4"), other, T)
    assert data.Xtrain.dtype == data.Xtest.dtype == X.dtype
    assert data.Xtrain.dtype.isnative
    assert np.array_equal(data.Xtrain, X)
    assert nv.from_arrays(X, other[:, :1]).Ttrain.dtype == X.dtype
    matrix = csr_array(X * (X > 0))
    turned = matrix.copy()
    turned.data = turned.data.astype(other.dtype)
    for made in (nv.SparseWeight.from_scipy(turned), nv.SparseWeight.from_dense(turned.toarray().astype(other.dtype))):
        assert made.dtype == X.dtype
        assert np.array_equal(made.toarray(), matrix.toarray())
    assert nv.from_arrays(turned, T).Xtrain.dtype == X.dtype
    network = nv.mlp("ReLU;Linear", [4, 3, 2], dtype=other.dtype, seed=1)
    assert network.dtype == X.dtype
    assert network.dtype.isnative
    assert np.array_equal(network.predict(other), network.predict(X))
    assert network.astype(other.dtype).dtype.isnative
    assert native(other).dtype.isnative
    assert native(X) is X
    weights = [W.astype(W.dtype.newbyteorder()) for W in (rng.standard_normal((3, 4)).astype(kind), X[:2, :3])]
    assert nv.exchange.from_scipy(weights).dtype == X.dtype


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_compute_in_the_type_of_X(rng):
    X = rng.standard_normal((40, 4)).astype(">f4")
    model = nv.SparseMLPClassifier(max_iter=2, random_state=0).fit(X, X[:, 0] > 0)
    assert model.network_.dtype == np.float32
    assert np.array_equal(model.predict_proba(X), model.predict_proba(X.astype("f4")))


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble, np.complex128])
def test_other_types_are_refused_with_one_message(dtype):
    X = np.ones((4, 2), dtype)
    network = nv.mlp("Linear", [2, 2])
    for use in (
        lambda: nv.from_arrays(X, [0, 1, 0, 1]),
        lambda: network.predict(X),
        lambda: nv.SparseWeight.from_dense(X),
    ):
        with pytest.raises(NervaError, match=rf"dtype {np.dtype(dtype)}; .*(allowed)"):
            use()
    for wrong in (lambda: nv.mlp("Linear", [2, 2], dtype=dtype), lambda: network.astype(dtype)):
        with pytest.raises(ShapeError, match=f"dtype must be float32 or float64, not {np.dtype(dtype)}"):
            wrong()
    with pytest.raises(ShapeError, match="dtype must be float32 or float64, not 'fast'"):
        element_type("fast")


def test_it_needs_no_numba():
    subprocess.run(
        [sys.executable, "-c", "import sys, nerva_py.quantities; assert 'numba' not in sys.modules"], check=True
    )
