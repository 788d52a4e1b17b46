"""From specification to network: which layers, of which density, stored how, with which initial weights."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from nerva_py import quantities
from nerva_py.errors import NervaError, ShapeError
from nerva_py.parts import find
from nerva_py.quantities import as_integer, element_type
from nerva_py.sparse import Support, Weight, densities, nonzeros
from nerva_py.sparse.storage import stored
from nerva_py.sparse.support import FullSupport

from .initializers import INITIALIZERS, Initializer
from .layers import BatchNormLayer, DropoutLayer, Layer, LinearLayer
from .mlp import MLP
from .outputs import OUTPUTS, make_output
from .specs import build, parse, split

BETWEEN: dict[str, Callable[..., Layer]] = {
    "BatchNormalization": BatchNormLayer, "BatchNorm": BatchNormLayer, "Dropout": DropoutLayer
}  # fmt: skip
Item = TypeVar("Item")
LAYERS = ChainMap[str, Any](OUTPUTS, BETWEEN)  # all that a specification can name


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
    (ErdosRenyi or Uniform), or `layer_densities` gives one density for all linear layers or one a linear layer. `weights`:
    initializer, one for all or one a layer. `dropouts`: rate of dropout on the weights of a linear layer, as well. A layer of
    density 1 is stored as a dense
    array, every other one in CSR.
    Raises NervaError for an unknown name and for a number that is out of range, ShapeError for sizes that do not fit.
    """
    names = split(layers) if isinstance(layers, str) else list(layers)
    shapes = checked_sizes(layer_sizes)
    linear_count = sum(not is_between(name) for name in names)
    if linear_count != len(shapes):
        given = f"layers {';'.join(names)!r} has {linear_count} linear layers"
        raise ShapeError(f"{given}, layer_sizes {list(layer_sizes)} asks for {len(shapes)}")
    chosen = choose_densities(shapes, overall_density, layer_densities, distribution)
    initializers = one_for_each(split(weights) if isinstance(weights, str) else list(weights), len(shapes), "weights")
    rates = one_for_each(list(dropouts) if dropouts is not None else [0.0], len(shapes), "dropouts")
    rng, dtype = np.random.default_rng(quantities.seed(seed)), element_type(dtype)

    result: list[Layer] = []
    position = 0
    for name in names:
        place: dict[str, Any] = {
            "D": shapes[position - 1][0] if position else shapes[0][1],
            "dtype": dtype,
            "position": position,
        }
        if is_between(name):
            result.append(build("layer", name, BETWEEN, **place))
            continue
        shape = shapes[position]
        initializer = build("initializer", initializers[position], INITIALIZERS)
        W = make_weight(shape, chosen[position], initializer, rng, dtype, backend)
        b = initializer.biases(shape, rng).astype(dtype)
        layer = LinearLayer(W, b, make_output(name, **place | {"D": shape[0]}), rates[position])
        layer.astype(dtype)
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
    """A weight matrix of that density: a dense array where every position has a weight, else in CSR."""
    nnz = nonzeros(density, shape)
    support = FullSupport(shape) if nnz == shape[0] * shape[1] else Support.random(shape, nnz, rng)
    return stored(support, initializer.weights(shape, np.diff(support.indptr), rng).astype(dtype), backend)


def choose_densities(
    shapes: Sequence[tuple[int, int]],
    overall_density: float,
    layer_densities: Sequence[float] | None,
    distribution: str,
) -> list[float]:
    """One density a layer."""
    if layer_densities is not None:
        return densities.per_layer(shapes, one_for_each(layer_densities, len(shapes), "densities"))
    known = find("distribution", distribution, densities.DISTRIBUTIONS)
    return densities.DISTRIBUTIONS[known](shapes, densities.checked_density(overall_density, "overall_density"))


def checked_sizes(layer_sizes: Sequence[int]) -> list[tuple[int, int]]:
    """The shapes (K, D) of the weight matrices between layers of these sizes."""
    given = list(layer_sizes)
    sizes = [size for one in given if (size := as_integer(one)) is not None and size > 0]
    if len(given) < 2 or len(sizes) < len(given):
        raise ShapeError(f"layer_sizes must be at least two positive integers, inputs first, not {given}")
    return [(K, D) for D, K in pairwise(sizes)]


def one_for_each(items: Sequence[Item], count: int, name: str) -> list[Item]:
    """One item for each layer; a single one serves all."""
    if len(items) not in (1, count):
        raise NervaError(
            f"{name} must be one, or {count}, one a linear layer; got {len(items)}: {';'.join(map(str, items))}"
        )
    return list(items) * (count if len(items) == 1 else 1)


def is_between(spec: str) -> bool:
    """Whether a specification names a layer that stands between linear ones. Raises NervaError for a name of no layer."""
    return find("layer", parse("layer", spec)[0], LAYERS) in BETWEEN
