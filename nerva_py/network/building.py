"""From specification to network: which layers, of which density, stored how, with which initial weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nerva_py.errors import NervaError, ShapeError, unknown
from nerva_py.sparse import DenseWeight, Support, Weight, densities, nonzeros
from nerva_py.sparse.storage import stored

from .initializers import INITIALIZERS, Initializer
from .layers import BatchNormLayer, DropoutLayer, Layer, LinearLayer
from .mlp import MLP
from .outputs import OUTPUTS, Output, Pointwise
from .specs import build, split

BETWEEN = {"BatchNormalization": BatchNormLayer, "BatchNorm": BatchNormLayer, "Dropout": DropoutLayer}
LAYERS: dict[str, Callable[..., Any]] = {**OUTPUTS, **BETWEEN}  # all that a specification can name


def mlp(
    layers: str | Sequence[str],
    layer_sizes: Sequence[int],
    *,
    overall_density: float = 1.0,
    layer_densities: Sequence[float] | None = None,
    distribution: str = "ErdosRenyi",
    weights: str | Sequence[str] = "Xavier",
    dropouts: Sequence[float] | None = None,
    dtype: DTypeLike = np.float32,
    backend: str = "numba",
    seed: int | np.random.Generator | None = None,
) -> MLP:
    """A network from Nerva's specification strings.

    `layers`: "ReLU;ReLU;Linear", one name a linear layer; "BatchNormalization" and "Dropout(0.3)" may stand between.
    `layer_sizes`: [3072, 1024, 512, 10], inputs first. `overall_density` is shared out by `distribution`
    (ErdosRenyi or Uniform), or `layer_densities` gives one density a linear layer. `weights`: initializer, one for all or
    one a layer. `dropouts`: rate of dropout on the weights of each linear layer. A layer above the break-even density is
    stored as a dense array, with the same number of nonzeros; see `break_even_density`.
    Raises NervaError for an unknown name and for a number that is out of range, ShapeError for sizes that do not fit.
    """
    names = split(layers) if isinstance(layers, str) else list(layers)
    shapes = checked_sizes(layer_sizes)
    linear_count = sum(_between_name(name) is None for name in names)
    if linear_count != len(shapes):
        given = f"layers {';'.join(names)!r} has {linear_count} linear layers"
        raise ShapeError(f"{given}, layer_sizes {list(layer_sizes)} asks for {len(shapes)}")
    chosen = choose_densities(shapes, overall_density, layer_densities, distribution)
    initializers = one_for_each(split(weights) if isinstance(weights, str) else list(weights), len(shapes), "weights")
    rates = list(dropouts) if dropouts is not None else [0.0] * len(shapes)
    if len(rates) != len(shapes):
        raise NervaError(f"dropouts must be {len(shapes)} rates, one a linear layer, not {rates}")
    rng = np.random.default_rng(seed)

    result: list[Layer] = []
    position = 0
    for name in names:
        if _between_name(name):
            width = shapes[position - 1][0] if position else shapes[0][1]
            result.append(_between(name, width, dtype))
            continue
        shape = shapes[position]
        initializer = build("initializer", initializers[position], INITIALIZERS)
        W = make_weight(shape, chosen[position], initializer, rng, dtype, backend)
        b = initializer.biases(shape, rng).astype(dtype)
        output: Output = build("layer", name, LAYERS)
        alternate_all_relu(output, position)
        layer = LinearLayer(W, b, output, rates[position])
        layer.astype(np.dtype(dtype))
        result.append(layer)
        position += 1
    return MLP(result)


def make_weight(
    shape: tuple[int, int],
    density: float,
    initializer: Initializer,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float32,
    backend: str = "numba",
) -> Weight:
    """A weight matrix of that density: in CSR up to the break-even density, above it as a dense array (with a mask that
    keeps the other positions at zero). A density of 1 is always dense."""
    K, D = shape
    if density == 1:
        return DenseWeight(initializer.weights(shape, np.full(K, D), rng).astype(dtype).reshape(shape), None, backend)
    support = Support.random(shape, nonzeros(density, shape), rng)
    return stored(support, initializer.weights(shape, np.diff(support.indptr), rng).astype(dtype), (), backend)[0]


def choose_densities(
    shapes: Sequence[tuple[int, int]],
    overall_density: float,
    layer_densities: Sequence[float] | None,
    distribution: str,
) -> list[float]:
    """One density a layer."""
    if layer_densities is not None:
        return densities.per_layer(shapes, layer_densities)
    if distribution not in densities.DISTRIBUTIONS:
        raise unknown("distribution", distribution, densities.DISTRIBUTIONS)
    return densities.DISTRIBUTIONS[distribution](shapes, densities.checked_density(overall_density, "overall_density"))


def checked_sizes(layer_sizes: Sequence[int]) -> list[tuple[int, int]]:
    """The shapes (K, D) of the weight matrices between layers of these sizes."""
    sizes = list(layer_sizes)
    if len(sizes) < 2 or not all(isinstance(size, int | np.integer) and size > 0 for size in sizes):
        raise ShapeError(f"layer_sizes must be at least two positive integers, inputs first, not {sizes}")
    return [(int(K), int(D)) for D, K in pairwise(sizes)]


def one_for_each(items: Sequence[str], count: int, name: str) -> list[str]:
    """One item for each layer; a single one serves all."""
    if len(items) not in (1, count):
        raise NervaError(f"{name} must be one, or {count}, one a linear layer; got {len(items)}: {';'.join(items)}")
    return list(items) * (count if len(items) == 1 else 1)


def _between_name(name: str) -> str | None:
    """The name in BETWEEN that a spec string begins with, without regard to case; None if it begins with another."""
    kind = name.partition("(")[0].strip().lower()
    return next((known for known in BETWEEN if known.lower() == kind), None)


def _between(name: str, width: int, dtype: DTypeLike) -> Layer:
    """A layer that maps `width` features to as many."""
    kind = _between_name(name)
    assert kind is not None
    if BETWEEN[kind] is DropoutLayer:
        return build("layer", name, {kind: DropoutLayer})

    def batch_norm(epsilon: float = 1e-5, momentum: float = 0.1) -> BatchNormLayer:
        return BatchNormLayer(width, dtype, epsilon, momentum)

    return build("layer", name, {kind: batch_norm})


def alternate_all_relu(output: Output, position: int) -> None:
    """All-ReLU has slopes −α, +α, −α, ... in hidden layers 1, 2, 3, ..."""
    if isinstance(output, Pointwise) and output.f.name == "AllReLU":
        (alpha,) = output.f.parameters
        output.f = replace(output.f, parameters=(-alpha if position % 2 == 0 else alpha,))
