"""Seconds an epoch of CIFAR-10, 3072-1024-512-10, batch 100, Nesterov 0.9: nerva_py against all that can train the same.

    python bench/epoch.py [--data-dir DIR] [--sparsities "0.9;0.99"] [--contenders "nerva_py;torch-csr"] [--epochs 5]
                          [--threads 2] [--short] [--phases] [--json FILE] [--plot FILE]

Each contender (see `contenders`) runs in a process of its own with the same threads, bound in the same way; their epochs
alternate; the time includes gathering the mini-batches. All start from the same weights, biases and support, and see the
samples in the same order: before anything is timed, the losses of the first ten steps and the logits after them are
compared, and no ratio is reported of a contender that computes something else. The densities are Erdős–Rényi. At sparsity 0
all weights are trained, and the contenders that know no sparsity take part.

`--short` times 100 steps instead of an epoch, and a contender whose epoch would take longer than `--limit` seconds is timed
by as many steps as fit; both are extrapolated to an epoch, and marked with ~. `--phases` says where the time of nerva_py's
own step goes.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import contenders
import epoch_plot
import harness
import phases_plot
import typer
from contenders.agreement import Evidence, disagreement, evidence
from contenders.problem import Problem, make_problem

SIZES, IMAGE = [3072, 1024, 512, 10], (3, 32, 32)
SPARSITIES, FEW = "0.5;0.8;0.9;0.95;0.98;0.99;0.995;0.999;0", "0.9;0.99;0"
SHORT_STEPS, SHORT_ROUNDS = 100, 2
# Between two turns: Intel's OpenMP runtime lets the threads of the one before spin for 0.2 s, and caches are to be one's own.
PAUSE, WARM_UP = 0.5, 5
BASELINES = ("pytorch-masked", "torch-csr")  # of the reported ratios; at sparsity 0 the first is pytorch-dense
REFERENCES = ("pytorch-masked", "pytorch-dense", "torch-csr")  # what the others are compared with: the first that runs


class Runner:
    """A contender, in its own process."""

    def __init__(self, name: str):
        self.name, self.stack = name, ExitStack()
        contenders.require(name)

    def begin(self, path: str) -> dict[str, Any]:
        """Build it and take the first steps; answers what it computes and how many bytes it keeps."""
        problem = Problem.load(path)
        self.contender = contenders.load(self.name, problem)
        self.stack.enter_context(self.contender.running())
        found = evidence(self.contender, problem)
        self.batches = islice(contenders.batches(problem), len(found.losses), None)
        return {"evidence": found.as_dict(), "nbytes": self.contender.nbytes()}

    def run(self, steps: int) -> float:
        """Seconds of that many steps."""
        start = time.perf_counter()
        for rows in islice(self.batches, steps):
            self.contender.step(rows)
        return time.perf_counter() - start


def phases_contender() -> Any:
    """Imported here only: it brings Numba's threads, which a rival's process must not have."""
    import phases

    return phases.Phases()


def compare(
    problem: Problem, sparsity: float, names: list[str], rounds: int, steps: int, limit: float
) -> dict[str, Any]:
    """Seconds an epoch of all contenders that can run this problem, and their ratios."""
    skipped = {name: reason for name in names if (reason := contenders.unsuitable(name, problem))}
    with tempfile.TemporaryDirectory() as folder:
        path = problem.save(Path(folder) / "problem.npz")
        able = [name for name in names if name not in skipped]
        processes = harness.processes(__file__, able, problem.threads)
        skipped |= {name: "not installed" for name in able if name not in processes}
        found = {name: process.ask("begin", path=str(path)) for name, process in processes.items()}
    seen = {name: Evidence(**answer["evidence"]) for name, answer in found.items()}
    reference = next((name for name in REFERENCES if name in seen), next(iter(seen), ""))
    refused = {n: why for n, each in seen.items() if (why := disagreement(n, each, reference, seen[reference]))}
    for why in refused.values():
        print(f"sparsity {sparsity:g}: {why}; no ratio is reported", file=sys.stderr, flush=True)

    counts = {name: affordable(process, steps, problem.steps, limit) for name, process in processes.items()}
    seconds: dict[str, list[float]] = {name: [] for name in processes}
    for _ in range(rounds):
        for name, process in processes.items():
            time.sleep(PAUSE)
            process.ask("run", steps=WARM_UP)
            seconds[name].append(process.ask("run", steps=counts[name]) * problem.steps / counts[name])
    for process in processes.values():
        process.close()
    return {
        "sparsity": sparsity,
        "density": sum(W.nnz for W in problem.weights) / sum(W.shape[0] * W.shape[1] for W in problem.weights),
        "layer_densities": [W.nnz / (W.shape[0] * W.shape[1]) for W in problem.weights],
        "steps_of_an_epoch": problem.steps,
        "reference": reference,
        "contenders": {
            name: {
                "seconds": times,
                "median": statistics.median(times),
                "minimum": min(times),
                "maximum": max(times),
                "timed_steps": counts[name],
                "nbytes": found[name]["nbytes"],
                "difference_from_reference": seen[name].difference(seen[reference]),
            }
            for name, times in seconds.items()
        },
        "ratios": ratios({name: times for name, times in seconds.items() if name not in refused}),
        "refused": refused,
        "skipped": skipped,
    }


def affordable(process: harness.Process, steps: int, epoch: int, limit: float) -> int:
    """That many steps, or fewer where the whole epoch would take longer than the limit."""
    once = min(process.ask("run", steps=1) for _ in range(3))
    return steps if once * epoch <= limit else min(steps, max(5, int(limit / once)))


def ratios(seconds: dict[str, list[float]]) -> dict[str, dict[str, dict[str, float]]]:
    """baseline -> contender -> how many times faster it is than the baseline, by medians and by minima."""
    bases = [name for name in (*BASELINES, "pytorch-dense") if name in seconds]
    return {
        base: {
            name: {
                "medians": statistics.median(seconds[base]) / statistics.median(times),
                "minima": min(seconds[base]) / min(times),
            }
            for name, times in seconds.items()
            if name != base
        }
        for base in bases
    }


def show(rows: list[dict[str, Any]]) -> None:
    """The markdown table: median and range of each contender, and the ratios of nerva_py."""
    names = [name for name in contenders.CONTENDERS if any(name in row["contenders"] for row in rows)]
    body = []
    for row in rows:
        over = row["ratios"]
        dense = over.get("pytorch-masked") or over.get("pytorch-dense")
        found = [ratio_text(base) for base in (dense, over.get("torch-csr"))]
        times = [time_text(row["contenders"].get(name), row["steps_of_an_epoch"]) for name in names]
        body.append([f"{100 * row['sparsity']:g} %", *times, *found])
    print("Seconds an epoch, median (minimum – maximum); nerva_py's ratios of medians (of minima)\n")
    harness.table(["sparsity", *names, "over PyTorch", "over torch-csr"], body)


def time_text(found: dict[str, Any] | None, epoch: int) -> str:
    if found is None:
        return ""
    mark = "~" if found["timed_steps"] < epoch else ""
    return f"{mark}{found['median']:.3g} ({found['minimum']:.3g} – {found['maximum']:.3g})"


def ratio_text(over: dict[str, dict[str, float]] | None) -> str:
    ours = (over or {}).get("nerva_py")
    return f"{ours['medians']:.1f} × ({ours['minima']:.1f} ×)" if ours else "–"


def load_data(data_dir: Path | None) -> dict[str, Any]:
    """CIFAR-10, or nothing, for which `make_problem` draws random bytes."""
    if data_dir is None:
        return {}
    from nerva_py.data import load_cifar10

    data = load_cifar10(data_dir)
    return {"X": data.Xtrain, "T": data.Ttrain}


def main(
    data_dir: Annotated[Path | None, typer.Option(help="CIFAR-10; without it, random bytes of its shape.")] = None,
    sparsities: Annotated[str | None, typer.Option(help=f"Shares of zeros [default: {SPARSITIES}]")] = None,
    names: Annotated[str, typer.Option("--contenders", help="Who takes part.")] = ";".join(contenders.CONTENDERS),
    epochs: Annotated[int | None, typer.Option(help="Timed epochs of each contender [default: 5].", min=1)] = None,
    threads: harness.Threads = 2,
    short: Annotated[bool, typer.Option("--short", help=f"{SHORT_STEPS} steps, sparsities {FEW}.")] = False,
    limit: Annotated[float, typer.Option(help="Seconds; whose epoch takes longer is timed in part.")] = 60.0,
    only_phases: Annotated[bool, typer.Option("--phases", help="Where nerva_py's time goes, instead.")] = False,
    json_file: harness.JsonFile = None,
    plot: harness.PlotFile = None,
) -> None:
    """Seconds an epoch of CIFAR-10, nerva_py against all that can train the same network."""
    chosen = [contenders.known(name) for name in names.split(";")]
    data = load_data(data_dir)
    facts = harness.heading(threads) | {"data": "CIFAR-10" if data_dir else "random bytes", "sizes": SIZES}
    rows: list[dict[str, Any]] = []
    for sparsity in (float(part) for part in (sparsities or (FEW if short else SPARSITIES)).split(";")):
        problem = make_problem(SIZES, sparsity, **data, image_shape=IMAGE, threads=threads)
        if only_phases:
            import phases

            rounds = SHORT_ROUNDS if short else phases.ROUNDS
            rows.append(phases.ask(harness.Process(__file__, "phases", threads), problem, sparsity, rounds))
            phases.show(rows[-1])
        else:
            rounds, steps = epochs or (SHORT_ROUNDS if short else 5), SHORT_STEPS if short else problem.steps
            rows.append(compare(problem, sparsity, chosen, rounds, steps, limit))
            show(rows[-1:])
        harness.write_json(json_file, facts, **{"phases" if only_phases else "rows": rows})
    if only_phases:
        if plot:
            phases_plot.draw(rows).savefig(plot)
    else:
        show(rows)
        if plot:
            epoch_plot.draw(rows, facts).savefig(plot)
        if any(row["refused"] for row in rows):
            raise SystemExit("Some contenders do not compute the same as the others; see above.")


if __name__ == "__main__":
    served: dict[str, Any] = {name: partial(Runner, name) for name in contenders.CONTENDERS}
    harness.run(main, served | {"phases": phases_contender})
