"""Memory that a model, its optimizer state and a training step take, and its size on disk.

    python bench/memory.py [--threads 2] [--short] [--json FILE] [--plot FILE]

A network 8192-8192-8192-10 (Erdős–Rényi densities, ReLU, Nesterov 0.9, random data), nerva_py against masked PyTorch (a
float32 mask of each sparse layer, applied in place after the step), a process each for every sparsity. Measured is the
resident memory of the process less that after imports and a warm-up on a tiny network, after the allocator has returned
what is free:

- model: weights and support; PyTorch's weights and masks;
- training state: after the first step, with a batch of one sample, when gradients and momentum (and our CSC view of the
  support) exist, too;
- step, batch 100: the peak during further steps, with activations and temporaries;
- building: the peak while the model was made;
- file: `to_nerva` (npz, not compressed) against `torch.save` of the `state_dict`, which holds no masks.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import harness
import numpy as np
import typer

SPARSITIES = (0.9, 0.99, 0.999)
WIDTH, BATCH, SAMPLES, LEARNING_RATE, MOMENTUM = 8192, 100, 200, 0.001, 0.9
BAR, BAR_SPARSITY = 20, 0.99  # the training state: so many times smaller than masked PyTorch's


class Contender:
    """Builds a network and trains it on random data, watching its own memory."""

    baseline = 0

    def warm_up(self) -> None:
        """What libraries allocate and compile on first use belongs to the baseline."""
        self.build([64, 64, 64, 10], 0.1)
        self.steps(1, 2)
        self.steps(BATCH, 2)
        self.forget()
        self.baseline = resident()

    def build(self, sizes: list[int], density: float) -> int:
        """Make network and data; returns the number of weights."""
        rng = np.random.default_rng(1)
        before = resident() if self.baseline else 0
        self.make_data(rng.integers(0, 256, (SAMPLES, sizes[0]), np.uint8), rng.integers(0, 10, SAMPLES))
        if self.baseline:
            self.baseline += resident() - before  # the data are not the model's
            forget_peak()
        nnz = self.make_network(sizes, density)
        self.t = 0
        return nnz

    def steps(self, N: int, count: int) -> list[float]:
        """Seconds of each of these steps."""
        times = []
        for _ in range(count):
            rows = np.arange(self.t, self.t + N) % SAMPLES
            self.t += 1
            start = time.perf_counter()
            self.step(rows)
            times.append(time.perf_counter() - start)
        return times

    def grown(self) -> int:
        """Resident bytes beyond the baseline; the peak begins anew."""
        grown = resident() - self.baseline
        forget_peak()
        return grown

    def peak(self) -> int:
        """Most resident bytes beyond the baseline since the peak began."""
        return _status("VmHWM") - self.baseline

    def file_bytes(self) -> int:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights.npz"
            self.save(path)
            return path.stat().st_size

    def make_data(self, X: np.ndarray, T: np.ndarray) -> None: ...

    def make_network(self, sizes: list[int], density: float) -> int: ...

    def step(self, rows: np.ndarray) -> None: ...

    def save(self, path: Path) -> None: ...

    def forget(self) -> None: ...


class NervaPy(Contender):
    def __init__(self) -> None:
        from own_step import own_run

        from nerva_py.engine import one_blas_thread, workspace

        self.own_run, self.workspace = own_run, workspace
        one_blas_thread.__enter__()  # for the life of the process
        self._enter()
        self.warm_up()

    def _enter(self) -> None:
        self.context = self.workspace()
        self.context.__enter__()

    def make_data(self, X: np.ndarray, T: np.ndarray) -> None:
        from nerva_py.data import from_arrays

        self.data = from_arrays(X, T, num_classes=10)

    def make_network(self, sizes: list[int], density: float) -> int:
        import nerva_py as nv

        layers = ";".join(["ReLU"] * (len(sizes) - 2) + ["Linear"])
        self.network = nv.mlp(layers, sizes, overall_density=density, seed=1)
        self.run: Any = None
        return self.network.nnz

    def step(self, rows: np.ndarray) -> None:
        if self.run is None:
            self.run = self.own_run(self.network, self.data, LEARNING_RATE, f"Nesterov({MOMENTUM})")
        self.run.step(self.run.batch(rows))

    def save(self, path: Path) -> None:
        import nerva_py as nv

        nv.exchange.to_nerva(self.network, path, sparse=True)

    def forget(self) -> None:
        del self.network, self.run, self.data
        self.context.__exit__(None, None, None)
        self._enter()


class MaskedPyTorch(Contender):
    def __init__(self) -> None:
        import torch

        torch.set_num_threads(harness.thread_count())
        self.torch = torch
        self.warm_up()

    def make_data(self, X: np.ndarray, T: np.ndarray) -> None:
        self.X, self.T = self.torch.from_numpy(X).float().div_(128).sub_(1), self.torch.from_numpy(T)

    def make_network(self, sizes: list[int], density: float) -> int:
        torch = self.torch
        modules: list[Any] = []
        self.masks = []
        nnz = 0
        shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
        for (K, D), d in zip(shapes, _erdos_renyi(shapes, density), strict=True):
            linear = torch.nn.Linear(D, K)
            modules += [linear, torch.nn.ReLU()]
            if d < 1:
                mask = torch.rand(K, D).lt_(d)
                with torch.no_grad():
                    linear.weight.mul_(mask)
                self.masks.append((linear.weight, mask))
            nnz += round(d * K * D)
        self.model = torch.nn.Sequential(*modules[:-1])
        self.criterion = torch.nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), LEARNING_RATE, MOMENTUM, nesterov=True)
        return nnz

    def step(self, rows: np.ndarray) -> None:
        torch = self.torch
        index = torch.from_numpy(rows)
        self.optimizer.zero_grad(set_to_none=True)
        self.criterion(self.model(self.X[index]), self.T[index]).backward()
        self.optimizer.step()
        with torch.no_grad():
            for W, mask in self.masks:
                W.mul_(mask)

    def save(self, path: Path) -> None:
        self.torch.save(self.model.state_dict(), path)

    def forget(self) -> None:
        del self.model, self.masks, self.optimizer, self.X, self.T


CONTENDERS = {"nerva_py": NervaPy, "masked PyTorch": MaskedPyTorch}


def _erdos_renyi(shapes: list[tuple[int, int]], density: float) -> list[float]:
    from nerva_py.sparse.densities import erdos_renyi

    return erdos_renyi(shapes, density)


def resident() -> int:
    """Resident bytes of this process, free memory returned to the system first."""
    gc.collect()
    with contextlib.suppress(AttributeError):  # other C libraries have no such function
        ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def forget_peak() -> None:
    """Let the peak of the resident memory begin anew (proc(5))."""
    Path("/proc/self/clear_refs").write_text("5")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))


def measure(name: str, sizes: list[int], density: float, threads: int) -> dict[str, Any] | None:
    """All figures of one contender at one sparsity, from a fresh process."""
    started = harness.processes(__file__, [name], threads)
    if not started:
        return None
    process = started[name]
    nnz = process.ask("build", sizes=sizes, density=density)
    building = process.ask("peak")
    model = process.ask("grown")
    file = process.ask("file_bytes")
    process.ask("steps", N=1, count=2)
    state = process.ask("grown")
    process.ask("steps", N=BATCH, count=3)
    peak = process.ask("peak")
    process.close()
    return {"nnz": nnz, "model": model, "state": state, "step": peak, "building": building, "file": file}


def print_rows(rows: list[dict[str, Any]]) -> None:
    columns = {
        "model": "model",
        "state": "training state",
        "step": "step, batch 100",
        "building": "building",
        "file": "file",
    }
    body = []
    for row in rows:
        for name in CONTENDERS:
            if name in row:
                found = row[name]
                each = f"{found['state'] / found['nnz']:.1f}"
                body.append([row["sparsity"], name, *(harness.size_text(found[c]) for c in columns), each])
        if len(CONTENDERS) == sum(name in row for name in CONTENDERS):
            ours, theirs = (row[name] for name in CONTENDERS)
            body.append([row["sparsity"], "ratio", *(f"{theirs[c] / ours[c]:.1f} ×" for c in columns), ""])
    harness.table(["sparsity", "", *columns.values(), "state, bytes a nonzero"], body)
    for row in rows:
        if row["sparsity"] == BAR_SPARSITY and all(name in row for name in CONTENDERS):
            ratio = row["masked PyTorch"]["state"] / row["nerva_py"]["state"]
            verdict = "reached" if ratio >= BAR else "missed"
            print(f"training state at {BAR_SPARSITY:.0%}: 1/{ratio:.0f} of masked PyTorch's; bar 1/{BAR}: {verdict}")


def plot(path: Path, rows: list[dict[str, Any]], sizes: list[int]) -> None:
    """Training state and step over the sparsity."""
    figure = harness.new_figure(5.6, 3.8)
    ax = figure.subplots()
    positions = np.arange(len(rows))
    columns = {"model": "model", "state": "training state", "step": "peak of a step"}
    for i, (name, shades) in enumerate({"masked PyTorch": ("#000000", "#555555", "#aaaaaa"),
                                        "nerva_py": ("#7a3500", "#D55E00", "#ffa85c")}.items()):  # fmt: skip
        for j, (column, text) in enumerate(columns.items()):
            if not all(name in row for row in rows):
                continue
            heights = [row[name][column] / 1e6 for row in rows]
            where = positions + 0.13 * (3 * i + j - 2.5)
            bars = ax.bar(where, heights, 0.12, color=shades[j], label=f"{name}: {text}")
            if column == "state":
                labels = [harness.size_text(1e6 * height) for height in heights]
                ax.bar_label(bars, labels, fontsize=7, rotation=90, padding=3)
    ax.set_yscale("log")
    ax.set_xticks(positions, [f"{row['sparsity']:.1%}" for row in rows])
    ax.set_xlabel(f"sparsity of {'-'.join(map(str, sizes))}")
    ax.set_ylabel("resident memory (MB)")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * 3)
    harness.bare(ax)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=8)
    figure.savefig(path)


def main(
    threads: harness.Threads = 2,
    short: harness.Short = False,
    json_file: harness.JsonFile = None,
    plot_file: harness.PlotFile = None,
    width: Annotated[int, typer.Option(help="Of inputs and hidden layers; the short version takes a quarter.")] = WIDTH,
) -> None:
    """Memory of model, training state and step, and the size on disk."""
    facts = harness.heading(threads)
    width = width // 4 if short else width
    sizes = [width, width, width, 10]
    rows: list[dict[str, Any]] = []
    for sparsity in SPARSITIES[:2] if short else SPARSITIES:
        found = {name: measure(name, sizes, 1 - sparsity, threads) for name in CONTENDERS}
        rows.append({"sparsity": sparsity, "sizes": sizes, **{name: row for name, row in found.items() if row}})
        harness.write_json(json_file, facts, rows=rows)
    print_rows(rows)
    if plot_file:
        plot(plot_file, rows, sizes)


if __name__ == "__main__":
    harness.run(main, CONTENDERS)
