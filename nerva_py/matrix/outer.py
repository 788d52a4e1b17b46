"""`Outer`: a product that waits for its support.

The gradient of a weight matrix is DZᵀ X. Of a truly sparse W only the values on its support are ever asked for, by dynamic
topologies now and then the largest elsewhere. So the backward equations return the two factors, and what is asked for decides
what is computed: the dense gradient exists only as a question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from .primitives import column_maxima, hadamard, largest_products, product_on, stack_rows, updated


class Term(NamedTuple):
    """DZ (N, K), X (N, D), and the mask R of a weight dropout, like W, or None."""

    DZ: Any
    X: Any
    R: Any = None


class Outer:
    """Σ (DZᵀ X) ⊙ R over one or more terms, (K, D), not computed yet; a term for each batch, or each shard of one."""

    __slots__ = ("terms",)

    def __init__(self, DZ: Any, X: Any, R: Any = None):
        self.terms: tuple[Term, ...] = (Term(DZ, X, R),)

    @property
    def shape(self) -> tuple[Any, Any]:
        """(K, D)"""
        DZ, X, _ = self.terms[0]
        return DZ.shape[1], X.shape[1]

    @classmethod
    def of(cls, terms: Iterable[Term]) -> Outer:
        """The sum of these terms."""
        total = object.__new__(Outer)
        total.terms = tuple(terms)
        return total

    def __add__(self, other: Outer) -> Outer:
        return Outer.of(self.gathered().terms + other.gathered().terms)

    def gathered(self) -> Outer:
        """With all terms in this process: itself, unless others have some (`distributed.views`)."""
        return self

    def on(self, W: Any) -> Any:
        """Σ (DZᵀ X) ⊙ R on the support of W        -> like W; the terms are added as `tree_sum` says"""
        values = [_values(W, *term) for term in self.terms]
        return values[0] if len(values) == 1 else tree_sum(values)

    def update(self, f: Callable[..., Any], W: Any, states: Sequence[Any], constants: Sequence[Any]) -> tuple[Any, Any]:
        """W, s₁, ... = f(W, G, s₁, ..., c₁, ...) with G = `self.on(W)`        -> W, (s₁, ...); see `updated`"""
        return updated(f, W, self.on(W), states, constants)

    def largest(self, count: int, outside: Any, rows: Any = None, columns: Any = None) -> Any:
        """The `count` positions outside a support with the largest |Σ DZᵀ X|, masks apart; see `largest_products`."""
        return largest_products(outside, *self.stacked(), count, rows, columns)

    def column_maxima(self) -> Any:
        """The largest |Σ DZᵀ X| of each column, (D,), masks apart."""
        return column_maxima(*self.stacked())

    def stacked(self) -> tuple[Any, Any]:
        """(DZ, X) of all terms, one below the other: their one product is the sum of the terms' products, masks apart."""
        if len(self.terms) == 1:
            return self.terms[0][:2]
        return stack_rows(*(term.DZ for term in self.terms)), stack_rows(*(term.X for term in self.terms))


def _values(W: Any, DZ: Any, X: Any, R: Any) -> Any:
    G = product_on(W, DZ.T, X)
    return G if R is None else hadamard(G, R)


def tree_sum(terms: Sequence[Any]) -> Any:
    """Neighbours are added, then neighbours among the sums, ...: ((t₀ + t₁) + (t₂ + t₃)) + ...

    So processes that hold 2ʲ neighbouring terms each can add up their own ones first without changing a bit of the result.
    """
    level = list(terms)
    while len(level) > 1:
        pairs = [level[k] + level[k + 1] for k in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]
