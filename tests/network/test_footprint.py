"""The memory that a network will take, against what it has taken."""

from __future__ import annotations

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.errors import NervaError
from nerva_py.network.footprint import available_memory, check_memory, footprint

SIZES, DENSITIES = [300, 4000, 5000, 10], [0.01, 0.02, 1.0]


def test_bytes_of_the_network_are_exact():
    network = nv.mlp("ReLU;ReLU;Linear", SIZES, layer_densities=DENSITIES, seed=1)
    for layer in network.linear_layers[:2]:
        layer.W.value.support.__dict__.pop("transposed", None)
    stored = sum(layer.W.value.nbytes + layer.b.value.nbytes for layer in network.linear_layers)
    assert footprint(SIZES, DENSITIES, 2).network == stored


def test_it_grows_with_everything():
    base = footprint(SIZES, DENSITIES, 2)
    assert footprint(SIZES, DENSITIES, 100).training > base.training, "the CSC view and larger activations"
    assert footprint(SIZES, DENSITIES, 2, states=2).training > base.training
    assert footprint(SIZES, DENSITIES, 2, dtype=np.float64).network > base.network
    assert base.peak > base.network + base.training
    assert footprint(SIZES, DENSITIES, 2, changes=False).peak < base.peak


def test_what_does_not_fit_is_refused_with_numbers():
    need = footprint([1000, 10**8, 10], [0.01, 1.0], 2)
    with pytest.raises(NervaError, match=r"takes about .* GB, and 1 GB are available"):
        check_memory(need, "a network", available=10**9)
    check_memory(footprint(SIZES, DENSITIES, 2), available=10**12)
    check_memory(footprint([10, 20, 2], [1.0, 1.0], 2), available=10**7)  # the libraries are loaded already


def test_available_memory_is_a_number_of_bytes():
    found = available_memory()
    assert found is None or found > 2**20
