"""The table of layers tells the bytes that training really takes."""

from __future__ import annotations

from typing import Any

import pytest
from scipy.sparse import csr_array

import nerva_py as nv
from nerva_py.cli.layer_table import layer_memory, layer_table
from nerva_py.cli.screen import aligned, size
from nerva_py.matrix import Outer
from nerva_py.network import Parameter
from nerva_py.network.parameter import vector_of
from nerva_py.sparse import plan
from nerva_py.training import Callback, Run
from nerva_py.training.loop import resolve_optimizers


class MeasuredBytes(Callback):
    """Parameters, gradients and optimizer states, while they are there."""

    def __init__(self) -> None:
        self.gradients: dict[Parameter, int] = {}

    def on_gradients(self, run: Run, layer: nv.network.Layer, tape: Any, gradients: tuple[Any, ...]) -> None:
        for parameter, gradient in zip(layer.parameters, gradients, strict=True):
            values = gradient.on(parameter.value) if isinstance(gradient, Outer) else gradient
            self.gradients[parameter] = vector_of(values).nbytes

    def on_step_end(self, run: Run) -> None:
        parameters = list(run.network.parameters())
        self.training = sum(parameter.value.nbytes for parameter in parameters)
        self.training += sum(self.gradients[parameter] for parameter in parameters)
        self.training += sum(vector.nbytes for parameter in parameters for vector in parameter.states)


@pytest.mark.parametrize("optimizer", ["GradientDescent", "Nesterov(0.9)", "Adam"])
@pytest.mark.parametrize("density", [0.05, 0.4, 0.7, 1.0])
def test_memory_is_what_is_used(optimizer: str, density: float) -> None:
    data = nv.load_dataset("mini")
    network = nv.mlp("SReLU;BatchNormalization;ReLU;Linear", [8, 40, 30, 3], overall_density=density, seed=1)
    entries = layer_memory(network, resolve_optimizers(network, optimizer))
    measured = MeasuredBytes()
    nv.train(network, data, optimizer=optimizer, epochs=1, callbacks=[measured], statistics=False)
    assert sum(entry.training for entry in entries) == measured.training


def test_memory_of_sparse_samples() -> None:
    """The first layer's products with sparse batches need the column view."""
    dense = nv.load_dataset("mini")
    data = nv.from_arrays(csr_array(dense.Xtrain), dense.Ttrain)
    network = nv.mlp("ReLU;Linear", [8, 40, 3], overall_density=0.2, seed=1)
    entries = layer_memory(network, resolve_optimizers(network, "Nesterov(0.9)"), data.sparse)
    measured = MeasuredBytes()
    nv.train(network, data, epochs=1, callbacks=[measured], statistics=False)
    assert sum(entry.training for entry in entries) == measured.training


@pytest.mark.parametrize("optimizer", ["Nesterov(0.9)", "Adam"])
def test_memory_of_large_layers_with_few_samples(optimizer: str, monkeypatch) -> None:
    monkeypatch.setattr(plan, "WEIGHTS", 0)
    data = nv.load_dataset("mini")
    network = nv.mlp("ReLU;ReLU;Linear", [8, 100, 90, 3], layer_densities=[0.3, 0.3, 1.0], seed=1)
    optimizers = resolve_optimizers(network, optimizer)
    few, many = (layer_memory(network, optimizers, batch_size=size) for size in (4, 100))
    measured = MeasuredBytes()
    nv.train(network, data, batch_size=4, optimizer=optimizer, epochs=1, callbacks=[measured], statistics=False)
    assert sum(entry.training for entry in few) == measured.training < sum(entry.training for entry in many)


def test_at_most_24_bytes_a_nonzero() -> None:
    network = nv.mlp("ReLU;ReLU;Linear", [3072, 1024, 512, 10], overall_density=0.01, seed=1)
    first, second, _ = layer_memory(network, resolve_optimizers(network, "Nesterov(0.9)"))
    pointers_and_biases = 4 * (3073 + 4 * 1025 + 4 * 513)
    assert first.training + second.training <= 24 * (first.nonzeros + second.nonzeros) + pointers_and_biases


def test_table_compares_with_the_dense_network() -> None:
    network = nv.mlp("ReLU;Dropout(0.5);Linear", [10, 20, 5], layer_densities=[0.1, 1.0], seed=1)
    lines = layer_table(layer_memory(network, resolve_optimizers(network, "Nesterov(0.9)")))
    assert [line.split()[0] for line in lines] == ["layer", "1", "Dropout,", "2", "total", "dense"]
    assert lines[1].split()[1:7] == ["ReLU", "10", "→", "20", "CSR", "0.1"]
    assert lines[4].split()[1:3] == ["0.4", "120"]
    # 300 weights and 25 biases of 4 bytes; with gradient and velocity three times as much
    assert lines[5].split()[2:] == ["1", "300", "1.3", "kB", "3.9", "kB"]


def test_sizes_are_readable() -> None:
    assert [size(n) for n in (0, 946, 999, 1000, 20_480, 999_600, 1.25e9, 3e15)] == [
        "0 B", "946 B", "999 B", "1 kB", "20.5 kB", "1 MB", "1.25 GB", "3e+03 TB",
    ]  # fmt: skip
    assert aligned([["a", "1"], ["bcd", "22"]]) == ["a     1", "bcd  22"]
