"""No change at all: the baseline of every dynamic method, measured in the same way."""

from __future__ import annotations

from nerva_py.topology.strategy import DynamicTopology


def Static() -> DynamicTopology:
    """The topology stays as it was drawn."""
    return DynamicTopology(None, name="Static")
