"""Views for a pass of several ranks: gradients and batch normalization that see the samples of all of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from nerva_py.matrix import Outer, updated
from nerva_py.matrix.outer import Term
from nerva_py.network import BatchNormLayer, Layer
from nerva_py.network.layers import BatchNormTape
from nerva_py.network.outputs import Gradients

from .ranks import Ranks


class SharedOuter(Outer):
    """DZᵀ X of the mini-batch of all ranks, of which this one has the terms of its shards.

    On the support that W had in the pass the values are known. Where anything else is asked for, all ranks must ask together.
    """

    __slots__ = ("W", "ranks", "values")

    def __init__(self, ranks: Ranks, W: Any, values: Any, own: Iterable[Outer]):
        self.ranks, self.W, self.values = ranks, W, values
        self.terms: tuple[Term, ...] = tuple(term for outer in own for term in outer.terms)

    @property
    def shape(self) -> tuple[Any, Any]:
        shape: tuple[Any, Any] = self.W.shape
        return shape

    def on(self, W: Any) -> Any:
        return self.values if _same_support(W, self.W) else self.gathered().on(W)

    def update(self, f: Any, W: Any, states: Sequence[Any], constants: Sequence[Any]) -> tuple[Any, Any]:
        return updated(f, W, self.on(W), states, constants)

    def stacked(self) -> tuple[Any, Any]:
        return self.gathered().stacked()

    def gathered(self) -> Outer:
        """The terms of all ranks, rank by rank; of a mask the numbers are enough, as it is like W."""
        own = [(DZ, X, None if R is None else R.data) for DZ, X, R in self.terms]
        everyone = itertools.chain.from_iterable(self.ranks.from_all(own))
        return Outer.of(Term(DZ, X, None if mask is None else self.W.like(mask)) for DZ, X, mask in everyone)


def _same_support(V: Any, W: Any) -> bool:
    same: bool = V is W or V.support == W.support
    return same


class SynchronousTape(NamedTuple):
    """The tape of the batch of all ranks, and which of its rows are this one's."""

    whole: BatchNormTape
    own: slice


class SynchronousBatchNorm(Layer):
    """A batch normalization whose batch is that of all ranks; it shares the parameters and buffers of the plain layer."""

    def __init__(self, layer: BatchNormLayer, ranks: Ranks):
        self.layer, self.ranks = layer, ranks
        self.parameters = layer.parameters
        self.buffers = layer.buffers  # type: ignore[misc]

    def forward(self, X: Any, rng: Any = None) -> tuple[Any, SynchronousTape]:
        counts = self.ranks.from_all(X.shape[0])
        start = sum(counts[: self.ranks.rank])
        own = slice(start, start + X.shape[0])
        Y, tape = self.layer.forward(self.ranks.rows(X), rng)
        return Y[own], SynchronousTape(tape, own)

    def backward(self, tape: SynchronousTape, DY: Any, needs_DX: bool = True) -> tuple[Any, Gradients]:
        DX, gradients = self.layer.backward(tape.whole, self.ranks.rows(DY), needs_DX)
        if self.ranks.rank:  # the gradients of all ranks are added up, and this one is of the whole batch
            gradients = tuple(0 * gradient for gradient in gradients)
        return DX if DX is None else DX[tape.own], gradients

    def store(self, tape: SynchronousTape) -> None:
        self.layer.store(tape.whole)
