"""Runs of every kind, and what must be equal after one was resumed: everything but seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numba
import numpy as np

import nerva_py as nv
from nerva_py.checkpoints import container
from nerva_py.data import CropFlip, Dataset, make_mini
from nerva_py.training import Callback

BATCH, EPOCHS = 20, 4
LAYERS = "ReLU;BatchNorm;SReLU;Dropout(0.2);Linear"
SIZES = [64, 40, 30, 10]


@dataclass(frozen=True)
class Run:
    """A network, how it is trained, and by which method."""

    layers: str = LAYERS
    densities: tuple[float, ...] = (0.2, 0.6, 1.0)
    dropouts: tuple[float, ...] = (0.1, 0.0, 0.2)
    method: str | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def network(self, **options: Any) -> nv.MLP:
        given = {"layer_densities": self.densities, "dropouts": self.dropouts, "seed": 3}
        return nv.mlp(self.layers, SIZES, **given | options)

    def train(
        self, network: nv.MLP, data: Dataset, callbacks: list[Callback] | tuple[Callback, ...] = (), **options: Any
    ) -> nv.History:
        method = [] if self.method is None else [nv.method(self.method)]
        given = {"epochs": EPOCHS, "batch_size": BATCH, "learning_rate": 0.02, "seed": 5}
        return nv.train(network, data, **given | self.options | options, callbacks=[*callbacks, *method])


RUNS = {
    "plain": Run("ReLU;ReLU;Linear", dropouts=(0, 0, 0)),
    "layers": Run(),
    "float64": Run(options={"optimizer": "Adam", "learning_rate": 0.001}),
    "no shuffle": Run(options={"shuffle": False, "statistics": False}),
    "augmentation": Run(options={"augmentation": CropFlip(1)}),
    "one optimizer a layer": Run(options={"optimizer": ["Adam", "GradientDescent", "AdamW(weight_decay=0.1)"]}),
    "MultiStepLR": Run(options={"learning_rate": "MultiStepLR(0.05;1,3;0.1)"}),
    "Cosine": Run(options={"learning_rate": "Cosine(0.05, 4, warm_up=2)"}),
    "TimeBased": Run(options={"learning_rate": "TimeBased(0.05, 0.3)"}),
    "Momentum": Run(options={"optimizer": "Momentum(0.9, 0.001)"}),
    "weights": Run(options={"sample_weight": 0.5 + np.arange(180) % 3}),
    "running loss": Run(options={"sample_weight": 0.5 + np.arange(180) % 3, "statistics": "running"}),
    "SET": Run(method="SET(0.3)"),
    "RigL": Run(method="RigL(0.3, every=7, batches=3, stop=0.9)"),
    "GSE": Run(method="GSE(0.3, every=5)"),
    "GraNet": Run(densities=(0.5, 0.9, 1.0), method="GraNet(0.1, every=9)"),
    "GradualMagnitude": Run(densities=(0.5, 0.9, 1.0), method="GradualMagnitude(0.05, every=9)"),
    "MagnitudeRandom": Run(method="MagnitudeRandom(0.3, every='10 steps')"),
    "ImportancePruning": Run(method="ImportancePruning(10, every='1 epoch', start=0.2)"),
    "SMET": Run(method="SMET(0.3, every=6)", options={"optimizer": "SMET", "learning_rate": 0.0005}),
}


def images(rng: np.random.Generator, M: int = 210) -> Dataset:
    """8×8 images of bytes that are easy to tell apart, 30 of them for testing."""
    T = rng.integers(0, 10, M)
    X = rng.integers(0, 100, (M, 64)) + 100 * (np.arange(64) % 10 == T[:, None])
    return nv.from_arrays(
        X[:-30].astype(np.uint8), T[:-30], X[-30:].astype(np.uint8), T[-30:], image_shape=(1, 8, 8), num_classes=10
    )


def numbers(network: nv.MLP) -> list[np.ndarray]:
    """Everything that training changes in a network."""
    values = [layer.W.value for layer in network.linear_layers]
    supports = [W.support for W in values if isinstance(W, nv.SparseWeight)]
    norms = [layer for layer in network.layers if isinstance(layer, nv.network.BatchNormLayer)]
    return [
        *(parameter.vector for parameter in network.parameters()),
        *(array for support in supports for array in (support.indptr, support.indices)),
        *(array for norm in norms for array in (norm.mean, norm.variance)),
        np.array([W.nnz for W in values]),
    ]


def assert_same_networks(one: nv.MLP, other: nv.MLP) -> None:
    assert repr(one) == repr(other)
    for a, b in zip(numbers(one), numbers(other), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def without_seconds(history: nv.History) -> list[dict[str, Any]]:
    return [epoch.as_dict() | {"seconds": None} for epoch in history]


def assert_same_files(one: Path, other: Path) -> None:
    """Everything in two checkpoints is equal, bit for bit, apart from seconds."""
    _assert_same(container.read(one), container.read(other), "")


def _assert_same(a: Any, b: Any, path: str) -> None:
    assert type(a) is type(b), path
    if isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for key in a:
            if key != "seconds":
                _assert_same(a[key], b[key], f"{path}.{key}")
    elif isinstance(a, list):
        assert len(a) == len(b), path
        for number, (x, y) in enumerate(zip(a, b, strict=True)):
            _assert_same(x, y, f"{path}.{number}")
    elif isinstance(a, np.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), path
        assert a.tobytes() == b.tobytes(), path
    else:
        assert a == b or (a != a and b != b), path


class Crash(Exception):
    """What ends a run in the middle."""


class CrashAt(Callback):
    """Ends the run after step t, or at the end of that epoch."""

    order = 1000  # after everything else

    def __init__(self, t: int = 0, epoch: int = 0):
        self.t, self.epoch = t, epoch

    def on_step_end(self, run):
        if run.t == self.t:
            raise Crash

    def on_epoch_end(self, run, epoch):
        if epoch.epoch == self.epoch:
            raise Crash


def threads(count: int) -> int:
    """Set the number of threads; returns how many there were."""
    before = numba.get_num_threads()
    numba.set_num_threads(count)
    return before


def mini() -> Dataset:
    return make_mini(110, 40, np.random.default_rng(0))
