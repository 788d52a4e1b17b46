"""How many weights each layer gets: uniform, Erdős–Rényi, per layer.        [arXiv:1707.04780 (SET), arXiv:1911.11134 (RigL)]

A layer is (K, D) = (outputs, inputs); d_l is the share of its K·D positions that are stored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from nerva_py.errors import NervaError
from nerva_py.quantities import real

Shapes = Sequence[tuple[int, int]]


def nonzeros(density: float, shape: tuple[int, int]) -> int:
    """round(density·K·D), exactly as many weights as a layer of that density stores."""
    return round(checked_density(density) * shape[0] * shape[1])


def checked_density(density: float, name: str = "density") -> float:
    """A finite number from 0 to 1; else an error that names it."""
    return real(name, density, 0, 1)


def uniform(shapes: Shapes, density: float) -> list[float]:
    """d_l = D for every layer."""
    return [checked_density(density)] * len(shapes)


def erdos_renyi(shapes: Shapes, density: float) -> list[float]:
    """d_l = ε (K + D) / (K·D) with ε such that Σ d_l K D = density Σ K D; layers that would pass 1 are dense.

    RigL's Erdős–Rényi-kernel distribution, which for an MLP is Erdős–Rényi under a global budget.
    """
    density = checked_density(density)
    raw = [(K + D) / (K * D) for K, D in shapes]
    sizes = [K * D for K, D in shapes]
    dense: set[int] = set()
    while len(dense) < len(shapes):
        sparse = [layer for layer in range(len(shapes)) if layer not in dense]
        budget = sum(density * sizes[layer] for layer in sparse) - sum((1 - density) * sizes[layer] for layer in dense)
        epsilon = max(budget, 0) / sum(raw[layer] * sizes[layer] for layer in sparse)
        largest = max(raw[layer] for layer in sparse)
        if epsilon * largest < 1 - 1e-12:
            return [1.0 if layer in dense else epsilon * raw[layer] for layer in range(len(shapes))]
        dense |= {layer for layer in sparse if math.isclose(raw[layer], largest, rel_tol=1e-12)}
    return [1.0] * len(shapes)


def erdos_renyi_epsilon(shapes: Shapes, epsilon: float) -> list[float]:
    """d_l = min(1, ε (K + D) / (K·D)) for a given ε: about ε connections a neuron, as SET writes it.

    Raises NervaError for a negative ε.
    """
    epsilon = real("epsilon", epsilon, 0)
    return [min(1.0, epsilon * (K + D) / (K * D)) for K, D in shapes]


def per_layer(shapes: Shapes, densities: Sequence[float]) -> list[float]:
    """The given densities, one for each layer. Raises NervaError for another number of them, or for one outside 0 to 1."""
    if len(densities) != len(shapes):
        raise NervaError(
            f"densities must be {len(shapes)} numbers, one a layer, not {len(densities)}: {list(densities)}"
        )
    return [checked_density(d, f"densities[{layer}]") for layer, d in enumerate(densities)]


DISTRIBUTIONS = {"ErdosRenyi": erdos_renyi, "Uniform": uniform}
