"""Latency of one sample and throughput of batches through 3072-1024-512-10 at several sparsities.

    python bench/inference.py [--threads 2] [--short] [--json FILE] [--plot FILE]

All contenders have the same weights (Erdős–Rényi densities, ReLU, written to a file by the first of them) and the same
samples as a float32 array (N, 3072), and answer with an array (N, 10); the answers are compared. The contenders:

- predict: `network.predict(X)`, what a user calls;
- forward: `network.evaluate(X)` with everything around it done before: inside `workspace()` and `one_blas_thread`, X
  batch-contiguous;
- masked PyTorch: a `Sequential` of `Linear` and `ReLU` whose masked weights are zeros, in `torch.inference_mode`;
- torch CSR: hand-written, H = relu(W H + b) with the batch adjacent in memory and W a sparse CSR tensor (dense where the
  layer is dense), in `torch.inference_mode`.

A process each, the same threads, rounds that alternate. Latency is a call's time, minimum and median; the 99th percentile
is that of all calls of a round, median of the rounds.
"""

from __future__ import annotations

import functools
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import harness
import numpy as np

SIZES = [3072, 1024, 512, 10]
SPARSITIES = (0.9, 0.95, 0.99)
BATCHES = (1, 10, 100, 1000)
BAR, BAR_SPARSITY = 10, 0.99  # one sample: so many times faster than masked PyTorch
TOLERANCE = 1e-4


class Contender:
    """Loads weights, keeps a batch, predicts."""

    X: np.ndarray

    def load(self, path: str) -> None: ...

    def batch(self, N: int) -> list[float]:
        """Take N samples; answers with the outputs of the first."""
        self.X = np.random.default_rng(1).standard_normal((N, SIZES[0]), np.float32)
        self.prepare()
        return np.asarray(self.predict())[0].tolist()

    def prepare(self) -> None: ...

    def predict(self) -> Any: ...

    def time(self, least: float) -> dict[str, float]:
        self.predict()
        times: list[float] = []
        end = time.perf_counter() + least
        while len(times) < 3 or time.perf_counter() < end:
            start = time.perf_counter()
            self.predict()
            times.append(time.perf_counter() - start)
        return {**harness.least_and_median(times), "percentile 99": float(np.percentile(times, 99))}


class Predict(Contender):
    """Ours."""

    def write(self, path: str, sparsity: float) -> None:
        import nerva_py as nv

        network = nv.mlp("ReLU;ReLU;Linear", SIZES, overall_density=1 - sparsity, weights="He", seed=1)
        nv.exchange.to_nerva(network, path, sparse=True)

    def load(self, path: str) -> None:
        import nerva_py as nv

        self.network = nv.mlp("ReLU;ReLU;Linear", SIZES, overall_density=0.01, seed=2)
        nv.exchange.replace_weights(self.network, path)

    def predict(self) -> Any:
        return self.network.predict(self.X)


class Forward(Predict):
    """Ours without what surrounds it."""

    def __init__(self) -> None:
        from nerva_py.engine import one_blas_thread, workspace

        self.around = workspace(), one_blas_thread  # for the life of the process
        for context in self.around:
            context.__enter__()

    def prepare(self) -> None:
        from nerva_py.engine import batch_layout

        self.X = batch_layout(self.X)

    def predict(self) -> Any:
        return self.network.evaluate(self.X)


class MaskedPyTorch(Contender):
    def __init__(self) -> None:
        import torch

        warnings.filterwarnings("ignore", message="Sparse")
        torch.set_num_threads(harness.thread_count())
        self.torch = torch

    def load(self, path: str) -> None:
        torch = self.torch
        modules: list[Any] = []
        for W, b in _layers(path):
            linear = torch.nn.Linear(W.shape[1], W.shape[0])
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(W.toarray() if hasattr(W, "toarray") else W))
                linear.bias.copy_(torch.from_numpy(b[0]))
            modules += [linear, torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*modules[:-1]).eval()

    def prepare(self) -> None:
        self.input = self.torch.from_numpy(self.X)

    def predict(self) -> Any:
        with self.torch.inference_mode():
            return self.model(self.input)


class TorchCSR(MaskedPyTorch):
    def load(self, path: str) -> None:
        self.layers = [(self._tensor(W), self.torch.from_numpy(b.T.copy())) for W, b in _layers(path)]

    def prepare(self) -> None:
        self.input = self.torch.from_numpy(np.ascontiguousarray(self.X.T))

    def predict(self) -> Any:
        torch = self.torch
        with torch.inference_mode():
            H = self.input
            for position, (W, b) in enumerate(self.layers):
                H = torch.mm(W, H).add_(b)
                if position < len(self.layers) - 1:
                    H.relu_()
            return H.t()

    def _tensor(self, W: Any) -> Any:
        if not hasattr(W, "indptr"):
            return self.torch.from_numpy(W)
        parts = (self.torch.from_numpy(part) for part in (W.indptr, W.indices, W.data))
        return self.torch.sparse_csr_tensor(*parts, size=W.shape)


def _layers(path: str) -> list[tuple[Any, np.ndarray]]:
    """W, a CSR matrix or an array, and b of each layer in a file of `to_nerva`."""
    from scipy.sparse import csr_array

    with np.load(path) as file:
        count = sum(key.startswith("b") for key in file.files)
        layers = []
        for i in range(1, count + 1):
            if f"W{i}" in file.files:
                W = file[f"W{i}"]
            else:
                parts = tuple(file[f"W{i}.{part}"] for part in ("data", "indices", "indptr"))
                W = csr_array(parts, shape=tuple(file[f"W{i}.shape"]))
            layers.append((W, file[f"b{i}"].reshape(1, -1)))
    return layers


CONTENDERS = {"predict": Predict, "forward": Forward, "masked PyTorch": MaskedPyTorch, "torch CSR": TorchCSR}
STYLES = {
    **harness.STYLES,
    "forward": harness.STYLES["nerva_py"],
    "predict": {**harness.STYLES["nerva_py"], "linestyle": ":"},
}


def measure(workers: dict[str, harness.Process], batches: tuple[int, ...], rounds: int, least: float) -> list[dict]:
    """A row for each batch size."""
    rows = []
    for N in batches:
        answers = {name: worker.ask("batch", N=N) for name, worker in workers.items()}
        for name, answer in answers.items():
            if not np.allclose(answer, answers["predict"], rtol=TOLERANCE, atol=TOLERANCE):
                raise SystemExit(f"{name} and predict answer differently: {answer}, {answers['predict']}")
        tails: dict[str, list[float]] = {name: [] for name in workers}

        def ask(name: str, tails: dict[str, list[float]] = tails) -> harness.Times:
            times = workers[name].ask("time", least=least)
            tails[name].append(times["percentile 99"])
            return times

        times = harness.alternate({name: functools.partial(ask, name) for name in workers}, rounds)
        for name in times:
            times[name]["percentile 99"] = statistics.median(tails[name])
        rows.append({"N": N, "seconds": times})
    return rows


def print_rows(rows: list[dict[str, Any]], names: list[str]) -> None:
    text = harness.time_text
    print("Latency of one sample: fastest call (median; 99th percentile)\n")
    body = []
    for row in rows:
        if row["N"] == 1:
            times = [row["seconds"][name] for name in names]
            cells = [f"{text(t['minimum'])} ({text(t['median'])}; {text(t['percentile 99'])})" for t in times]
            body.append([row["sparsity"], *cells])
    harness.table(["sparsity", *names], body)
    print("Samples a second: of the fastest call (of the median)\n")
    body = [
        [row["sparsity"], row["N"]]
        + [
            f"{row['N'] / row['seconds'][name]['minimum']:,.0f} ({row['N'] / row['seconds'][name]['median']:,.0f})"
            for name in names
        ]
        for row in rows
    ]
    harness.table(["sparsity", "batch", *names], body)


def print_bar(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["N"] == 1 and row["sparsity"] == BAR_SPARSITY and "masked PyTorch" in row["seconds"]:
            for name in ("predict", "forward"):
                theirs, ours = row["seconds"]["masked PyTorch"], row["seconds"][name]
                ratios = [theirs[which] / ours[which] for which in ("minimum", "median")]
                verdict = "reached" if min(ratios) >= BAR else "missed"
                print(
                    f"{name}, one sample at {BAR_SPARSITY:.0%}: {ratios[0]:.1f} × (minimum), {ratios[1]:.1f} × (median) "
                    f"as fast as masked PyTorch; bar {BAR} ×: {verdict}"
                )


def plot(path: Path, rows: list[dict[str, Any]], names: list[str]) -> None:
    """Time a sample over the batch size, a panel for each sparsity."""
    sparsities = sorted({row["sparsity"] for row in rows})
    figure = harness.new_figure(3.6 * len(sparsities) + 0.4, 3.6)
    axes = figure.subplots(1, len(sparsities), sharey=True, squeeze=False)[0]
    for ax, sparsity in zip(axes, sparsities, strict=True):
        chosen = [row for row in rows if row["sparsity"] == sparsity]
        for name in names:
            times = [1e6 * row["seconds"][name]["minimum"] / row["N"] for row in chosen]
            ax.plot([row["N"] for row in chosen], times, label=name, markersize=5, **STYLES[name])
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_title(f"{sparsity:.0%} sparse")
        ax.set_xlabel("batch size N")
        harness.bare(ax)
    axes[0].set_ylabel("time a sample (µs)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper center", ncols=2 if len(sparsities) == 1 else len(labels), frameon=False
    )
    figure.savefig(path)


def main(
    threads: harness.Threads = 2,
    short: harness.Short = False,
    json_file: harness.JsonFile = None,
    plot_file: harness.PlotFile = None,
) -> None:
    """Latency and throughput of inference."""
    facts = harness.heading(threads)
    workers = harness.processes(__file__, list(CONTENDERS), threads)
    names = list(workers)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for sparsity in SPARSITIES[-1:] if short else SPARSITIES:
            path = str(Path(folder) / f"{sparsity}.npz")
            workers["predict"].ask("write", path=path, sparsity=sparsity)
            for worker in workers.values():
                worker.ask("load", path=path)
            batches = BATCHES[:3] if short else BATCHES
            found = measure(workers, batches, rounds=3 if short else 9, least=0.1 if short else 0.3)
            rows += [{"sparsity": sparsity, **row} for row in found]
            harness.write_json(json_file, facts, rows=rows)
    for worker in workers.values():
        worker.close()
    print_rows(rows, names)
    print_bar(rows)
    if plot_file:
        plot(plot_file, rows, names)


if __name__ == "__main__":
    harness.run(main, CONTENDERS)
