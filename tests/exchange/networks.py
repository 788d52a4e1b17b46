"""Networks that have something of everything, in which no parameter has its initial value."""

from __future__ import annotations

import numpy as np

import nerva_py as nv

SIZES = [9, 12, 11, 10, 8, 5]
DENSITIES = [0.1, 0.7, 1.0, 0.3, 0.25]  # in CSR, in CSR, dense, in CSR twice
SPECS = {
    "activations": "Sigmoid;HyperbolicTangent;ReLU;LeakyReLU(0.2);LogSoftmax",
    "ours": "SReLU(0.1,-0.2,0.3,0.4);AllReLU(0.3);TReLU(0.1);SReLU;Softmax",
    "between": "BatchNorm;ReLU;Dropout(0.3);Linear;ReLU;BatchNorm(0.01, 0.2);Linear;Linear;Dropout(0.5)",
}


def samples(count: int = 20, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(5).standard_normal((count, SIZES[0])).astype(dtype)


def network(name: str, dtype: type = np.float32) -> nv.MLP:
    """Trained for two epochs; one weight that is kept is 0, another −0."""
    result = nv.mlp(SPECS[name], SIZES, layer_densities=DENSITIES, weights="PyTorch", dtype=dtype, seed=3)
    X, T = samples(), np.random.default_rng(6).standard_normal((20, SIZES[-1])).astype(np.float32)
    nv.train(result, nv.from_arrays(X, T), loss="SquaredError", epochs=2, batch_size=7, seed=1, statistics=False)
    for layer in result.linear_layers:
        layer.W.value.data[:2] = 0, -0.0
    return result


def bits(array: np.ndarray) -> bytes:
    """So that −0 differs from 0."""
    return array.tobytes()


def assert_same_weights(ours: nv.MLP, theirs: nv.MLP) -> None:
    """Bit for bit, the support and how it is stored included."""
    assert ours.sizes == theirs.sizes
    for one, other in zip(ours.linear_layers, theirs.linear_layers, strict=True):
        A, B = one.W.value, other.W.value
        assert type(A) is type(B)
        assert A.support == B.support
        assert (A.dtype, bits(A.data)) == (B.dtype, bits(B.data))
        assert bits(one.b.value) == bits(other.b.value)


def assert_same(ours: nv.MLP, theirs: nv.MLP) -> None:
    """Every parameter and running statistic, bit for bit, and what is computed of them."""
    assert_same_weights(ours, theirs)
    assert repr(ours) == repr(theirs)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert one.name == other.name
        if isinstance(one.value, np.ndarray):
            assert (one.value.dtype, bits(one.value)) == (other.value.dtype, bits(other.value))
    norms = [[layer for layer in net.layers if isinstance(layer, nv.network.BatchNormLayer)] for net in (ours, theirs)]
    for one, other in zip(*norms, strict=True):
        assert (one.epsilon, one.momentum) == (other.epsilon, other.momentum)
        assert (bits(one.mean), bits(one.variance)) == (bits(other.mean), bits(other.variance))
    X = samples(6)
    assert np.array_equal(ours.predict(X), theirs.predict(X))
