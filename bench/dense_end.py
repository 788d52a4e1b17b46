"""What the dense end of the scale costs: layers of density 0.4 to 0.95 in CSR, beside a dense layer and a masked one.

    python bench/dense_end.py [--threads 2] [--short] [--json FILE] [--plot FILE]

nerva_py stores a layer of density below 1 in CSR and one of density 1 as an array; there is no third kind. Measured are the
three products of a training step, float32, batch 100, W (K, D) with a uniformly random support:

- CSR: Y = X Wᵀ + b, DX = DY W and DW = DYᵀ X on the support, as layers call them;
- dense: the same of a `DenseWeight`, with a weight at every position;
- masked: those of the dense layer, and a pass that makes DW zero where a mask of bytes is. It is written here, as the library
  has no such thing.

Nanoseconds a weight are those of all three products, divided by the weights that are trained: nnz in CSR and with a mask, K·D
of a dense layer. Bytes a weight are those of the weights, their indices or mask, the gradient and one velocity.

The last columns are of a network D-K-10 whose first layer starts at density 0.8 and is pruned by GraNet(0.1) every ten steps:
a training step, and an update of the topology in addition. Contenders take turns in one process, as they share its threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness
import numpy as np

SHAPES = ((512, 1024), (1024, 3072), (4096, 4096))
DENSITIES = (0.4, 0.5, 0.6, 0.7, 0.8, 0.95)
BATCH = 100
START, METHOD, EVERY, TOTAL = (
    0.8,
    "GraNet(0.1, every=10)",
    10,
    10_000,
)  # steps of the run of which the first are measured
KINDS = ("CSR", "masked", "dense")
PRODUCTS = {"Y": "Y = X Wᵀ + b", "DX": "DX = DY W", "DW": "DW = DYᵀ X on the support"}
STYLES = {
    "CSR": harness.STYLES["nerva_py"],
    "masked": harness.STYLES["MKL"],
    "dense": harness.STYLES["dense BLAS"],
}


class NervaPy:
    """One case at a time."""

    def __init__(self) -> None:
        from numba import njit, prange

        @njit(parallel=True)
        def keep_masked(data, mask):  # type: ignore[no-untyped-def]
            for p in prange(data.size):
                if mask[p] == 0:
                    data[p] = 0

        self.keep_masked = keep_masked

    def case(self, shape: list[int], density: float) -> dict[str, Any]:
        """Draw W; how many weights it has, and bytes of each kind."""
        from nerva_py.engine import batch_empty
        from nerva_py.equations.linear import linear
        from nerva_py.matrix import product_on
        from nerva_py.sparse import DenseWeight, SparseWeight

        K, D = shape
        sparse = SparseWeight.random((K, D), density, np.random.default_rng(1))
        dense = DenseWeight(sparse.toarray())
        mask = sparse.support.mask().reshape(-1)
        X, DY, b = batch_empty(BATCH, D), batch_empty(BATCH, K), np.zeros((1, K), np.float32)
        for array in (X, DY):
            array[...] = np.random.default_rng(2).standard_normal(array.shape)

        def masked_gradient() -> Any:
            DW = product_on(dense, DY.T, X)
            self.keep_masked(DW.data, mask)
            return DW

        self.calls: dict[str, dict[str, Callable[[], Any]]] = {
            kind: {
                "Y": lambda W=W: linear(X, W, b),
                "DX": lambda W=W: DY @ W,
                "DW": lambda W=W: product_on(W, DY.T, X),
            }
            for kind, W in (("CSR", sparse), ("masked", dense), ("dense", dense))
        }
        self.calls["masked"]["DW"] = masked_gradient
        for product in PRODUCTS:
            one, other = (self.calls[kind][product]() for kind in ("CSR", "masked"))
            if product == "DW":
                one, other = one.toarray(), other.toarray()
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)
        array = dense.array.nbytes
        return {
            "nnz": sparse.nnz,
            "bytes": {
                "CSR": sparse.nbytes + 2 * sparse.data.nbytes,
                "masked": 3 * array + mask.nbytes,
                "dense": 3 * array,
            },
        }

    def turn(self) -> dict[str, dict[str, harness.Times]]:
        """Times of each product of each kind."""
        from nerva_py.engine import one_blas_thread, workspace

        with workspace(), one_blas_thread:
            return {
                kind: {name: harness.seconds(call, 0.1) for name, call in calls.items()}
                for kind, calls in self.calls.items()
            }

    def granet(self, shape: list[int], steps: int) -> dict[str, Any]:
        """Seconds of training steps, and of updates of the topology."""
        from own_step import own_run

        from nerva_py.data import from_arrays
        from nerva_py.engine import one_blas_thread, workspace
        from nerva_py.network import mlp
        from nerva_py.topology import method

        (K, D), rng = shape, np.random.default_rng(3)
        samples = 10 * BATCH
        data = from_arrays(rng.standard_normal((samples, D), np.float32), rng.integers(0, 10, samples), num_classes=10)
        network = mlp("ReLU;Linear", [D, K, 10], layer_densities=[START, 1.0], seed=1)
        run = own_run(
            network, data, 0.001, callbacks=[method(METHOD)], epochs=TOTAL * BATCH // samples, batch_size=BATCH
        )
        (topology,) = run.callbacks
        topology.on_train_begin(run)
        found: dict[str, list[float]] = {"step": [], "update": []}
        with workspace(), one_blas_thread:
            for t in range(steps):
                begin = time.perf_counter()
                run.step(run.batch(rng.integers(0, samples, BATCH)))
                middle = time.perf_counter()
                topology.on_step_end(run)
                if t >= EVERY:  # the first ones allocate
                    found["step"].append(middle - begin)
                if (t + 1) % EVERY == 0:
                    found["update"].append(time.perf_counter() - middle)
        times = {name: harness.least_and_median(each) for name, each in found.items()}
        return times | {"density": network.linear_layers[0].W.value.density}


CONTENDERS = {"nerva_py": NervaPy}


def measure(worker: harness.Process, shape: tuple[int, int], density: float, rounds: int) -> dict[str, Any]:
    """A row: times of every product of every kind."""
    found = worker.ask("case", shape=shape, density=density)
    turns = [worker.ask("turn") for _ in range(rounds)]
    seconds = {
        kind: {name: harness.merged([turn[kind][name] for turn in turns]) for name in PRODUCTS} for kind in KINDS
    }
    return {"shape": shape, "density": density, "N": BATCH, **found, "seconds": seconds}


def total(row: dict[str, Any], kind: str, which: str = "minimum") -> float:
    """Seconds of the three products."""
    return sum(row["seconds"][kind][name][which] for name in PRODUCTS)


def trained(row: dict[str, Any], kind: str) -> int:
    """Weights that are trained."""
    return row["shape"][0] * row["shape"][1] if kind == "dense" else row["nnz"]


def print_rows(rows: list[dict[str, Any]]) -> None:
    print(f"The three products, fastest calls, batch {BATCH}; nanoseconds and bytes a weight\n")
    body = []
    for row in rows:
        times = [harness.time_text(total(row, kind)) for kind in KINDS]
        cost = [f"{1e9 * total(row, kind) / trained(row, kind):.3g}" for kind in KINDS]
        size = [f"{row['bytes'][kind] / trained(row, kind):.3g}" for kind in KINDS]
        shape = "×".join(map(str, row["shape"]))
        ratio = f"{total(row, 'CSR') / total(row, 'masked'):.2f}"
        body.append([shape, row["density"], *times, ratio, *cost, *size])
    head = [*KINDS, "CSR : masked", *(f"{kind}, ns" for kind in KINDS), *(f"{kind}, bytes" for kind in KINDS)]
    harness.table(["K×D", "density", *head], body)


def print_granet(rows: list[dict[str, Any]]) -> None:
    print(f"{METHOD} from density {START}: fastest (median)\n")
    body = []
    for row in rows:
        cells = [
            f"{harness.time_text(row[name]['minimum'])} ({harness.time_text(row[name]['median'])})"
            for name in ("step", "update")
        ]
        body.append(["×".join(map(str, row["shape"])), *cells, f"{row['density']:.3f}"])
    harness.table(["K×D", "step", "update", "density at the end"], body)


def plot(path: Path, rows: list[dict[str, Any]]) -> None:
    """Time of the three products over the density, relative to the dense layer of the same size."""
    shapes = list(dict.fromkeys(tuple(row["shape"]) for row in rows))
    figure = harness.new_figure(1 + 3.2 * len(shapes), 3.4)
    axes = figure.subplots(1, len(shapes), sharey=True, squeeze=False)[0]
    for ax, shape in zip(axes, shapes, strict=True):
        chosen = [row for row in rows if tuple(row["shape"]) == shape]
        for kind in KINDS:
            ratios = [total(row, kind) / total(row, "dense") for row in chosen]
            ax.plot([row["density"] for row in chosen], ratios, label=kind, markersize=5, **STYLES[kind])
        ax.set_title("×".join(map(str, shape)), fontsize="medium")
        ax.set_xlabel("density")
        ax.set_ylim(bottom=0)
        harness.bare(ax)
    axes[0].set_ylabel("time, dense layer = 1")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    figure.savefig(path)


def main(
    threads: harness.Threads = 2,
    short: harness.Short = False,
    json_file: harness.JsonFile = None,
    plot_file: harness.PlotFile = None,
) -> None:
    """Time and bytes a weight of dense, masked and CSR layers, and a GraNet step."""
    shapes = SHAPES[:1] if short else SHAPES
    densities = DENSITIES[::3] if short else DENSITIES
    facts = harness.heading(threads)
    worker = harness.processes(__file__, ["nerva_py"], threads)["nerva_py"]
    rows: list[dict[str, Any]] = []
    granet: list[dict[str, Any]] = []
    for shape in shapes:
        for density in densities:
            rows.append(measure(worker, shape, density, rounds=2 if short else 5))
        granet.append({"shape": shape, **worker.ask("granet", shape=shape, steps=3 * EVERY if short else 10 * EVERY)})
        harness.write_json(json_file, facts, rows=rows, granet=granet)
    worker.close()
    print_rows(rows)
    print_granet(granet)
    if plot_file:
        plot(plot_file, rows)


if __name__ == "__main__":
    harness.run(main, CONTENDERS)
