"""Views for a pass of several ranks: gradients and batch normalization that see the samples of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from nerva_py.matrix import Outer, stack_rows, updated
from nerva_py.matrix.outer import Term
from nerva_py.network import BatchNormLayer, Layer
from nerva_py.network.layers import BatchNormTape
from nerva_py.network.outputs import Gradients

from .ranks import Ranks


class SharedOuter(Outer):
    """DZᵀ X of the mini-batch of all ranks, of which this one has some terms. On the support of W the values are known; asked
    for others, all ranks must ask together."""

    __slots__ = ("W", "ranks", "steps", "values")

    def __init__(self, ranks: Ranks, W: Any, values: Any, own: Sequence[Outer]):
        self.ranks, self.W, self.values = ranks, W, values
        self.terms = tuple(term for outer in own for term in outer.terms)
        self.steps: tuple[tuple[Term, ...], ...] = (self.terms,)  # of the steps that were added up

    def __add__(self, other: Outer) -> SharedOuter:
        assert isinstance(other, SharedOuter)
        total = SharedOuter(self.ranks, None, None, [])
        total.terms, total.steps = self.terms + other.terms, self.steps + other.steps
        return total

    def on(self, W: Any) -> Any:
        if self.W is not None and W.support is self.W.support:
            return self.values
        DZ, X = self.stacked()
        return Outer(DZ, X).on(W)

    def update(self, f: Any, W: Any, states: Sequence[Any], constants: Sequence[Any]) -> tuple[Any, Any]:
        return updated(f, W, self.values, states, constants)

    def stacked(self) -> tuple[Any, Any]:
        """(DZ, X) of all ranks, step by step and rank by rank."""
        steps = [self.ranks.from_all([tuple(term)[:2] for term in terms]) for terms in self.steps]
        pairs = [pair for everyone in steps for own in everyone for pair in own]
        DZ, X = ([pair[place] for pair in pairs] for place in (0, 1))
        return stack_rows(*DZ), stack_rows(*X)


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
