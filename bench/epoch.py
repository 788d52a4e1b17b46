"""Seconds an epoch of CIFAR-10, 3072-1024-512-10, batch 100, Nesterov 0.9: nerva_py against masked PyTorch.

    python bench/epoch.py --data-dir DIR [--sparsities "0.9;0.99"] [--epochs 5] [--threads 2] [--json FILE]

Each contender runs in a process of its own with the same threads, bound in the same way; their epochs alternate; the time
includes gathering the mini-batches. Both start from the same weights, biases and support, and see the samples in the same
order: before anything is timed, the losses of the first steps are compared, and no ratio is reported if they differ.
PyTorch's mask is applied in place after `optimizer.step()`. At sparsity 0 PyTorch is dense, without masks.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import machine
import numpy as np
import typer

SIZES = [3072, 1024, 512, 10]
STEPS = 10  # whose losses must agree
TOLERANCE = 2e-3  # relative: rounding of float32 sums of 3072 products, amplified by ten steps


def problem(sparsity: float, data_dir: Path | None, threads: int, folder: Path) -> Path:
    """Write data, initial weights, biases and support: what all contenders start from."""
    from nerva_py.network.building import checked_sizes
    from nerva_py.sparse import Support, erdos_renyi, nonzeros

    rng = np.random.default_rng(123)
    if data_dir is None:
        X, T = rng.integers(0, 256, (50_000, SIZES[0]), np.uint8), rng.integers(0, 10, 50_000)
    else:
        from nerva_py.data import load_cifar10

        data = load_cifar10(data_dir)
        X, T = data.Xtrain, data.Ttrain
    arrays: dict[str, Any] = {"X": X, "T": T, "threads": threads}
    shapes = checked_sizes(SIZES)
    for i, (shape, density) in enumerate(zip(shapes, erdos_renyi(shapes, 1 - sparsity), strict=True)):
        mask = Support.random(shape, nonzeros(density, shape), rng).mask()
        bound = 1 / np.sqrt(shape[1])
        arrays[f"mask{i}"] = mask
        arrays[f"W{i}"] = (rng.uniform(-bound, bound, shape) * mask).astype(np.float32)
        arrays[f"b{i}"] = np.zeros((1, shape[0]), np.float32)
    path = folder / f"problem-{sparsity}.npz"
    np.savez(path, **arrays)
    return path


class Worker:
    """A contender's process."""

    def __init__(self, name: str, path: Path, threads: int):
        command = [sys.executable, str(Path(__file__).with_name("workers.py")), name, str(path)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=machine.environment(threads)
        )
        self._answer()

    def ask(self, command: str) -> Any:
        assert self.process.stdin
        print(command, file=self.process.stdin, flush=True)
        return json.loads(self._answer())

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args}: the contender ended; see its message above")
        return line


def compare(sparsity: float, data_dir: Path | None, epochs: int, threads: int) -> dict[str, Any]:
    """Times of both contenders at one sparsity."""
    with tempfile.TemporaryDirectory() as folder:
        path = problem(sparsity, data_dir, threads, Path(folder))
        workers = {name: Worker(name, path, threads) for name in ("nerva_py", "pytorch")}
    losses = {name: worker.ask(f"loss {STEPS}") for name, worker in workers.items()}
    difference = float(np.max(np.abs(np.divide(losses["nerva_py"], losses["pytorch"]) - 1)))
    if not difference < TOLERANCE:
        raise SystemExit(f"sparsity {sparsity}: the losses of the first {STEPS} steps differ: {losses}")
    seconds: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(epochs):
        for name, worker in workers.items():
            seconds[name].append(worker.ask("epoch"))
    for worker in workers.values():
        worker.close()
    median = {name: statistics.median(times) for name, times in seconds.items()}
    low = {name: min(times) for name, times in seconds.items()}
    return {
        "sparsity": sparsity,
        "seconds": seconds,
        "median": median,
        "minimum": low,
        "ratio_of_medians": median["pytorch"] / median["nerva_py"],
        "ratio_of_minima": low["pytorch"] / low["nerva_py"],
        "largest_relative_difference_of_losses": difference,
    }


def main(
    sparsities: Annotated[
        str, typer.Option(help="Shares of zeros, separated by semicolons.")
    ] = "0.9;0.95;0.98;0.99;0.999;0",
    data_dir: Annotated[Path | None, typer.Option(help="CIFAR-10; without it, random bytes of its shape.")] = None,
    epochs: Annotated[int, typer.Option(help="Timed epochs of each contender.", min=1)] = 5,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")] = None,
) -> None:
    """Seconds an epoch of CIFAR-10, nerva_py against masked PyTorch."""
    facts = machine.facts(threads)
    print(f"{facts['processor']}, {threads} threads, {facts['binding']}, data: {data_dir or 'random bytes'}")
    print("sparsity | nerva_py  median     min | PyTorch  median     min | ratio of medians, minima")
    rows = []
    for sparsity in (float(part) for part in sparsities.split(";")):
        row = compare(sparsity, data_dir, epochs, threads)
        rows.append(row)
        ours, theirs = ((row["median"][name], row["minimum"][name]) for name in ("nerva_py", "pytorch"))
        ratios = f"{row['ratio_of_medians']:5.1f} × {row['ratio_of_minima']:5.1f} ×"
        print(
            f"{sparsity:8} | {ours[0]:15.3f}s {ours[1]:6.3f}s | {theirs[0]:14.2f}s {theirs[1]:6.2f}s | {ratios}",
            flush=True,
        )
        if json_file:
            results = {**facts, "data": "CIFAR-10" if data_dir else "random bytes", "rows": rows}
            json_file.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
