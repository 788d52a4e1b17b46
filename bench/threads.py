"""What a second thread gains, and the stall of threads that are not bound to their cores.

    python bench/threads.py [--threads 2] [--short] [--json FILE] [--plot FILE]

Training steps of nerva_py, 3072-1024-512-10, batch 100, Nesterov 0.9, random bytes in the shape of CIFAR-10, gathering
included. Two experiments, a process for each setting, rounds that alternate:

1. seconds an epoch of 50,000 samples (the time of the steps taken, extrapolated in the short version) at 90 and 99 %
   sparsity with 1, 2, ... threads, bound, alone on the machine;
2. times of single steps at 99 %, with all cores that the threads may use held to as many as there are threads, alone and
   beside another process that keeps a core busy: OpenMP threads bound (OMP_PROC_BIND=true), OpenMP threads not bound, and
   Numba's own `workqueue` layer. Where two threads land on one core, each parallel region waits for the scheduler's next
   tick; percentiles and the share of the time that the slowest hundredth of the steps takes show it.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harness
import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZES, SAMPLES, BATCH = [3072, 1024, 512, 10], 50_000, 100
SPARSITIES = (0.9, 0.99)
SETTINGS = {
    "OpenMP, bound": {"OMP_PROC_BIND": "true"},
    "OpenMP, not bound": {"OMP_PROC_BIND": "false"},
    "workqueue": {"NUMBA_THREADING_LAYER": "workqueue", "OMP_PROC_BIND": "false"},
}
COLOURS = {"OpenMP, bound": "#D55E00", "OpenMP, not bound": "#0072B2", "workqueue": "#009E73"}
PERCENTILES = (50, 90, 99, 99.9)


class NervaPy:
    def build(self, sparsity: float, samples: int) -> None:
        from own_step import own_run

        import nerva_py as nv
        from nerva_py.engine import one_blas_thread, workspace

        rng = np.random.default_rng(1)
        X, T = rng.integers(0, 256, (samples, SIZES[0]), np.uint8), rng.integers(0, 10, samples)
        data = nv.from_arrays(X, T, num_classes=10)
        network = nv.mlp("ReLU;ReLU;Linear", SIZES, overall_density=1 - sparsity, seed=1)
        run = own_run(network, data, 0.001)
        self.t, self.order = 0, rng.permutation(samples).reshape(-1, BATCH)

        def step() -> None:
            rows = self.order[self.t % len(self.order)]
            self.t += 1
            run.step(run.batch(rows))

        self.step = step
        self.contexts = workspace(), one_blas_thread  # for the life of the process
        for context in self.contexts:
            context.__enter__()
        self.steps(3)

    def steps(self, count: int) -> list[float]:
        """Seconds of each of these steps."""
        times = []
        for _ in range(count):
            start = time.perf_counter()
            self.step()
            times.append(time.perf_counter() - start)
        return times

    def epoch(self, count: int) -> harness.Times:
        """Seconds an epoch, from that many steps."""
        seconds = sum(self.steps(count)) * SAMPLES / BATCH / count
        return {"minimum": seconds, "median": seconds}


CONTENDERS = {"nerva_py": NervaPy}


def start(threads: int, sparsity: float, samples: int, **environment: str) -> harness.Process:
    process = harness.Process(__file__, "nerva_py", threads, **environment)
    if reason := process.ready():
        raise SystemExit(reason)
    process.ask("build", sparsity=sparsity, samples=samples)
    return process


def scaling(threads: int, sparsity: float, samples: int, rounds: int) -> dict[str, Any]:
    """Seconds an epoch with 1 to `threads` threads."""
    workers = {count: start(count, sparsity, samples) for count in range(1, threads + 1)}
    asks = {str(n): functools.partial(worker.ask, "epoch", count=samples // BATCH) for n, worker in workers.items()}
    seconds = harness.alternate(asks, rounds)
    for worker in workers.values():
        worker.close()
    return {"sparsity": sparsity, "seconds": seconds}


def stalls(threads: int, samples: int, rounds: int, count: int) -> list[dict[str, Any]]:
    """Times of steps in all settings, alone and beside a busy process."""
    rows = []
    with cores(threads):
        workers = {name: start(threads, 0.99, samples, **setting) for name, setting in SETTINGS.items()}
        for beside in (False, True):
            times: dict[str, list[float]] = {name: [] for name in workers}
            with busy_process(beside):
                for _ in range(rounds):
                    for name, worker in workers.items():
                        times[name] += worker.ask("steps", count=count)
            rows += [{"setting": name, "beside a busy process": beside, "times": times[name]} for name in workers]
        for worker in workers.values():
            worker.close()
    return rows


@contextmanager
def cores(count: int) -> Iterator[None]:
    """Processes started in this context share so many cores, as if the machine had no others."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def busy_process(wanted: bool) -> Iterator[None]:
    """Something else that computes without end."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if wanted else None
    try:
        yield
    finally:
        if process:
            process.kill()
            process.wait()


def print_scaling(rows: list[dict[str, Any]]) -> None:
    print("Seconds an epoch: best round (median), and the speed-up\n")
    body = []
    for row in rows:
        one = row["seconds"]["1"]
        for count, times in row["seconds"].items():
            gains = [one[which] / times[which] for which in ("minimum", "median")]
            seconds = f"{times['minimum']:.3f} ({times['median']:.3f})"
            body.append([f"{row['sparsity']:.0%}", count, seconds, f"{gains[0]:.2f} × ({gains[1]:.2f} ×)"])
    harness.table(["sparsity", "threads", "epoch (s)", "speed-up"], body)


def print_stalls(rows: list[dict[str, Any]]) -> None:
    print("Times of single steps at 99 %\n")
    body = []
    for row in rows:
        times = np.sort(row["times"])
        share = times[-max(1, len(times) // 100) :].sum() / times.sum()
        cells = [
            harness.time_text(value)
            for value in (times[0], *np.percentile(times, PERCENTILES), times[-1], times.mean())
        ]
        body.append([row["setting"], "yes" if row["beside a busy process"] else "no", *cells, f"{share:.0%}"])
    header = ["threads", "busy process", "fastest", *(f"{p} %" for p in PERCENTILES), "slowest", "mean"]
    harness.table([*header, "time in the slowest 1 %"], body)


def plot(path: Path, rows: list[dict[str, Any]], scaled: list[dict[str, Any]]) -> None:
    """Speed-up with the number of threads; and which share of the steps takes longer than t."""
    figure = harness.new_figure(11.4, 3.8)
    first, *axes = figure.subplots(1, 3)
    axes[1].sharex(axes[0])
    axes[1].sharey(axes[0])
    plot_scaling(first, scaled)
    for ax, beside in zip(axes, (False, True), strict=True):
        for row in rows:
            if row["beside a busy process"] == beside:
                times = 1000 * np.sort(row["times"])
                share = 1 - np.arange(times.size) / times.size
                name = row["setting"]
                ax.step(times, share, where="post", label=name, color=COLOURS[name], linewidth=2)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_title("beside a busy process" if beside else "alone")
        ax.set_xlabel("time t of a step (ms)")
        harness.bare(ax)
    axes[0].set_ylabel("share of steps that take t or longer")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    figure.savefig(path)


def plot_scaling(ax: Axes, scaled: list[dict[str, Any]]) -> None:
    """Fastest rounds, relative to one thread."""
    counts = [int(count) for count in scaled[0]["seconds"]]
    ax.plot(counts, counts, color="0.5", linestyle=":", label="ideal")
    for row, color, marker in zip(scaled, ("#E69F00", "#CC79A7"), "os", strict=True):
        seconds = [times["minimum"] for times in row["seconds"].values()]
        gains = [seconds[0] / each for each in seconds]
        ax.plot(counts, gains, color=color, marker=marker, linewidth=2, label=f"{row['sparsity']:.0%} sparse")
    ax.set_xticks(counts)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("threads")
    ax.set_ylabel("speed-up of an epoch")
    ax.set_title("bound, alone")
    harness.bare(ax)
    ax.legend(frameon=False, fontsize=8)


def main(
    threads: harness.Threads = 2,
    short: harness.Short = False,
    json_file: harness.JsonFile = None,
    plot_file: harness.PlotFile = None,
) -> None:
    """Speed-up with the number of threads; stalls of threads that are not bound."""
    facts = harness.heading(threads)
    samples = 2000 if short else SAMPLES
    scaled = [scaling(threads, sparsity, samples, rounds=2 if short else 5) for sparsity in SPARSITIES]
    print_scaling(scaled)
    stalled = stalls(threads, samples, rounds=2 if short else 10, count=30 if short else 500)
    print_stalls(stalled)
    harness.write_json(json_file, facts, scaling=scaled, steps=stalled)
    if plot_file:
        plot(plot_file, stalled, scaled)


if __name__ == "__main__":
    harness.run(main, CONTENDERS)
