"""Data parallelism: seconds and bytes of a step for 1, 2 and 4 ranks, and what more ranks would take.

    python bench/distributed.py [--ranks "1;2;4"] [--sparsities "0;0.9;0.99"] [--short] [--json FILE] [--plot FILE]

3072-1024-512-10, a batch of 100 for all ranks together, Nesterov, random images; each number of ranks is started by mpiexec,
a thread each. Ranks beyond the number of cores share them, which the table marks. A step is timed between two barriers, the
exchange within it, waiting for the slowest rank included.

The time of an all-reduce of n bytes by R ranks is fitted as 2 α log₂ R + 2 β n (R − 1)/R, by least squares of the relative
error, from all-reduces of 400 bytes to 40 megabytes between ranks that have a core each. With α and β of a network the same
formula predicts steps of 8 to 1024 ranks; those are predictions, not measurements, and assume 100 samples a rank and nothing
that overlaps.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import harness
import machine
import numpy as np
import typer

SIZES, BATCH = [3072, 1024, 512, 10], 100
VECTORS = (100, 1000, 10_000, 37_000, 100_000, 1_000_000, 10_000_000)  # float32
# What is usual: latency of a message (s) and bits a second.
NETWORKS = {"10 Gbit/s Ethernet": (30e-6, 10e9), "100 Gbit/s InfiniBand": (2e-6, 100e9)}
PREDICTED = (8, 32, 128, 1024)


# ------------------------------------------------------------------------------------------------------------- in a rank


def work(sparsity: float, batch: int, steps: int) -> None:
    """One rank: rank 0 prints what was measured."""
    from own_step import own_run

    import nerva_py as nv
    from nerva_py.distributed import DataParallel, mpi
    from nerva_py.engine import one_blas_thread, workspace

    ranks = mpi()
    rng = np.random.default_rng(1)
    X, T = rng.integers(0, 256, (2000, SIZES[0]), np.uint8), rng.integers(0, 10, 2000)
    data = nv.from_arrays(X, T, num_classes=10)
    network = nv.mlp("ReLU;ReLU;Linear", SIZES, overall_density=1 - sparsity, seed=1)
    parallel = DataParallel(ranks, ranks.size)
    run = own_run(network, data, 0.01, batch_size=batch, seed=1, timer=True, distributed=parallel)
    exchange = run.phases["exchange"]
    seconds, exchanges, compute = [], [], []
    with workspace(), one_blas_thread:
        for t in range(1, steps + 6):
            rows, before = rng.permutation(2000)[:batch], exchange.seconds
            ranks.communicator.Barrier()
            start = time.perf_counter()
            run.step(*run.shards(rows, None))
            own = time.perf_counter() - start
            ranks.communicator.Barrier()
            if t > 5:
                seconds.append(time.perf_counter() - start)
                exchanges.append(exchange.seconds - before)
                compute.append(own - exchanges[-1])
    numbers = sum(parameter.vector.size for parameter in network.parameters())
    if ranks.rank == 0:
        print(json.dumps({
            "step": summary(seconds), "exchange": summary(exchanges), "compute": summary(compute),
            "bytes": 4 * numbers, "sent": round(2 * 4 * numbers * (ranks.size - 1) / ranks.size),
        }))  # fmt: skip


def reduce(repetitions: int) -> None:
    """All-reduces of vectors of several lengths."""
    from nerva_py.distributed import mpi

    ranks = mpi()
    found = []
    for size in VECTORS:
        vector, seconds = np.ones(size, np.float32), []
        for _ in range(max(5, min(repetitions, 20_000_000 // size))):
            ranks.communicator.Barrier()
            start = time.perf_counter()
            ranks.sum(vector)
            seconds.append(time.perf_counter() - start)
        found.append({"bytes": 4 * size, **summary(seconds)})
    if ranks.rank == 0:
        print(json.dumps(found))


def summary(seconds: list[float]) -> dict[str, float]:
    return {"minimum": min(seconds), "median": statistics.median(seconds)}


# ---------------------------------------------------------------------------------------------------------- all of them


def launch(ranks: int, *arguments: object) -> Any:
    """What rank 0 prints."""
    folders = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    mpiexec = shutil.which("mpiexec", path=folders)
    if mpiexec is None:
        raise SystemExit("there is no mpiexec: pip install 'nerva-py[mpi]'")
    environment = {**machine.environment(1), "OMP_PROC_BIND": "false"}
    command = [mpiexec, "-n", str(ranks), sys.executable, __file__, "rank", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{ranks} ranks failed:\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def fit(measured: dict[int, list[dict[str, float]]]) -> tuple[float, float]:
    """α (s) and β (s a byte), of the fastest all-reduces."""
    rows, values = [], []
    for R, found in measured.items():
        for one in found:
            rows.append([2 * np.log2(R), 2 * one["bytes"] * (R - 1) / R])
            values.append(one["minimum"])
    A, y = np.array(rows), np.array(values)
    (alpha, beta), *_ = np.linalg.lstsq(A / y[:, None], np.ones(len(y)), rcond=None)
    return float(alpha), float(beta)


def model(R: int, nbytes: float, alpha: float, beta: float) -> float:
    """Seconds of an all-reduce."""
    return 2 * alpha * float(np.log2(R)) + 2 * beta * nbytes * (R - 1) / R


def print_all(
    rows: list[dict[str, Any]], fitted: tuple[float, float] | None, predictions: list[dict[str, Any]], cores: int
) -> None:
    body = []
    for row in rows:
        mark = " *" if row["ranks"] > cores else ""
        times = [harness.time_text(row[name]["median"]) for name in ("step", "compute", "exchange")]
        modelled = harness.time_text(row["modelled"]) if "modelled" in row else "–"
        sent = harness.size_text(row["sent"]) if row["sent"] else "–"
        body.append([f"{row['sparsity']:.0%}", f"{row['ranks']}{mark}", *times, modelled, sent])
    harness.table(
        ["sparsity", "ranks", "step", "its computation", "its exchange", "by the model", "sent by a rank"], body
    )
    if any(row["ranks"] > cores for row in rows):
        print(f"* more ranks than the {cores} cores, which they share\n")
    if fitted:
        print(f"all-reduce here: 2 · {fitted[0] * 1e6:.1f} µs · log₂ R + 2 n (R − 1)/R · {fitted[1] * 1e9:.3f} ns\n")
    print(f"PREDICTED, not measured: a step of {BATCH} samples a rank, in ms; the share of the exchange in brackets\n")
    header = ["network", "sparsity", *(f"{R} ranks" for R in PREDICTED)]
    body = []
    for one in predictions:
        cells = [f"{1e3 * seconds:.2f} ({exchange / seconds:.0%})" for seconds, exchange in one["steps"]]
        body.append([one["network"], f"{one['sparsity']:.0%}", *cells])
    harness.table(header, body)


def plot(path: Path, rows: list[dict[str, Any]], predictions: list[dict[str, Any]]) -> None:
    """Measured steps, and predicted efficiency."""
    figure = harness.new_figure(9, 3.8)
    left, right = figure.subplots(1, 2)
    colours = {0.0: "#000000", 0.9: "#0072B2", 0.99: "#D55E00"}
    for sparsity in dict.fromkeys(row["sparsity"] for row in rows):
        chosen = [row for row in rows if row["sparsity"] == sparsity]
        colour = colours.get(sparsity, "#009E73")
        ranks = [row["ranks"] for row in chosen]
        left.plot(
            ranks, [1e3 * row["step"]["median"] for row in chosen], marker="o", color=colour, label=f"{sparsity:.0%}"
        )
        left.plot(ranks, [1e3 * row["exchange"]["median"] for row in chosen], marker=".", linestyle=":", color=colour)
        for one, style in zip((p for p in predictions if p["sparsity"] == sparsity), ("-", "--"), strict=False):
            shares = [1 - exchange / seconds for seconds, exchange in one["steps"]]
            right.plot(PREDICTED, shares, style, color=colour, marker="o", label=f"{sparsity:.0%}, {one['network']}")
    left.set_xticks(ranks, [str(r) for r in ranks])
    left.set_yscale("log")
    left.set_xlabel("ranks")
    left.set_ylabel("time of a step (ms); dotted: its exchange")
    left.legend(title="sparsity", frameon=False)
    right.set_xscale("log", base=2)
    right.set_xticks(PREDICTED, [str(r) for r in PREDICTED])
    right.set_ylim(0, 1.02)
    right.set_xlabel("ranks (predicted)")
    right.set_ylabel("share of a step that computes")
    right.legend(frameon=False, fontsize=7)
    for ax in (left, right):
        harness.bare(ax)
    figure.savefig(path)


def main(
    ranks: Annotated[str, typer.Option(help="Numbers of ranks.")] = "1;2;4",
    sparsities: Annotated[str, typer.Option(help="Shares of zeros.")] = "0;0.9;0.99",
    threads: harness.Threads = 1,
    short: harness.Short = False,
    json_file: harness.JsonFile = None,
    plot_file: harness.PlotFile = None,
) -> None:
    """Data parallelism for several numbers of ranks, of one thread each."""
    counts = [int(part) for part in ranks.split(";")]
    shares = [float(part) for part in sparsities.split(";")]
    facts = harness.heading(1)
    cores, steps = os.cpu_count() or 1, 10 if short else 100
    measured = {R: launch(R, "reduce", 20 if short else 500) for R in counts if 1 < R <= cores}
    fitted = fit(measured) if measured else None
    rows: list[dict[str, Any]] = []
    predictions: list[dict[str, Any]] = []
    for sparsity in shares:
        for R in counts:
            row = {"sparsity": sparsity, "ranks": R, **launch(R, "work", sparsity, BATCH, steps)}
            if fitted and R > 1:
                row["modelled"] = model(R, row["bytes"], *fitted)
            rows.append(row)
        one = next((row for row in rows if row["sparsity"] == sparsity and row["ranks"] == 1), None)
        for name, (alpha, bits) in NETWORKS.items() if one else ():
            exchanges = [model(R, one["bytes"], alpha, 8 / bits) for R in PREDICTED]
            compute = one["compute"]["median"]
            steps_taken = [[compute + exchange, exchange] for exchange in exchanges]
            predictions.append({"network": name, "sparsity": sparsity, "steps": steps_taken})
    print_all(rows, fitted, predictions, cores)
    harness.write_json(
        json_file, facts, rows=rows, allreduce={str(R): found for R, found in measured.items()}, fitted=fitted,
        predicted={"ranks": PREDICTED, "steps": predictions, "networks": NETWORKS},
    )  # fmt: skip
    if plot_file:
        plot(plot_file, rows, predictions)


if __name__ == "__main__":
    if sys.argv[1:3] == ["rank", "work"]:
        work(float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
    elif sys.argv[1:3] == ["rank", "reduce"]:
        reduce(int(sys.argv[3]))
    else:
        typer.run(main)
