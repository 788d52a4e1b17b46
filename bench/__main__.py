"""All experiments, one after another: a short version of each, or the full one.

    python bench [--full] [--only "epoch;memory"] [--data-dir DIR] [--folder DIR] [--threads 2]

Each writes NAME.json and NAME.png into the folder: bench/results/short, or bench/results/full for the full versions. The
committed results in bench/results itself are only replaced if that folder is named, and only by full versions. Without
CIFAR-10 in `--data-dir` the timings use random bytes of its shape; the accuracies of the short version are those of the
digits data set, which needs no download; the full version downloads what it lacks. An experiment that fails does not hinder
the others. Every script can be run alone, with more options: `python bench/epoch.py --help`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

BENCH = Path(__file__).resolve().parent
COMMITTED = BENCH / "results"


@dataclass(frozen=True)
class Experiment:
    """`data`: which versions take `--data-dir`."""

    script: str
    what: str
    arguments: tuple[str, ...] = ()
    data: tuple[str, ...] = ()


BOTH = ("short", "full")
EXPERIMENTS = {
    "products": Experiment("products.py", "the three products against MKL, torch CSR, SciPy and dense BLAS"),
    "threads": Experiment("threads.py", "what a second thread gains, and the stall of threads that are not bound"),
    "dense_end": Experiment("dense_end.py", "layers of density 0.4 to 0.95 in CSR, beside dense and masked ones"),
    "inference": Experiment("inference.py", "latency of one sample, throughput of batches"),
    "memory": Experiment("memory.py", "memory of model, training state and step; size on disk"),
    "width": Experiment("width.py", "hidden layers of 1024 to 131072: time, memory, what no longer fits"),
    "scale": Experiment("scale.py", "1.8 million neurons with SET, and as many neurons as fit"),
    "distributed": Experiment("distributed.py", "1, 2 and 4 ranks by MPI, and a prediction for more"),
    "topology": Experiment("topology.py", "cost of SET and RigL updates in training steps", data=BOTH),
    "epoch": Experiment("epoch.py", "seconds an epoch against sparsity, all contenders", data=BOTH),
    "phases": Experiment("epoch.py", "where the time of a step goes", ("--phases",), BOTH),
    "accuracy": Experiment("accuracy.py", "accuracy against density, static, SET and RigL", data=("full",)),
}


def main(
    full: Annotated[
        bool, typer.Option("--full", help="The full versions: hours, most of them for the accuracies.")
    ] = False,
    only: Annotated[str, typer.Option(help="Which experiments, separated by semicolons.")] = ";".join(EXPERIMENTS),
    folder: Annotated[
        Path | None, typer.Option(help="Where results go [default: bench/results/short or .../full]")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="CIFAR-10; without it, random bytes of its shape.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of every contender.")] = 2,
) -> None:
    """Run the experiments of bench/, each with JSON and a picture."""
    version = "full" if full else "short"
    names = list(dict.fromkeys(name.strip() for name in only.split(";") if name.strip()))
    if unknown := [name for name in names if name not in EXPERIMENTS]:
        raise typer.BadParameter(f"{unknown[0]!r}; choose from {', '.join(EXPERIMENTS)}", param_hint="--only")
    if data_dir is not None and not data_dir.is_dir():
        raise typer.BadParameter(f"there is no directory {data_dir}", param_hint="--data-dir")
    target = (folder or COMMITTED / version).resolve()
    if not full and target == COMMITTED:
        raise typer.BadParameter(
            f"{folder} holds the committed results; short ones go elsewhere", param_hint="--folder"
        )
    target.mkdir(parents=True, exist_ok=True)

    rows: list[tuple[str, str, float]] = []
    try:
        for position, name in enumerate(names, 1):
            print(f"\n[{position}/{len(names)}] {name}, {version}: {EXPERIMENTS[name].what}\n", flush=True)
            start = time.perf_counter()
            failed = run(name, version, target, data_dir, threads)
            rows.append((name, failed or "done", time.perf_counter() - start))
            print(f"\n[{position}/{len(names)}] {name}: {rows[-1][1]} after {rows[-1][2]:.0f} s", flush=True)
    except KeyboardInterrupt:
        rows.append((names[len(rows)], "interrupted", 0.0))
    show(rows, target)
    if any(state == "interrupted" for _, state, _ in rows):
        raise typer.Exit(130)
    if any(state != "done" for _, state, _ in rows):
        raise typer.Exit(1)


def run(name: str, version: str, target: Path, data_dir: Path | None, threads: int) -> str | None:
    """One experiment in a process of its own; what went wrong, or None."""
    files = [target / f"{name}.json", target / f"{name}.png"]
    if version == "short":
        # Accuracies go on where the file ends; and what is left of an earlier run would look like success.
        for file in files:
            file.unlink(missing_ok=True)
    code = subprocess.run(command(name, version, files, data_dir, threads), check=False).returncode
    if code:
        return f"FAILED with exit code {code}"
    missing = [file.name for file in files if not file.exists()]
    return f"FAILED: wrote no {' and no '.join(missing)}" if missing else None


def command(name: str, version: str, files: list[Path], data_dir: Path | None, threads: int) -> list[str]:
    """What is run."""
    experiment = EXPERIMENTS[name]
    arguments = [*experiment.arguments, "--threads", str(threads), "--json", str(files[0]), "--plot", str(files[1])]
    if version == "short":
        arguments.append("--short")
    if data_dir is not None and version in experiment.data:
        arguments += ["--data-dir", str(data_dir.resolve())]
    return [sys.executable, str(BENCH / experiment.script), *arguments]


def show(rows: list[tuple[str, str, float]], target: Path) -> None:
    """What became of each."""
    print(f"\nResults in {target}:\n")
    for name, state, seconds in rows:
        files = " ".join(file.name for ending in ("json", "png") if (file := target / f"{name}.{ending}").exists())
        print(f"  {name:10} {seconds:7.0f} s  {files:28} {state}".rstrip())


if __name__ == "__main__":
    typer.run(main)
