"""Methods, rules and initializers can be pickled, as everything can that scikit-learn sends to other processes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.data import make_mini
from nerva_py.network import INITIALIZERS
from nerva_py.topology import DROP_RULES, GROW_RULES, METHODS

ARGUMENTS = {
    "GraNet": "(0.1, every=2)",
    "GradualMagnitude": "(0.1, every=2)",
    "RigL": "(0.3, every=2)",
    "GSE": "(0.3, every=2)",
    "SMET": "(0.3, every=2)",
    "ImportancePruning": "(every='1 epoch')",
}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_does_the_same_after_it(name, rng):
    data = make_mini(60, 20, rng)

    def trained(method):
        optimizer = "SMET" if name == "SMET" else "Nesterov(0.9)"
        net = nv.mlp("ReLU;Linear", [8, 20, 3], overall_density=0.3, seed=1)
        nv.train(
            net, data, epochs=3, batch_size=10, learning_rate=0.001, optimizer=optimizer, seed=1, callbacks=[method]
        )
        return np.concatenate([parameter.vector for parameter in net.parameters()])

    method = nv.method(name + ARGUMENTS.get(name, ""))
    twin = pickle.loads(pickle.dumps(method))
    np.testing.assert_array_equal(trained(method), trained(twin))


@pytest.mark.parametrize("registry", [DROP_RULES, GROW_RULES, INITIALIZERS])
def test_rules_and_initializers(registry):
    for name, factory in registry.items():
        made = factory(0.1) if name == "Threshold" else factory()
        assert pickle.loads(pickle.dumps(made)) == made
