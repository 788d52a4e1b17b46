"""`DynamicTopology`: the callback that changes the topology while training goes on. A method is one with other parts."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nerva_py.checkpoints import fields
from nerva_py.checkpoints.generators import build_generator, generator_tree
from nerva_py.engine import SparseBatch, batch_layout
from nerva_py.errors import NervaError
from nerva_py.network import Layer, LinearLayer
from nerva_py.network.initializers import INITIALIZERS
from nerva_py.network.outputs import Output, Pointwise
from nerva_py.network.specs import build
from nerva_py.quantities import real
from nerva_py.sparse import Remap, SparseWeight
from nerva_py.sparse.gradient_growth import largest_among
from nerva_py.sparse.growth import random_free
from nerva_py.sparse.storage import backend_name
from nerva_py.training import Callback, Epoch, Optimizer, Order, Run, intervals

from . import measures
from .decays import DECAYS, GradualDensity, decay_named
from .drop import DROP_RULES, Drop, smallest_of_all
from .grow import GROW_RULES, Choose, Grow, resolve
from .layer import TopologyLayer


@dataclass
class Change:
    """What has happened to a layer since the epoch began, when it had `before` weights."""

    before: int = 0
    dropped: int = 0
    grown: int = 0
    updates: int = 0


class DynamicTopology(Callback):
    """Every few steps: drop the least important weights of each layer, and grow as many somewhere else.

    `drop`: a rule or its spec, "SET(0.3)", "Magnitude(0.3)"; None measures only. `grow`: a rule, its spec, "Random",
    "Gradient", or a function choose(layer, kept, count, rng) of your own; None lets the network become sparser.
    `grow_weights`: initializer of new weights. `every`: a number of steps, "100 steps" or "1 epoch". `decay`: of the
    share that is dropped over time, "Constant", "Cosine" or "Linear". `stop`: the share of training after which the
    topology stays. `density`: a `GradualDensity` to which the smallest weights of all layers are pruned before.

    Layers that have a weight everywhere, or none, are left alone (there is nowhere to grow, or nothing to drop), unless
    a `density` is to be reached. An update comes after the optimizer's step and looks at that step's gradient; survivors
    keep weight and optimizer run. `history[e].measures["topology"]` tells what happened in epoch e.
    Raises NervaError for rules, schedules or numbers that cannot be used.
    """

    order = Order.CHANGES
    phase = "topology"

    def __init__(
        self,
        drop: str | Drop | None,
        grow: str | Grow | Choose | None = None,
        grow_weights: str = "Zero",
        *,
        every: int | str = "1 epoch",
        decay: str = "Constant",
        stop: float = 1.0,
        density: GradualDensity | None = None,
        distribution: str = "ErdosRenyi",
        name: str | None = None,
    ):
        if drop is not None and not isinstance(drop, str | Drop):
            raise NervaError(
                f"drop must be a rule, its name or None, not {drop!r}; topology.drop.by_score makes a rule of a function"
            )
        if grow is not None and not isinstance(grow, str | Grow) and not callable(grow):
            raise NervaError(f"grow must be a rule, its name or a function, not {grow!r}")
        self.drop = build("drop rule", drop, DROP_RULES) if isinstance(drop, str) else drop
        self.grow = (
            build("grow rule", grow, GROW_RULES) if isinstance(grow, str) else None if grow is None else resolve(grow)
        )
        self.initializer = build("initializer", grow_weights, INITIALIZERS)
        self.every, self.decay = intervals.every(every), decay_named(decay)
        self.stop = real("stop", stop, above=0, most=1, allowed="a share of training, more than 0 and at most 1")
        self.density = density
        self.distribution = distribution  # of the initial densities, for those who build the network
        self.name = name or "DynamicTopology"
        self.layers: list[TopologyLayer] = []
        self.changes: list[Change] = []
        self.t = 0  # steps so far

    # ------------------------------------------------------------------------------------------------------- callback

    def on_train_begin(self, run: Run) -> None:
        """Look at the layers, and compile what the updates need."""
        self.rng = run.generator()
        self.t = 0
        self.steps_per_epoch = run.steps_per_epoch
        self.total = run.epochs * run.steps_per_epoch
        self.interval = self.every.steps(run.steps_per_epoch)
        self._attach(run)
        self.initial_density = sum(layer.nnz for layer in self.layers) / sum(layer.size for layer in self.layers)
        if not run.resumed:  # what has been pruned since the beginning proves nothing
            self._check()
        self._compile(run)

    def on_epoch_begin(self, run: Run) -> None:
        if run.step_of_epoch == 0:
            self.changes = [Change(layer.nnz) for layer in self.layers]

    def on_gradients(self, run: Run, layer: Layer, tape: Any, gradients: tuple[Any, ...]) -> None:
        """Show the layers the gradients of the steps that the next update looks at."""
        if self.drop is None or self.t + 1 > self.stop * self.total:
            return
        looked_at = 1 if self.grow is None else max(1, self.grow.batches)
        if -(self.t + 1) % self.interval < looked_at:
            for one in self.layers:
                if one.layer is layer:  # where a checkpoint may come before the update, all terms must be here
                    one.show(gradients[0] if looked_at == 1 else gradients[0].gathered())

    def on_step_end(self, run: Run) -> None:
        """Count the steps, and update when it is time."""
        self.t += 1
        due = self.t % self.interval == 0
        if self.density is not None and (due or self.t == self.total):
            self._prune(self.density.at(self.t / self.total, self.initial_density))
        if self.drop is not None and due and self.t <= self.stop * self.total:
            decay = self.decay(self.t / (self.stop * self.total))
            dropped = self.update(decay)
            if dropped == 0 and self._updates_until(self.t) == 1:
                self._tell_of_nothing(self.drop.name, self.drop.amount * decay)
            for layer in self.layers:
                layer.forget()

    def _tell_of_nothing(self, rule: str, amount: float) -> None:
        """A warning that the first update has moved no weight; a run that diverges has NaN, of which none is dropped."""
        if all(np.isfinite(layer.values).all() for layer in self.layers):
            weights = ", ".join(f"{layer.nnz:,}" for layer in self.layers)
            warnings.warn(
                f"{self.name}: the first update, after step {self.t}, has moved no weight: {rule} with {amount:.3g} drops none "
                f"of layers with {weights} weights",
                stacklevel=3,
            )

    def on_epoch_end(self, run: Run, epoch: Epoch) -> None:
        epoch.measures["topology"] = measures.measured(self.layers, self.changes) | {
            "updates": self._updates_until(self.t)
        }  # fmt: skip

    def unfinished(self, run: Run) -> str | None:
        """The density, until the final one is reached."""
        if self.density is None or not self.layers:
            return None
        size, nnz = sum(layer.size for layer in self.layers), sum(layer.nnz for layer in self.layers)
        if nnz <= round(self.density.final * size):
            return None
        return (
            f"{self.name}: the network has density {nnz / size:.3g}, and would have {self.density.final:g} after "
            f"{self.density.stop:.0%} of {run.epochs} epochs"
        )

    def on_train_end(self, run: Run) -> None:
        left = self.unfinished(run)
        if left is None and not self._updates_until(self.t) and self.updates and self.drop is not None:
            left = f"{self.name}: the first of {self.updates} updates would have come after {self.interval} steps"
        if left is not None and self.total and (run.stop or run.history.interrupted or len(run.history) == run.epochs):
            ended = "was interrupted" if run.history.interrupted else "ended"
            warnings.warn(f"training {ended} after {self.t} of {self.total} steps. {left}", stacklevel=2)
        for layer in self.layers:
            layer.forget()

    def state_dict(self) -> dict[str, Any]:
        """The method's settings, and where it is: steps, random generator, coverage, gradients that wait."""
        return {
            "settings": self.settings(), "t": self.t, "initial_density": self.initial_density,
            "rng": generator_tree(self.rng), "changes": [vars(change) for change in self.changes],
            "layers": [layer.state_dict() for layer in self.layers],
        }  # fmt: skip

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from there. Raises NervaError if it is the state of another method."""
        theirs = saved["settings"]
        for name, value in self.settings().items():
            if theirs.get(name) != value:
                what = "" if name == "name" else f" with {name} = {value!r}, not {theirs.get(name)!r}"
                raise NervaError(f"the method is {self.name}{what}; its run has {theirs.get('name')}")
        self.t, self.initial_density = fields.integer(saved, "t"), fields.number(saved, "initial_density")
        self.rng = build_generator(fields.field(saved, "rng"))
        names = ("before", "dropped", "grown", "updates")
        changes = fields.items(saved, "changes")
        self.changes = [Change(*(fields.integer(change, name) for name in names)) for change in changes]
        for _, layer, one in zip(self.changes, self.layers, fields.items(saved, "layers"), strict=True):
            layer.load_state_dict(one)

    def settings(self) -> dict[str, Any]:
        """What makes one method another, as far as it can be written: a function of your own by its name."""
        return {
            "name": self.name,
            "drop": None if self.drop is None else [self.drop.name, float(self.drop.amount)],
            "grow": None if self.grow is None else [self.grow.name, self.grow.batches],
            "grow_weights": self.initializer.name,
            "every": str(self.every),
            "decay": next((name for name, known in DECAYS.items() if known is self.decay), "own"),
            "stop": float(self.stop),
            "density": None if self.density is None else [float(x) for x in vars(self.density).values()],
        }

    # --------------------------------------------------------------------------------------------------------- update

    @property
    def updates(self) -> int:
        """How many updates the run has that has begun; of a method that only prunes, how many times it does before the end."""
        return self._updates_until(self.total) if self.drop is not None else (self.total - 1) // self.interval

    def _updates_until(self, t: int) -> int:
        return int(min(t, self.stop * self.total)) // self.interval

    def update(self, decay: float = 1.0) -> int | None:
        """Drop and grow once; `decay` is a factor of the share that is dropped. Returns how many weights were dropped, None
        where all layers are full or empty."""
        assert self.drop is not None
        places = [n for n, layer in enumerate(self.layers) if layer.nnz and not layer.full]
        layers = [self.layers[n] for n in places]
        if not layers:
            return None
        dropped = self.drop(layers, decay, self.rng)
        for n, layer, gone in zip(places, layers, dropped, strict=True):
            self._record(n, self._exchange(layer, gone))
        return int(sum(np.count_nonzero(gone) for gone in dropped))

    def _exchange(self, layer: TopologyLayer, gone: np.ndarray) -> Remap:
        """Drop the weights that are `gone` and grow as many."""
        remap = Remap(layer.support, ~gone)
        if self.grow is not None and remap.dropped:
            grown = self.grow(layer, remap.support, remap.dropped, self.rng)
            try:
                remap = remap.inserting(grown, self.grow.returning)
            except NervaError as error:
                raise NervaError(f"grow rule {self.grow.name} for {layer!r}: {error}") from error
        layer.change(remap, self.initializer, self.rng)
        return remap

    def _prune(self, density: float) -> None:
        """Prune the smallest weights of all layers together until that share of all positions is left."""
        target = round(density * sum(layer.size for layer in self.layers))
        surplus = sum(layer.nnz for layer in self.layers) - target
        if surplus <= 0:
            return
        for n, gone in enumerate(smallest_of_all(self.layers, surplus)):
            if gone.any():
                remap = Remap(self.layers[n].support, ~gone)
                self.layers[n].change(remap, self.initializer, self.rng)
                self._record(n, remap)

    def _record(self, n: int, remap: Remap) -> None:
        change = self.changes[n]
        change.dropped += remap.dropped
        change.grown += remap.grown
        change.updates += 1

    # ---------------------------------------------------------------------------------------------------------- set-up

    def _attach(self, run: Run) -> None:
        self.layers = [TopologyLayer(number, layer) for number, layer in enumerate(run.network.linear_layers, 1)]
        self.changes = [Change(layer.nnz) for layer in self.layers]

    def _check(self) -> None:
        """Refuse what would never do anything."""
        if self.drop is not None and self.density is None and all(layer.full for layer in self.layers):
            raise NervaError(f"{self.name}: all layers are dense, so no weight can move; give a density below 1")
        if self.grow is not None and self.grow.needs_bits:
            for layer in self.layers:
                layer.coverage.require_bits()
        if self.density is not None and self.density.final > self.initial_density:
            raise NervaError(
                f"{self.name}: the network has density {self.initial_density:.4g}; a final density of "
                f"{self.density.final:g} is above it. Start with a larger --overall-density"
            )
        if self.total and not self.updates and (self.drop is not None or self.density is not None):
            run_length = f"{self.total // self.steps_per_epoch} epochs of {self.steps_per_epoch}"
            until = "" if self.stop == 1 else f" until step {self.stop * self.total:g}"
            raise NervaError(
                f"{self.name}: changes come {self.every}{until}, but this run has {self.total} steps ({run_length}), so there "
                "would be none; give another interval, as in every=10, or more epochs"
            )

    def _compile(self, run: Run) -> None:
        """Update tiny layers of the same types, so that no epoch's time includes compilation."""
        if self.drop is None and self.density is None:
            return
        shadow, rng = copy.copy(self), np.random.default_rng(0)
        shadow.rng = rng
        shadow.drop = DROP_RULES["Magnitude"](0.5)  # no drop rule has kernels; one that drops nothing would show none
        if self.grow is not None and self.grow.name not in GROW_RULES:
            shadow.grow = GROW_RULES["Random"]()  # the reader's own rule may count on the sizes of the real layers
        backend = backend_name(self.layers[0].layer.W.value)
        dtype, X = run.network.dtype, run.data.Xtrain
        inputs = [None] if isinstance(X, np.ndarray) else [None, X.indices.dtype]
        # The products of a layer that becomes sparse on the way are compiled with them, for each number of samples.
        batch, rest = run.batch_size, len(run.data.Ttrain) % run.batch_size
        sizes = {batch, rest} - {0}
        optimizers = list({id(one): one for one in run.optimizers.values()}.values())
        outputs = {
            one.layer.output.f: one.layer.output for one in self.layers if isinstance(one.layer.output, Pointwise)
        }
        shadow.layers = [
            _tiny_layer(n, dtype, backend, rng, index, optimizers, output)
            for n in sizes for index in inputs for output in (None, *outputs.values())
        ]  # fmt: skip
        shadow.changes = [Change() for _ in shadow.layers]
        shadow.update()
        if self.grow is not None:  # what rules fall back on, and what they do with few candidates and with many
            before = (max(1, self.grow.batches) - 1) * batch  # samples of the steps that are looked at together
            seen = [before + n for n in sizes]
            for layer in [_tiny_layer(n, dtype, backend, rng, index, optimizers) for n in seen for index in inputs]:
                random_free(layer.support, 1, rng)
                largest_among(layer.support, *layer.outer.stacked(), 1)


def _tiny_layer(
    N: int,
    dtype: np.dtype,
    backend: str,
    rng: np.random.Generator,
    index_dtype: DTypeLike | None,
    optimizers: Sequence[Optimizer],
    output: Output | None = None,
) -> TopologyLayer:
    """A sparse layer of 4×8 as after a step of each optimizer with N samples; with an `index_dtype` they are sparse."""
    W = SparseWeight.random((4, 8), 0.25, rng, dtype=dtype, backend=backend)
    W.support.blocks(2)
    layer = LinearLayer(W, np.zeros((1, 4), dtype), output)
    values = batch_layout(rng.standard_normal((N, 8)).astype(dtype))
    X: np.ndarray | SparseBatch = values
    if index_dtype is not None:
        columns, samples = np.repeat(np.arange(8), N).astype(index_dtype), np.tile(np.arange(N, dtype=np.int32), 8)
        X = SparseBatch.from_nonzeros((N, 8), columns, samples, values.ravel(order="F"))
    _, tape = layer.forward(X, rng)
    _, (DW, Db) = layer.backward(tape, batch_layout(rng.standard_normal((N, 4)).astype(dtype)))
    for optimizer in optimizers:
        for parameter in layer.parameters:
            parameter.begin(optimizer.states)
        optimizer.step(layer, (DW, Db), 0.0, 1)
    seen = TopologyLayer(1, layer)
    seen.show(DW)
    return seen
