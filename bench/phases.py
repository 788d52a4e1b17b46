"""Where the time of nerva_py's own step goes: every call of it, timed in the order of the step. For `epoch.py --phases`.

Beside each stands what it does to numbers and to memory, operations and bytes at least (every operand once), as rates; and
for all of them the machine's own: a dense product, a sum of two long vectors, and the launch of a kernel that does nothing.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import harness
import numpy as np
from contenders import batches
from contenders.ours import NervaPy
from contenders.problem import Problem
from numba import prange

from nerva_py.data import gather, targets
from nerva_py.engine import batch_empty
from nerva_py.engine.compiling import kernel
from nerva_py.equations.linear import linear
from nerva_py.matrix import Outer, columns_sum, updated
from nerva_py.sparse import DenseWeight, SparseWeight
from nerva_py.training import Run

ROUNDS, STEPS = 10, 50
EXPLAINED = 0.15  # the sum of the calls and the step may differ by this share of the step


class Clock:
    """Seconds from one lap to the next, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def start(self) -> None:
        self.last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name].append(now - self.last)
        self.last = time.perf_counter()


class Phases:
    """In a process of its own, like a contender."""

    def measure(self, path: str, rounds: int | None = None) -> dict[str, Any]:
        """Milliseconds of each call, of their sum, and of a step taken as training takes it; rounds alternate."""
        problem = Problem.load(path)
        ours, clock, whole = NervaPy(problem), Clock(), []
        with ours.running():
            rows = batches(problem)
            for batch in islice(rows, STEPS):
                ours.step(batch)
            for _ in range(rounds or ROUNDS):
                for batch in islice(rows, STEPS):
                    timed_step(ours, batch, clock)
                for batch in islice(rows, STEPS):
                    start = time.perf_counter()
                    ours.step(batch)
                    whole.append(time.perf_counter() - start)
            machine = roofline(problem)
        calls, least = {}, work(ours, problem.batch_size)
        for name, seconds in clock.seconds.items():
            each = statistics.median(seconds)
            operations, moved = least.get(name, (0, 0))
            calls[name] = {"ms": 1e3 * each, "gflops": operations / each / 1e9, "gbytes": moved / each / 1e9}
        step = 1e3 * statistics.median(whole)
        total = sum(call["ms"] for call in calls.values())
        return {"calls": calls, "sum_ms": total, "step_ms": step, "explained": total / step, "machine": machine}


def timed_step(ours: Any, rows: np.ndarray, clock: Clock) -> None:
    """`nerva_py.training.Run.step`, call by call."""
    run, network, data, lap = ours.run, ours.network, ours.data, clock.lap
    layers = list(enumerate(network.linear_layers, 1))
    run.t += 1
    clock.start()
    X = gather(data.Xtrain, rows, data.scale, data.shift, network.dtype)
    lap("gather")
    T = targets(data.Ttrain, rows, data.num_classes, network.dtype)
    lap("one-hot targets")
    kept = []
    for i, layer in layers:
        Z = linear(X, layer.W.value, layer.b.value)
        lap(f"forward {i}")
        Y = layer.output(Z)
        lap(f"activation {i}")
        kept.append((X, Z, Y))
        X = Y
    DY = run.loss.mean_gradient(X, T, None, len(rows))
    lap("loss gradient")
    waiting: tuple[Any, ...] = ()
    for i, layer in reversed(layers):
        X, Z, Y = kept.pop()
        DZ, _ = layer.output.backward(DY, Z, Y)
        lap(f"activation derivative {i}")
        if i > 1:
            DY = DZ @ layer.W.value
            lap(f"input gradient {i}")
        Db = columns_sum(DZ)
        lap(f"bias gradient {i}")
        if waiting:  # a layer is updated when the one below has gone backward
            update(run, *waiting, lap)
        waiting = i, layer, Outer(DZ, X), Db
    update(run, *waiting, lap)


def update(run: Run, i: int, layer: Any, DW: Outer, Db: np.ndarray, lap: Callable[[str], None]) -> None:
    """`Optimizer.step`, call by call."""
    optimizer = run.optimizers[layer]
    for name, parameter, gradient in (("W", layer.W, DW), ("b", layer.b, Db)):
        if isinstance(gradient, Outer):
            gradient = gradient.on(parameter.value)
            lap(f"weight gradient {i}")
        numbers = (run.learning_rate, optimizer.weight_decay if parameter.decays else 0.0, *optimizer.constants(run.t))
        updated(optimizer.update, parameter.value, gradient, parameter.states, numbers)
        lap(f"update {name}{i}")


def work(ours: Any, N: int) -> dict[str, tuple[float, float]]:
    """Operations and bytes of each call, at least: every operand is read or written once."""
    found: dict[str, tuple[float, float]] = {"gather": (0, (1 + 4) * N * ours.data.num_features)}
    for i, layer in enumerate(ours.network.linear_layers, 1):
        W, (K, D) = layer.W.value, layer.W.value.shape
        sparse = isinstance(W, SparseWeight)
        stored = W.nnz if sparse else K * D
        product = 2 * N * stored, 4 * N * (K + D) + (8 if sparse else 4) * stored  # values, and 4 bytes of indices
        found |= dict.fromkeys((f"forward {i}", f"weight gradient {i}", f"input gradient {i}"), product)
        if layer is not ours.network.linear_layers[-1]:
            found |= {f"activation {i}": (0, 8 * N * K), f"activation derivative {i}": (0, 12 * N * K)}
        found |= {f"bias gradient {i}": (0, 4 * N * K), f"update W{i}": (0, 20 * stored), f"update b{i}": (0, 20 * K)}
    return found


@kernel("F1, F1, F1", parallel=True)
def add(a, b, c):  # type: ignore[no-untyped-def]
    """c = a + b"""
    for i in prange(c.size):
        c[i] = a[i] + b[i]


def roofline(problem: Problem) -> dict[str, float]:
    """GFLOP/s of the first layer's dense product, GB/s of adding vectors too long for the cache, µs of a launch."""
    rng = np.random.default_rng(0)
    K, D = problem.weights[0].shape
    W = DenseWeight(rng.standard_normal((K, D)).astype(np.float32))
    X = batch_empty(problem.batch_size, D)
    X[...] = 1
    a, b, c = (np.ones(2**25, np.float32) for _ in range(3))
    product = harness.seconds(lambda: X @ W.T, 0.5)["minimum"]
    stream = harness.seconds(lambda: add(a, b, c), 0.5)["minimum"]
    launch = harness.seconds(lambda: add(a[:2], b[:2], c[:2]), 0.2)["minimum"]
    return {
        "dense_gflops": 2 * problem.batch_size * K * D / product / 1e9,
        "stream_gbytes": 3 * c.nbytes / stream / 1e9,
        "launch_us": 1e6 * launch,
    }


def ask(process: harness.Process, problem: Problem, sparsity: float, rounds: int) -> dict[str, Any]:
    """Measure in that process."""
    if reason := process.ready():
        raise SystemExit(reason)
    with tempfile.TemporaryDirectory() as folder:
        found = process.ask("measure", path=str(problem.save(Path(folder) / "problem.npz")), rounds=rounds)
    process.close()
    return {"sparsity": sparsity, **found}


def show(row: dict[str, Any]) -> None:
    """The calls in their order, and whether they explain the step."""
    machine = row["machine"]
    print(f"Sparsity {100 * row['sparsity']:g} %: a step takes {row['step_ms']:.3f} ms; its calls, timed one by one:\n")
    body = []
    for name, call in row["calls"].items():
        of_dense = f"{100 * call['gflops'] / machine['dense_gflops']:.0f} %" if call["gflops"] else ""
        rates = [f"{call[rate]:.1f}" if call[rate] else "" for rate in ("gflops", "gbytes")]
        body.append(
            [name, f"{call['ms']:.4f}", f"{100 * call['ms'] / row['sum_ms']:.1f} %", rates[0], of_dense, rates[1]]
        )
    harness.table(["call", "ms", "share", "GFLOP/s", "of dense", "GB/s"], body)
    verdict = "explains" if abs(row["explained"] - 1) <= EXPLAINED else "DOES NOT EXPLAIN"
    print(f"The sum, {row['sum_ms']:.3f} ms, is {100 * row['explained']:.0f} % of the step, which it {verdict}.")
    print(
        f"This machine: dense product {machine['dense_gflops']:.0f} GFLOP/s, memory {machine['stream_gbytes']:.1f} GB/s, "
        f"launch of a kernel {machine['launch_us']:.1f} µs.\n",
        flush=True,
    )
