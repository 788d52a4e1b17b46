from __future__ import annotations

import numpy as np
import pytest

from nerva_py.errors import NervaError, ShapeError
from nerva_py.network import BatchNormLayer, DropoutLayer, LinearLayer, mlp
from nerva_py.network.building import BETWEEN
from nerva_py.network.outputs import OUTPUTS
from nerva_py.network.parameter import vector_of
from nerva_py.sparse import DenseWeight, SparseWeight, erdos_renyi
from tests.samples import DTYPES


def weights(network):
    return [layer.W.value for layer in network.linear_layers]


def test_nervas_specification():
    network = mlp("ReLU;ReLU;Linear", [30, 20, 15, 10], overall_density=0.05, seed=1)
    assert network.sizes == [30, 20, 15, 10]
    assert [layer.output.name for layer in network.layers] == ["ReLU", "ReLU", "Linear"]
    assert [W.shape for W in weights(network)] == [(20, 30), (15, 20), (10, 15)]
    assert str(network).startswith("MLP(30-20-15-10; ReLU, ReLU, Linear; nnz=")


def test_the_density_is_shared_out_exactly():
    sizes = [100, 80, 60, 10]
    shapes = [(80, 100), (60, 80), (10, 60)]
    for distribution, expected in (("ErdosRenyi", erdos_renyi(shapes, 0.1)), ("Uniform", [0.1] * 3)):
        network = mlp("ReLU;ReLU;Linear", sizes, overall_density=0.1, distribution=distribution, seed=1)
        counts = [round(d * K * D) for d, (K, D) in zip(expected, shapes, strict=True)]
        assert [W.nnz for W in weights(network)] == counts
        assert network.nnz == sum(counts)
        assert network.dense_size == sum(K * D for K, D in shapes)
        assert network.density == sum(counts) / network.dense_size


@pytest.mark.parametrize("density", [0.0, 0.1, 0.5, 0.995, 0.999, 1.0])  # the last two are 200 of 200 weights
def test_a_layer_with_a_weight_everywhere_is_dense_and_every_other_one_sparse(density):
    network = mlp("Linear", [20, 10], layer_densities=[density], weights="PyTorch", seed=1)
    (W,) = weights(network)
    assert type(W) is (DenseWeight if density >= 0.999 else SparseWeight)
    assert W.nnz == round(density * 200) == np.count_nonzero(W.toarray())


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_layer_can_be_named_and_keeps_the_element_type(name, dtype, rng):
    network = mlp(f"{name};{name.lower()};Linear", [6, 5, 4, 3], overall_density=0.5, dtype=dtype, seed=1)
    Y, tapes = network.forward(np.asfortranarray(rng.standard_normal((7, 6)).astype(dtype)), rng)
    gradients = network.gradients(tapes, Y)
    assert Y.dtype == network.dtype == dtype
    assert {p.vector.dtype for p in network.parameters()} == {np.dtype(dtype)}
    assert {vector_of(gradient).dtype for gradient in gradients} == {np.dtype(dtype)}


@pytest.mark.parametrize("name", BETWEEN)
def test_layers_between(name):
    network = mlp(f"{name};ReLU;{name.lower()};Linear", [6, 5, 4], seed=1)
    kinds = [type(layer) for layer in network.layers]
    assert kinds == [BETWEEN[name], LinearLayer, BETWEEN[name], LinearLayer]
    if BETWEEN[name] is BatchNormLayer:
        assert [network.layers[i].gamma.value.shape[1] for i in (0, 2)] == [6, 5], "the width of what it normalises"


def test_arguments_of_layers():
    network = mlp("Dropout(0.3);LeakyReLU(0.2);BatchNormalization(epsilon=0.1, momentum=0.5);SReLU(0,0,0,1)", [4, 3, 2])
    dropout, leaky, norm, srelu = network.layers
    assert isinstance(dropout, DropoutLayer)
    assert dropout.rate == 0.3
    assert leaky.output.f.parameters == (0.2,)
    assert (norm.epsilon, norm.momentum) == (0.1, 0.5)
    np.testing.assert_array_equal(srelu.output.shape.value, [[0, 0, 0, 1]])


def test_all_relu_alternates_its_slope():
    network = mlp("AllReLU(0.6);BatchNorm;AllReLU(0.6);AllReLU(0.6);Linear", [6, 5, 4, 3, 2], seed=1)
    slopes = [layer.output.f.parameters[0] for layer in network.linear_layers[:-1]]
    assert slopes == [-0.6, 0.6, -0.6]


def test_one_initializer_for_all_or_one_for_each():
    zeros = mlp("ReLU;Linear", [6, 5, 4], weights="Zero;PyTorch", seed=1)
    assert not zeros.layers[0].W.value.data.any()
    assert zeros.layers[1].W.value.data.all()
    assert not mlp("ReLU;Linear", [6, 5, 4], weights="Zero", seed=1).layers[1].W.value.data.any()


def test_the_seed_decides():
    def numbers(seed):
        network = mlp("ReLU;Linear", [30, 20, 10], overall_density=0.3, seed=seed)
        return np.concatenate([p.vector for p in network.parameters()]), network.layers[0].W.value.support

    (one, support), (same, same_support), (other, _) = numbers(1), numbers(1), numbers(2)
    np.testing.assert_array_equal(one, same)
    assert support == same_support
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("backend", ["numba", "scipy"])
def test_the_backend_is_chosen_by_name(backend):
    (W,) = weights(mlp("Linear", [20, 10], overall_density=0.2, backend=backend))
    assert W.backend.name == backend


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"layers": "ReLU;Lin"}, NervaError, r"unknown layer 'Lin'.*AllReLU.*BatchNorm.*Dropout.*Linear.*Softmax"),
        ({"layers": "Relu6;Linear"}, NervaError, r"did you mean 'ReLU'\?"),
        ({"layers": "ReLU(1);Linear"}, NervaError, "too many positional arguments"),
        ({"layers": "ReLU"}, ShapeError, r"has 1 linear layers, layer_sizes \[6, 5, 4\] asks for 2"),
        ({"layers": ""}, ShapeError, "has 0 linear layers"),
        ({"layer_sizes": [6]}, ShapeError, "at least two positive integers"),
        ({"layer_sizes": [6, 0, 4]}, ShapeError, "at least two positive integers"),
        ({"layer_sizes": [6, 2.5, 4]}, ShapeError, "at least two positive integers"),
        ({"overall_density": 1.5}, NervaError, "overall_density must be a number from 0 to 1, not 1.5"),
        ({"overall_density": float("nan")}, NervaError, "overall_density must be a number"),
        ({"layer_densities": [0.5] * 3}, NervaError, "densities must be one, or 2"),
        ({"layer_densities": [0.5, -1]}, NervaError, r"densities\[1\] must be a number from 0 to 1"),
        ({"distribution": "ERK"}, NervaError, "unknown distribution 'ERK'. Known: ErdosRenyi, Uniform"),
        ({"weights": "Glorot"}, NervaError, "unknown initializer 'Glorot'.*Xavier"),
        ({"weights": "He;He;He"}, NervaError, "weights must be one, or 2"),
        ({"dropouts": [0.1] * 3}, NervaError, "dropouts must be one, or 2"),
        ({"dropouts": [0.1, 1.0]}, NervaError, "dropout rate must be at least 0 and less than 1, not 1.0"),
        ({"layers": "Dropout(1.5);ReLU;Linear"}, NervaError, "dropout rate"),
        ({"layers": "BatchNorm(0);ReLU;Linear"}, NervaError, "epsilon > 0"),
        ({"backend": "cuda", "overall_density": 0.1}, NervaError, "unknown backend 'cuda'"),
        ({"dtype": np.float16}, ShapeError, "float32 or float64"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_cannot_be_built(arguments, error, message):
    with pytest.raises(error, match=message):
        mlp(**{"layers": "ReLU;Linear", "layer_sizes": [6, 5, 4], **arguments})
