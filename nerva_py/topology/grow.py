"""Grow rules: where new weights go. Always outside the weights that are kept, always exactly as many as are asked for.

G = DZᵀ X is the gradient of every position of W, those without a weight included.
- Random: every set of free positions equally likely
- Gradient (RigL): the largest |G|, exactly; a position that was dropped in the same update may come back as it was
  [arXiv:1911.11134]
- Guided (GSE): the largest |G| among about nnz random candidates, drawn with probability ∝ Σ_n |x_nd| Σ_n |δ_nk|; the cost
  does not depend on K·D      [arXiv:2401.06898]
- RandomUnfired: at random among the positions that have never had a weight, then among the others     [arXiv:2102.02887]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nerva_py.errors import NervaError
from nerva_py.parts import registry_of
from nerva_py.quantities import integer, real
from nerva_py.sparse import Support
from nerva_py.sparse.gradient_growth import largest_among
from nerva_py.sparse.growth import merged, random_free, without

from .layer import TopologyLayer

Positions = Support | tuple[np.ndarray, np.ndarray]
Choose = Callable[[TopologyLayer, Support, int, np.random.Generator], Positions]


@dataclass(frozen=True)
class Grow:
    """`choose(layer, kept, count, rng)` returns `count` positions outside `kept`: a Support, or (rows, columns).

    `batches`: of how many steps `layer.outer` is to be the gradient, 0 if it is not looked at. `returning`: whether a
    position that was dropped in the same update comes back with its weight and its optimizer state. Raises NervaError when
    called, if the rule returns other than `count` positions of the layer.
    """

    name: str
    choose: Choose
    batches: int = 1
    returning: bool = False
    needs_bits: bool = False  # whether it asks which positions have ever had a weight

    def __call__(self, layer: TopologyLayer, kept: Support, count: int, rng: np.random.Generator) -> Support:
        chosen = self.choose(layer, kept, count, rng)
        if not isinstance(chosen, Support):
            if not isinstance(chosen, Sequence) or len(chosen) != 2:
                raise NervaError(
                    f"grow rule {self.name} for {layer!r} must return a Support or (rows, columns), not {chosen!r}"
                )
            try:
                chosen = Support.at(layer.shape, *chosen)
            except (NervaError, TypeError, ValueError) as error:
                raise NervaError(f"grow rule {self.name} for {layer!r}: {error}") from error
        if chosen.shape != layer.shape or chosen.nnz != count:
            raise NervaError(f"grow rule {self.name} must return {count} positions for {layer!r}, not {chosen!r}")
        return chosen


def Random() -> Grow:
    """Every set of free positions equally likely. O(nnz + count log count)."""
    return Grow("Random", _anywhere, batches=0)


# What is chosen stands in functions of the module, and in classes, so that a rule can be pickled.


def _anywhere(layer: TopologyLayer, kept: Support, count: int, rng: np.random.Generator) -> Support:
    return random_free(kept, count, rng)


def Gradient(batches: int = 1) -> Grow:
    """The largest |G|, exactly, G the gradient over the last `batches` steps. O(N·K·D) time, O(count) memory."""
    return Grow("Gradient", _largest_gradient, integer("batches", batches, 1), returning=True)


def _largest_gradient(layer: TopologyLayer, kept: Support, count: int, rng: np.random.Generator) -> Support:
    return layer.outer.largest(count, kept)


def Guided(candidates: float = 1.0, batches: int = 1) -> Grow:
    """The largest |G| among candidates·nnz positions, drawn with probability ∝ Σ|x_d| Σ|δ_k|. O(N·nnz + K + D).

    Raises NervaError unless `candidates` is positive.
    """
    return Grow(
        "Guided",
        _LargestOfCandidates(real("candidates", candidates, above=0, allowed="a positive number")),
        integer("batches", batches, 1),
    )


@dataclass(frozen=True)
class _LargestOfCandidates:
    candidates: float

    def __call__(self, layer: TopologyLayer, kept: Support, count: int, rng: np.random.Generator) -> Support:
        DZ, X = layer.outer.stacked()
        n = max(count, round(self.candidates * layer.nnz))
        rows = draw(np.abs(DZ).sum(axis=0), n, rng)
        strengths: np.ndarray = abs(X).sum(axis=0)
        columns = rng.permutation(draw(strengths, n, rng))
        proposed = without(Support.among(layer.shape, rows, columns), kept)
        if proposed.nnz <= count:  # too few different free ones: the others at random
            taken = merged(kept, proposed)
            return merged(proposed, random_free(taken, count - proposed.nnz, rng))
        return largest_among(proposed, DZ, X, count)


def RandomUnfired() -> Grow:
    """At random among the positions that never had a weight, then, when they are used up, among the other free ones."""
    return Grow("RandomUnfired", _unfired_first, batches=0, needs_bits=True)


def _unfired_first(layer: TopologyLayer, kept: Support, count: int, rng: np.random.Generator) -> Support:
    fresh = layer.coverage.random_unfired(min(count, layer.coverage.unfired), rng)
    if fresh.nnz == count:
        return fresh
    return merged(fresh, random_free(merged(kept, fresh), count - fresh.nnz, rng))


def draw(weights: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """n numbers in rising order, i with probability ∝ weights[i]; all equally likely where all weights are 0."""
    cumulative = np.cumsum(weights, dtype=np.float64)
    if not cumulative[-1] > 0:
        cumulative = np.arange(1.0, weights.size + 1)
    where = rng.random(n) * cumulative[-1]
    where.sort()  # many times faster to look up than in random order
    return np.minimum(np.searchsorted(cumulative, where, side="right"), weights.size - 1)


def resolve(rule: Grow | Choose) -> Grow:
    """A plain function is a rule, too: it may look at the gradient of the last step, `layer.outer`."""
    return rule if isinstance(rule, Grow) else Grow(getattr(rule, "__name__", "grow"), rule)


GROW_RULES: dict[str, Callable[..., Grow]] = registry_of(Random, Gradient, Guided, RandomUnfired)
