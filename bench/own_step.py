"""The step that `nerva_py.train` takes, for whoever times single ones."""

from __future__ import annotations

from typing import Any

from nerva_py.data import Dataset
from nerva_py.network import MLP
from nerva_py.training import Run
from nerva_py.training.loop import begin


def own_run(network: MLP, data: Dataset, learning_rate: float, optimizer: str = "Nesterov(0.9)", **options: Any) -> Run:
    """A run before its first step, which is `run.step(run.batch(rows))`; the options are those of `train`."""
    options = {"loss": "SoftmaxCrossEntropy", "epochs": 1, "batch_size": 1} | options
    run = begin(network, data, optimizer=optimizer, learning_rate=learning_rate, **options)
    run.learning_rate = learning_rate
    return run
