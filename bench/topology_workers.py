"""The measurements of topology.py. Each runs in a process of its own and prints its figures as JSON:

python topology_workers.py update|scaling|large|epochs OPTIONS        OPTIONS is JSON
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from own_step import own_run

from nerva_py.data import Dataset, from_arrays, load_cifar10
from nerva_py.engine import one_blas_thread, workspace
from nerva_py.network import Layer, LinearLayer, mlp
from nerva_py.sparse import Remap, SparseWeight, erdos_renyi
from nerva_py.topology import DynamicTopology, TopologyLayer, method
from nerva_py.training import Callback, Epoch, Run, train

SIZES, DENSITY, BATCH, LEARNING_RATE, OPTIMIZER = [3072, 1024, 512, 10], 0.01, 100, 0.01, "Nesterov(0.9)"
SHAPES = [(1024, 3072), (512, 1024), (10, 512)]
METHODS = ("SET(0.3)", "MagnitudeRandom(0.3)", "GSE(0.3)", "RigL(0.3)")
PHASES = ("drop", "grow", "remap", "csc")


def data_of(options: dict[str, Any]) -> Dataset:
    """CIFAR-10, or random bytes of its shape."""
    if options["data_dir"]:
        return load_cifar10(options["data_dir"])
    rng = np.random.default_rng(123)
    X = rng.integers(0, 256, (options.get("samples", 50_000), SIZES[0]), np.uint8)
    return from_arrays(X, rng.integers(0, 10, len(X)), num_classes=10, image_shape=(3, 32, 32))


class Clock:
    """Seconds since it was asked before."""

    def __init__(self) -> None:
        self.last = time.perf_counter()

    def __call__(self) -> float:
        before, self.last = self.last, time.perf_counter()
        return self.last - before


APART = 10  # steps between two updates: each network has its data in the cache when it is its turn


def update(layer: TopologyLayer, rule: DynamicTopology, rng: np.random.Generator, csc: bool = True) -> dict[str, float]:
    """One update of one layer as `DynamicTopology` makes it, and the seconds of its parts. The CSC view of the new support
    is what the next backward pass would build, in all layers but the first."""
    assert rule.drop is not None
    assert rule.grow is not None
    clock = Clock()
    (gone,) = rule.drop([layer], 1.0, rng)
    drop = clock()
    remap = Remap(layer.support, ~gone)
    kept = clock()
    grown = rule.grow(layer, remap.support, remap.dropped, rng)
    grow = clock()
    layer.change(remap.inserting(grown, rule.grow.returning), rule.initializer, rng)
    seconds = {"drop": drop, "grow": grow, "remap": kept + clock()}
    if csc:
        _ = layer.support.transposed
        seconds["csc"] = clock()
    return seconds


# ---------------------------------------------------------------------------------------------- one update against one step


class Shown(Callback):
    """Lets a layer see the gradient of the last step."""

    def __init__(self, layer: TopologyLayer):
        self.layer = layer

    def on_gradients(self, run: Run, layer: Layer, tape: Any, gradients: tuple[Any, ...]) -> None:
        if layer is self.layer.layer:
            self.layer.forget()
            self.layer.show(gradients[0])


class Trained:
    """A network that is trained step by step."""

    def __init__(self, data: Dataset, densities: list[float], shown: bool):
        self.rng = np.random.default_rng(1)
        network = mlp("ReLU;ReLU;Linear", SIZES, layer_densities=densities, seed=1)
        self.layer = TopologyLayer(1, network.linear_layers[0])
        callbacks = [Shown(self.layer)] if shown else []
        self.run = own_run(network, data, LEARNING_RATE, OPTIMIZER, callbacks=callbacks)

    def step(self) -> float:
        """Seconds of a training step; gathering the mini-batch belongs to it."""
        rows = self.rng.integers(0, len(self.run.data.Xtrain), BATCH)
        clock = Clock()
        self.run.step(self.run.batch(rows))
        return clock()


def update_costs(options: dict[str, Any]) -> dict[str, Any]:
    """Every method updates the first layer, of density 0.01, every ten steps; a static network steps beside it."""
    data, rng = data_of({**options, "samples": 5000}), np.random.default_rng(2)
    overall = erdos_renyi(SHAPES, DENSITY)
    rules = {name: method(name) for name in METHODS}
    with workspace(), one_blas_thread:
        static = Trained(data, overall, False)
        trained = {name: Trained(data, [DENSITY, *overall[1:]], True) for name in METHODS}
        for one in (static, *trained.values()):
            for _ in range(options["warm_up"]):
                one.step()
        steps: list[float] = []
        times: dict[str, list[dict[str, float]]] = {name: [] for name in METHODS}
        for round_ in range(-3, options["rounds"]):  # the first rounds compile
            for name, one in trained.items():
                seconds = [static.step() for _ in range(APART)][1:]
                for _ in range(APART):
                    one.step()
                measured = update(one.layer, rules[name], rng)
                if round_ >= 0:
                    times[name].append(measured)
                    steps += seconds
    step = statistics.median(steps)
    rows = {}
    for name, measured in times.items():
        totals = [sum(one.values()) for one in measured]
        rows[name] = {
            **{f"{phase}_us": 1e6 * statistics.median(one[phase] for one in measured) for phase in PHASES},
            "total_us": 1e6 * statistics.median(totals),
            "minimum_us": 1e6 * min(totals),
            "steps": statistics.median(totals) / step,
            "steps_of_minima": min(totals) / min(steps),
        }
    one_layer = {"shape": [1024, 3072], "density": DENSITY, "nnz": trained["SET(0.3)"].layer.nnz, "batch": BATCH}
    return {"layer": one_layer, "step_us": 1e6 * step, "step_minimum_us": 1e6 * min(steps), "methods": rows}


# ------------------------------------------------------------------------------------------------------------- whole epochs


class Gate(Callback):
    """Says how long each epoch took, and begins the next one when it is told to, so that two processes can take turns."""

    def on_epoch_begin(self, run: Run) -> None:
        if not sys.stdin.readline():
            raise SystemExit

    def on_epoch_end(self, run: Run, epoch: Epoch) -> None:
        print(json.dumps(epoch.seconds), flush=True)


def epochs(options: dict[str, Any]) -> None:
    """Train; topology.py tells when the next epoch begins."""
    data = data_of(options)
    network = mlp("ReLU;ReLU;Linear", SIZES, overall_density=DENSITY, seed=1)
    callbacks = [Gate(), method(options["method"])]
    print(json.dumps("ready"), flush=True)
    train(
        network, data, optimizer=OPTIMIZER, learning_rate=LEARNING_RATE, epochs=options["epochs"], batch_size=BATCH,
        statistics=False, seed=1, callbacks=callbacks,
    )  # fmt: skip


# -------------------------------------------------------------------------------------------------- cost against nnz and K·D


def random_layer(shape: tuple[int, int], nnz: int, rng: np.random.Generator) -> LinearLayer:
    """A layer and a velocity for each of its weights, as after some training."""
    K, D = shape
    W = SparseWeight.random(shape, nnz / (K * D), rng, values=lambda s, rng: rng.standard_normal(s.nnz, np.float32))
    layer = LinearLayer(W, np.zeros((1, K), np.float32))
    layer.W.states = [rng.standard_normal(W.nnz, np.float32)]
    return layer


def random_update(shape: tuple[int, int], nnz: int, rounds: int) -> float:
    """The shortest update (magnitude, random growth) of such a layer, in seconds, the CSC view left out."""
    rng, rule = np.random.default_rng(3), method("MagnitudeRandom(0.3)")
    layer = TopologyLayer(1, random_layer(shape, nnz, rng))
    return min(sum(update(layer, rule, rng, csc=False).values()) for _ in range(rounds))


def scaling(options: dict[str, Any]) -> dict[str, Any]:
    """Seconds of an update against nnz at one K·D, and against K·D at one nnz."""
    random_update((100, 100), 1000, 2)  # compile

    def curve(label: str, shapes: list[tuple[tuple[int, int], int]]) -> dict[str, Any]:
        points = []
        for (K, D), nnz in shapes:
            rounds = max(3, min(30, options["work"] // nnz))
            points.append({"K": K, "D": D, "nnz": nnz, "seconds": random_update((K, D), nnz, rounds)})
        return {"label": label, "points": points}

    counts, products = options["nnz"], options["products"]
    squares = [round(n**0.5) for n in products]
    fixed = options["fixed_nnz"]
    return {
        "nnz": [curve("K = 1000, D = 100 000", [((1000, 100_000), nnz) for nnz in counts])],
        "KD": [
            curve("K = D", [((n, n), fixed) for n in squares]),
            curve("K = 1000", [((1000, n // 1000), fixed) for n in products]),
        ],
    }


# ------------------------------------------------------------------------------------------------------------ a large layer


def large(options: dict[str, Any]) -> dict[str, Any]:
    """Create a layer, prune 30 % and regrow, build its CSC view; seconds of each, and the largest memory of this process."""
    random_update((100, 100), 1000, 2)  # compile
    n, nnz = options["size"], options["nnz"]
    rng, rule = np.random.default_rng(4), method("MagnitudeRandom(0.3)")
    start = peak()
    clock = Clock()
    linear = random_layer((n, n), nnz, rng)
    created, after_creation = clock(), peak()
    layer = TopologyLayer(1, linear)
    covered, after_coverage = clock(), peak()
    parts = update(layer, rule, rng, csc=False)
    updated, after_update = clock(), peak()
    _ = layer.support.transposed
    return {
        "shape": [n, n],
        "nnz": layer.nnz,
        "create_seconds": created,
        "coverage_seconds": covered,
        "update_seconds": updated,
        "update_parts_seconds": parts,
        "csc_seconds": clock(),
        "peak_MiB": {
            "imports": start,
            "create": after_creation,
            "coverage": after_coverage,
            "update": after_update,
            "csc": peak(),
        },
    }


def peak() -> float:
    """The largest resident memory so far, in MiB."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


PARTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "update": update_costs,
    "epochs": epochs,
    "scaling": scaling,
    "large": large,
}


def main() -> None:
    result = PARTS[sys.argv[1]](json.loads(sys.argv[2]))
    if result is not None:
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
