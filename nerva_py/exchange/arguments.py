"""What all functions that take a network check first."""

from __future__ import annotations

from nerva_py.errors import NervaError
from nerva_py.network import MLP


def checked_network(network: MLP) -> MLP:
    """The network; raises NervaError for anything else, such as an estimator."""
    if not isinstance(network, MLP):
        raise NervaError(f"network must be an MLP, as mlp() makes it, not {type(network).__name__}")
    return network
