"""A copy of everything that training changes in a network, in memory."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from .layers import BatchNormLayer
from .mlp import MLP


@dataclass(frozen=True)
class Snapshot:
    """Weights with their topology, biases, parameters of activations and the running statistics of batch normalisation."""

    values: list[Any]
    statistics: list[tuple[np.ndarray, np.ndarray]]


def snapshot(network: MLP) -> Snapshot:
    """A copy; O(number of parameters) memory."""
    return Snapshot(
        [copy.deepcopy(parameter.value) for parameter in network.parameters()],
        [(norm.mean.copy(), norm.variance.copy()) for norm in _norms(network)],
    )


def restore(network: MLP, taken: Snapshot) -> None:
    """The network as it was when the snapshot was taken; gradients are forgotten.

    Optimizer states are not part of it: those of a topology that has changed since no longer fit.
    """
    for parameter, value in zip(network.parameters(), taken.values, strict=True):
        parameter.value = copy.deepcopy(value)
    for norm, (mean, variance) in zip(_norms(network), taken.statistics, strict=True):
        norm.mean, norm.variance = mean.copy(), variance.copy()
    network.release()


def _norms(network: MLP) -> list[BatchNormLayer]:
    return [layer for layer in network.layers if isinstance(layer, BatchNormLayer)]
