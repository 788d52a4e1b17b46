"""The dtype law: what goes in as float32 comes out as float32, what goes in as float64 as float64; in every equation."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from nerva_py.equations import activation_layer, activations, batch_norm, dropout, linear, losses, softmax
from nerva_py.matrix import Outer
from nerva_py.matrix.dispatch import Primitive
from tests.samples import DTYPES, batch, dense, sparse

N, D, K = 6, 5, 4
MODULES = (activation_layer, activations, batch_norm, dropout, linear, losses, softmax)
F = activations.SReLU(0.1, -0.5, 0.3, 0.6)


class Inputs:
    """Matrices of one element type, under the names that the equations use."""

    def __init__(self, dtype, W):
        rng = np.random.default_rng(0)
        self.X, self.DX = batch(rng, N, D, dtype), batch(rng, N, D, dtype)
        self.Z, self.DY = batch(rng, N, K, dtype), batch(rng, N, K, dtype)
        self.Y, self.T = np.exp(batch(rng, N, K, dtype)), np.exp(batch(rng, N, K, dtype))
        self.W, self.R, self.b = W, W.like(W.data + 1), np.ones((1, K), dtype)
        self.w = np.exp(batch(rng, N, 1, dtype))
        self.row, self.beta, self.variance = (np.exp(batch(rng, 1, D, dtype)) for _ in range(3))


PAIR = ("Y", "T")
EPSILON = 1e-5
# equation -> arguments; a string is the name of an input
CASES = {
    linear.linear: ("X", "W", "b"),
    linear.linear_backward: ("X", "W", "DY"),
    activation_layer.activation_layer: ("X", "W", "b", F),
    dropout.dropout: ("X", "DX"),
    dropout.dropout_backward: ("DX", "X"),
    dropout.dropout_linear: ("X", "W", "b", "R"),
    dropout.dropout_linear_backward: ("X", "W", "DY", "R"),
    activations.srelu_parameter_gradients: ("DY", "Z", *F.parameters),
    softmax.shifted: ("Z",),
    softmax.softmax: ("Z",),
    softmax.softmax_definition: ("Z",),
    softmax.softmax_backward: ("Y", "DY"),
    softmax.softmax_backward_paper: ("Y", "DY"),
    softmax.softmax_jacobian: ("b",),
    softmax.log_softmax: ("Z",),
    softmax.log_softmax_definition: ("Z",),
    softmax.log_softmax_backward: ("Y", "DY"),
    softmax.log_softmax_backward_paper: ("Z", "DY"),
    softmax.log_softmax_jacobian: ("b",),
    batch_norm.centred: ("X", "row"),
    batch_norm.scaled: ("X", "row"),
    batch_norm.scale_and_shift_parameter_gradients: ("X", "DX"),
    batch_norm.standardize: ("X", EPSILON),
    batch_norm.variance_paper: ("X",),
    batch_norm.scale_and_shift: ("X", "row", "beta"),
    batch_norm.batch_norm: ("X", "row", "beta", EPSILON),
    batch_norm.batch_norm_backward: ("X", "variance", "row", "DX", EPSILON),
    batch_norm.batch_norm_input_gradient_paper: ("X", "variance", "row", "DX", EPSILON),
    batch_norm.batch_norm_evaluation: ("X", "row", "beta", "beta", "variance", EPSILON),
    batch_norm.batch_norm_evaluation_backward: ("X", "row", "beta", "variance", "DX", EPSILON),
    batch_norm.running_average: ("row", "beta", 0.1),
    batch_norm.unbiased_variance: ("variance", N),
    **{loss.gradient: PAIR for loss in losses.LOSSES.values()},
    **{loss.total: PAIR for loss in losses.LOSSES.values()},
    **{loss.samples: PAIR for loss in losses.LOSSES.values()},
    **{loss.__call__: PAIR for loss in losses.LOSSES.values()},
}


def leaves(result, W):
    if isinstance(result, tuple):
        for part in result:
            yield from leaves(part, W)
    elif isinstance(result, Outer):
        yield result.on(W)
        yield result.column_maxima()
    else:
        yield result


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("weight", [sparse, dense])
@pytest.mark.parametrize("equation", CASES, ids=lambda equation: equation.__qualname__)
def test_the_element_type_is_kept(equation, weight, dtype):
    inputs = Inputs(dtype, weight(np.random.default_rng(1), K, D, dtype=dtype))
    arguments = [getattr(inputs, a) if isinstance(a, str) else a for a in CASES[equation]]
    for result in leaves(equation(*arguments), inputs.W):
        assert result.dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("weighting", [(), ("w",), ("w", 7.5), (None, 7.5)], ids=str)
@pytest.mark.parametrize("loss", losses.LOSSES.values(), ids=losses.LOSSES)
def test_gradients_of_the_mean_loss_keep_the_element_type(loss, weighting, dtype):
    inputs = Inputs(dtype, sparse(np.random.default_rng(1), K, D, dtype=dtype))
    arguments = [getattr(inputs, a) if isinstance(a, str) else a for a in (*PAIR, *weighting)]
    assert loss.mean_gradient(*arguments).dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("name", ["ReLU", "LeakyReLU", "AllReLU", "TReLU", "Sigmoid", "HyperbolicTangent", "SReLU"])
def test_activations_keep_the_element_type(name, dtype):
    f, inputs = getattr(activations, name)(), Inputs(dtype, sparse(np.random.default_rng(1), K, D, dtype=dtype))
    assert {f(inputs.Z).dtype, f.gradient(inputs.Z).dtype, f.backward(inputs.DY, inputs.Z).dtype} == {np.dtype(dtype)}


def _is_equation(value):
    return inspect.isfunction(value) or isinstance(value, Primitive)


def test_every_equation_is_tested():
    """Functions of numbers (activations, updates, schedules) apart, which have no element type."""
    equations = {
        function
        for module in MODULES
        for name, function in inspect.getmembers(module, _is_equation)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and (module is not activations or "parameter_gradients" in name)
    }
    assert equations <= set(CASES)
