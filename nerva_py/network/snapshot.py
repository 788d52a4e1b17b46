"""A copy of everything that training changes in a network, in memory."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from .mlp import MLP


@dataclass(frozen=True)
class Snapshot:
    """Weights with their topology, biases, parameters of activations, and the buffers of layers: running statistics."""

    values: list[Any]
    buffers: list[dict[str, Any]]


def snapshot(network: MLP) -> Snapshot:
    """A copy; O(number of parameters) memory."""
    return Snapshot(
        [copy.deepcopy(parameter.value) for parameter in network.parameters()],
        [{name: getattr(layer, name).copy() for name in layer.buffers} for layer in network.layers],
    )


def restore(network: MLP, taken: Snapshot) -> None:
    """The network as it was when the snapshot was taken.

    Optimizer states are not part of it: those of a topology that has changed since no longer fit.
    """
    for parameter, value in zip(network.parameters(), taken.values, strict=True):
        parameter.value = copy.deepcopy(value)
    for layer, buffers in zip(network.layers, taken.buffers, strict=True):
        for name, buffer in buffers.items():
            setattr(layer, name, buffer.copy())
