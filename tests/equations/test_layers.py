"""Linear, activation and dropout layers against loops over the elements, for sparse and dense weights."""

from __future__ import annotations

import numpy as np
import pytest

from nerva_py.equations import activations
from nerva_py.equations.activation_layer import activation_layer
from nerva_py.equations.dropout import dropout, dropout_backward, dropout_linear, dropout_linear_backward
from nerva_py.equations.linear import linear, linear_backward
from nerva_py.matrix import Outer
from tests import naive
from tests.samples import DTYPES, assert_close, batch, dense, sparse

N, D, K = 6, 5, 4


@pytest.fixture(params=DTYPES, ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(params=["sparse", "dense", "array"])
def W(request, rng, dtype):
    make = {
        "sparse": lambda: sparse(rng, K, D, 0.5, dtype),
        "dense": lambda: dense(rng, K, D, dtype),
        "array": lambda: rng.standard_normal((K, D)).astype(dtype),
    }
    return make[request.param]()


def array(M) -> np.ndarray:
    return M if isinstance(M, np.ndarray) else M.toarray()


def stored(M) -> np.ndarray:
    """1 where M has a trained element."""
    return np.ones(M.shape) if isinstance(M, np.ndarray) else M.support.mask()


@pytest.fixture
def layer(W, rng, dtype):
    """X, W, b, DY"""
    return batch(rng, N, D, dtype), W, rng.standard_normal((1, K)).astype(dtype), batch(rng, N, K, dtype)


def test_linear(layer):
    X, W, b, DY = layer
    assert_close(linear(X, W, b), naive.affine(X, array(W), b))
    DX, DW, Db = linear_backward(X, W, DY)
    assert isinstance(DW, Outer)
    assert DW.shape == W.shape
    assert type(DW.on(W)) is type(W)
    assert_close(DX, naive.product(DY, array(W)))
    assert_close(array(DW.on(W)), naive.product_on(stored(W), DY, X))
    assert_close(Db, naive.columns(DY, sum))


@pytest.mark.parametrize(
    "f", [activations.ReLU(), activations.LeakyReLU(0.1), activations.Sigmoid()], ids=lambda f: f.name
)
def test_activation_layer(layer, f):
    X, W, b, DY = layer
    Z = naive.affine(X, array(W), b)
    Y = activation_layer(X, W, b, f)
    assert Y.dtype == X.dtype
    assert_close(Y, naive.elementwise(lambda z: f.function(z, *f.parameters), Z))
    assert_close(activation_layer(X[:1], W, b, f), Y[:1])  # a single sample has kernels of its own
    assert_close(f(linear(X, W, b)), Y)
    DZ = naive.elementwise(lambda dy, z: dy * f.derivative(z, *f.parameters), DY, Z)
    DX, DW, Db = linear_backward(X, W, f.backward(DY, linear(X, W, b)))
    assert_close(DX, naive.product(DZ, array(W)), X.dtype)
    assert_close(array(DW.on(W)), naive.product_on(stored(W), DZ, X), X.dtype)
    assert_close(Db, naive.columns(DZ, sum), X.dtype)


def mask_like(W, rng):
    """Elements 0 or 2, as dropout with rate 1/2 draws them."""
    values = rng.choice([0.0, 2.0], array(W).shape if isinstance(W, np.ndarray) else W.data.shape).astype(W.dtype)
    return values if isinstance(W, np.ndarray) else W.like(values)


def test_dropout_on_weights(layer, rng):
    X, W, b, DY = layer
    R = mask_like(W, rng)
    dropped = array(W) * array(R)
    assert_close(dropout_linear(X, W, b, R), naive.affine(X, dropped, b))
    DX, DW, Db = dropout_linear_backward(X, W, DY, R)
    assert_close(DX, naive.product(DY, dropped))
    assert_close(array(DW.on(W)), naive.product_on(stored(W), DY, X) * array(R))
    assert_close(Db, naive.columns(DY, sum))


def test_the_first_layer_needs_no_gradient_of_its_input(layer, rng):
    """`needs_DX` changes nothing but DX."""
    X, W, _, DY = layer
    R = mask_like(W, rng)
    for with_DX, without in (
        (linear_backward(X, W, DY), linear_backward(X, W, DY, needs_DX=False)),
        (dropout_linear_backward(X, W, DY, R), dropout_linear_backward(X, W, DY, R, needs_DX=False)),
    ):
        assert without[0] is None
        np.testing.assert_array_equal(array(without[1].on(W)), array(with_DX[1].on(W)))
        np.testing.assert_array_equal(without[2], with_DX[2])


def test_dropout_on_activations(layer, rng):
    X, _, _, _ = layer
    R = rng.choice([0.0, 2.0], X.shape).astype(X.dtype)
    assert_close(dropout(X, R), X * R)
    assert_close(dropout_backward(X, R), X * R)
