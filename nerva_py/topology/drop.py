"""Drop rules: which weights go. Counts are exact and ties are broken by place, whatever the weights are.

Formulas, with ζ the share to drop and nnz the number of weights of a layer:
- Magnitude(ζ): the ⌊ζ nnz⌋ smallest |w|
- SET(ζ): the ⌊ζ n₊⌋ smallest positive and the ⌊ζ n₋⌋ largest negative weights (0 counts as positive)     [arXiv:1707.04780]
- Threshold(τ): all with |w| ≤ τ
- GlobalMagnitude(ζ): the ⌊ζ Σ nnz⌋ smallest |w| of all layers together
- Taylor(ζ): the ⌊ζ nnz⌋ smallest (w g)², the first-order estimate of what the loss loses      [arXiv:1906.10771]
- Random(ζ): ⌊ζ nnz⌋ at random
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nerva_py.errors import NervaError
from nerva_py.parts import name_of, registry_of
from nerva_py.quantities import real
from nerva_py.sparse.selection import lowest, share

from .layer import TopologyLayer

Masks = list[np.ndarray]
Select = Callable[[Sequence[TopologyLayer], float, np.random.Generator], Masks]


@dataclass(frozen=True)
class Drop:
    """`select(layers, amount, rng)` marks the weights that go: for each layer (nnz,) booleans.

    `amount` is ζ or τ; while training it is multiplied by what the decay of the method says.
    """

    name: str
    amount: float
    select: Select

    def __call__(self, layers: Sequence[TopologyLayer], decay: float, rng: np.random.Generator) -> Masks:
        return self.select(layers, self.amount * decay, rng)


def by_score(
    score: Callable[[TopologyLayer, np.random.Generator], np.ndarray], zeta: float = 0.3, name: str | None = None
) -> Drop:
    """In each layer the ⌊ζ nnz⌋ weights of the lowest score(layer, rng), (nnz,): a drop rule of your own."""
    return Drop(name or score.__name__, checked_share(zeta), _LowestScores(score))


# What is selected stands in functions of the module, and in classes, so that a rule can be pickled.


@dataclass(frozen=True)
class _LowestScores:
    score: Callable[[TopologyLayer, np.random.Generator], np.ndarray]

    def __call__(self, layers: Sequence[TopologyLayer], zeta: float, rng: np.random.Generator) -> Masks:
        return [lowest(_checked(self.score(layer, rng), layer, self.score), share(zeta, layer.nnz)) for layer in layers]


def Magnitude(zeta: float = 0.3) -> Drop:
    """The ⌊ζ nnz⌋ smallest |w| of each layer."""
    return by_score(_magnitude, zeta, "Magnitude")


def _magnitude(layer: TopologyLayer, rng: np.random.Generator) -> np.ndarray:
    return np.abs(layer.values)


def SET(zeta: float = 0.3) -> Drop:
    """The ⌊ζ n₊⌋ smallest positive and the ⌊ζ n₋⌋ largest negative weights of each layer."""
    return Drop("SET", checked_share(zeta), _nearest_zero)


def _nearest_zero(layers: Sequence[TopologyLayer], zeta: float, rng: np.random.Generator) -> Masks:
    return [nearest_zero_of_each_sign(layer.values, zeta) for layer in layers]


def Threshold(tau: float) -> Drop:
    """All weights with |w| ≤ τ. Raises NervaError unless 0 ≤ τ < ∞."""
    return Drop("Threshold", real("tau", tau, 0, allowed="a finite τ ≥ 0"), _up_to)


def _up_to(layers: Sequence[TopologyLayer], tau: float, rng: np.random.Generator) -> Masks:
    return [np.abs(layer.values) <= tau for layer in layers]


def GlobalMagnitude(zeta: float = 0.3) -> Drop:
    """The ⌊ζ Σ nnz⌋ smallest |w| of all layers together."""
    return Drop("GlobalMagnitude", checked_share(zeta), _smallest)


def _smallest(layers: Sequence[TopologyLayer], zeta: float, rng: np.random.Generator) -> Masks:
    return smallest_of_all(layers, share(zeta, sum(layer.nnz for layer in layers)))


def Taylor(zeta: float = 0.3) -> Drop:
    """The ⌊ζ nnz⌋ smallest (w g)² of each layer, g the gradient of the last step."""
    return by_score(_loss_change, zeta, "Taylor")


def _loss_change(layer: TopologyLayer, rng: np.random.Generator) -> np.ndarray:
    gradient = layer.gradient
    if gradient is None:
        raise NervaError(f"Taylor needs the gradient of W{layer.number}, which there is only after a training step")
    return np.square(layer.values * gradient)


def Random(zeta: float = 0.3) -> Drop:
    """⌊ζ nnz⌋ weights of each layer, every set of that size equally likely."""
    return by_score(_any_order, zeta, "Random")


def _any_order(layer: TopologyLayer, rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(layer.nnz)


def nearest_zero_of_each_sign(values: np.ndarray, zeta: float) -> np.ndarray:
    """SET's choice among these weights: (nnz,) booleans.

    In the order of the weights, those to drop lie next to zero on both sides: only the two ends are looked for.
    """
    negative = values < 0
    negatives = int(np.count_nonzero(negative))
    chosen = np.zeros(values.size, bool)
    if count := share(zeta, negatives):
        end = np.partition(values, negatives - count)[negatives - count]
        chosen |= _with_ties(negative & (values > end), values == end, count)
    if count := share(zeta, values.size - negatives):
        end = np.partition(values, negatives + count - 1)[negatives + count - 1]
        chosen |= _with_ties(~negative & (values < end), values == end, count)
    return chosen


def _with_ties(nearer: np.ndarray, equal: np.ndarray, count: int) -> np.ndarray:
    """Those that are nearer to zero than the end, and of those equal to it the first, until they are `count`."""
    nearer[np.flatnonzero(equal)[: count - int(np.count_nonzero(nearer))]] = True
    return nearer


def smallest_of_all(layers: Sequence[TopologyLayer], count: int) -> Masks:
    """The `count` smallest |w| of all layers together, of equal ones those of the first layer first."""
    marked = lowest(np.concatenate([np.abs(layer.values) for layer in layers]), count)
    return np.split(marked, np.cumsum([layer.nnz for layer in layers])[:-1])


def checked_share(zeta: float, name: str = "zeta") -> float:
    """A share from 0 to 1. Raises NervaError for any other number."""
    return real(name, zeta, 0, 1)


def _checked(scores: np.ndarray, layer: TopologyLayer, score: Callable[..., object]) -> np.ndarray:
    scores = np.asarray(scores)
    if scores.shape != (layer.nnz,):
        raise NervaError(
            f"{name_of(score)} must return {layer.nnz} scores, one a weight of {layer!r}, not {scores.shape}"
        )
    # Weights that are NaN themselves are those of a run that diverges, which is told elsewhere.
    if scores.dtype.kind not in "buif" or (np.isnan(scores).any() and not np.isnan(layer.values).any()):
        raise NervaError(f"{name_of(score)} must return numbers without NaN for {layer!r}")
    return scores


DROP_RULES: dict[str, Callable[..., Drop]] = registry_of(Magnitude, SET, Threshold, GlobalMagnitude, Taylor, Random)
