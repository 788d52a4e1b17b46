"""What a change of the topology costs: one update against one training step, whole epochs, against nnz and K·D, a large layer.

    python bench/topology.py [--data-dir DIR] [--parts "update;epochs;scaling;large"] [--short] [--json FILE] [--plot FILE]

- update: microseconds to drop, grow, remap and rebuild the CSC view of a 1024×3072 layer of density 0.01 after a real step
  with 100 samples, and the same in training steps of 3072-1024-512-10 at overall density 0.01. Less than 1 for SET, 5 for RigL.
- epochs: seconds an epoch of that network, static and with RigL(0.3, every=100, stop=1.0), in turns. Less than 10 % more.
- scaling: seconds of an update with random growth against nnz and against K·D. Linear in one, flat in the other;
  a row costs something even when it is empty, so there is a part O(K), which the curve K = D shows at its end.
- large: a 600,000×600,000 layer with 12 million weights and momentum: create, prune 30 % and regrow, CSC. Under 1 GiB.

Every part runs in a process of its own with the threads bound. Medians, where nothing else is said.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import machine
import numpy as np
import typer

WORKERS = str(Path(__file__).with_name("topology_workers.py"))
DYNAMIC = "RigL(0.3, every=100, stop=1.0)"
BARS = {"SET(0.3)": 1.0, "RigL(0.3)": 5.0}  # training steps
OVERHEAD_BAR, MEMORY_BAR = 10.0, 1024.0  # percent, MiB
PARTS = ("update", "epochs", "scaling", "large")

FULL = {
    "update": {"warm_up": 500, "rounds": 40},
    "epochs": {"epochs": 7},
    "scaling": {
        "work": 3 * 10**7,
        "nnz": [10**4, 3 * 10**4, 10**5, 3 * 10**5, 10**6, 3 * 10**6, 10**7],
        "products": [10**6, 10**7, 10**8, 10**9, 10**10, 10**11],
        "fixed_nnz": 200_000,
    },
    "large": {"size": 600_000, "nnz": 12_000_000},
}
SHORT: dict[str, dict[str, Any]] = {
    "update": {"warm_up": 20, "rounds": 15},
    "epochs": {"epochs": 2},
    "scaling": {"work": 10**6, "nnz": [10**4, 10**5, 10**6], "products": [10**6, 10**8, 10**10]},
    "large": {"size": 60_000, "nnz": 1_200_000},
}


def start(part: str, options: dict[str, Any], threads: int) -> subprocess.Popen[str]:
    """A process that measures."""
    command = [sys.executable, WORKERS, part, json.dumps(options)]
    environment = machine.environment(threads)
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def answer(process: subprocess.Popen[str]) -> Any:
    """What it says next."""
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{process.args}: the process ended; see its message above")
    return json.loads(line)


def measure(part: str, options: dict[str, Any], threads: int) -> Any:
    """The figures of one part."""
    if part == "epochs":
        return epochs(options, threads)
    process = start(part, options, threads)
    result = answer(process)
    process.communicate()
    return result


def epochs(options: dict[str, Any], threads: int) -> dict[str, Any]:
    """Two processes train in turns. The first epoch of each is a rehearsal."""
    count = options["epochs"]
    options = {**options, "epochs": count + 1}
    processes = {name: start("epochs", {**options, "method": name}, threads) for name in ("Static", DYNAMIC)}
    for process in processes.values():
        answer(process)
    seconds: dict[str, list[float]] = {name: [] for name in processes}
    for _ in range(count + 1):
        for name, process in processes.items():
            assert process.stdin
            print(file=process.stdin, flush=True)
            seconds[name].append(answer(process))
    for process in processes.values():
        process.communicate()
    kept = {name: times[1:] for name, times in seconds.items()}
    median, low = ({name: f(times) for name, times in kept.items()} for f in (statistics.median, min))
    return {
        "seconds": seconds,
        "median": median,
        "minimum": low,
        "overhead_percent_of_medians": 100 * (median[DYNAMIC] / median["Static"] - 1),
        "overhead_percent_of_minima": 100 * (low[DYNAMIC] / low["Static"] - 1),
    }


def exponent(points: list[dict[str, Any]], axis: str) -> float:
    """Of the power law through these points: the slope of a line in log-log."""
    x = [np.log(p["K"] * p["D"] if axis == "KD" else p[axis]) for p in points]
    return float(np.polyfit(x, [np.log(p["seconds"]) for p in points], 1)[0])


# ------------------------------------------------------------------------------------------------------------------- tables


def table(results: dict[str, Any]) -> str:
    """Everything that was measured, with the bars."""
    return "\n\n".join(TABLES[part](results[part]) for part in PARTS if part in results)


def verdict(holds: bool, bar: str) -> str:
    return f"{bar}: {'yes' if holds else 'NO'}"


def update_table(result: dict[str, Any]) -> str:
    layer = result["layer"]
    K, D = layer["shape"]
    lines = [
        f"one update of a {K}×{D} layer with {layer['nnz']} weights, batch {layer['batch']}; "
        f"a training step takes {result['step_us']:.0f} µs, at least {result['step_minimum_us']:.0f}",
        f"{'':22}{'drop':>8}{'grow':>8}{'remap':>8}{'CSC':>8}{'total µs':>10}{'min':>8}{'steps':>8}{'of min':>8}",
    ]
    for name, row in result["methods"].items():
        cells = "".join(f"{row[f'{phase}_us']:8.0f}" for phase in ("drop", "grow", "remap", "csc"))
        bar = "  " + verdict(row["steps"] < BARS[name], f"< {BARS[name]:g}") if name in BARS else ""
        lines.append(
            f"{name:22}{cells}{row['total_us']:10.0f}{row['minimum_us']:8.0f}{row['steps']:8.2f}"
            f"{row['steps_of_minima']:8.2f}{bar}"
        )
    return "\n".join(lines)


def epochs_table(result: dict[str, Any]) -> str:
    lines = [f"{'seconds an epoch':34}{'median':>8}{'min':>8}"]
    lines += [f"{name:34}{result['median'][name]:8.3f}{result['minimum'][name]:8.3f}" for name in result["median"]]
    medians, minima = result["overhead_percent_of_medians"], result["overhead_percent_of_minima"]
    bar = verdict(medians < OVERHEAD_BAR, f"< {OVERHEAD_BAR:g} %")
    lines.append(f"{'overhead':34}{medians:7.1f}%{minima:7.1f}%  {bar}")
    return "\n".join(lines)


def scaling_table(result: dict[str, Any]) -> str:
    lines = [f"{'update with random growth':34}{'K':>10}{'D':>12}{'nnz':>12}{'ms':>10}"]
    for axis, curves in result.items():
        for curve in curves:
            points = curve["points"]
            lines += [
                f"{curve['label'] if p is points[0] else '':34}{p['K']:10}{p['D']:12}{p['nnz']:12}"
                f"{1000 * p['seconds']:10.3f}"
                for p in points
            ]
            lines.append(f"{'':10}seconds ∝ {NAMES[axis]}^{exponent(points, axis):.2f}")
    return "\n".join(lines)


def large_table(result: dict[str, Any]) -> str:
    n, peak = result["shape"][0], result["peak_MiB"]
    head = f"{n}×{n}, {result['nnz']} weights"
    parts = ", ".join(f"{name} {seconds:.2f}" for name, seconds in result["update_parts_seconds"].items())
    bar = verdict(peak["csc"] < MEMORY_BAR, f"< {MEMORY_BAR:g} MiB")
    return "\n".join(
        [
            f"{head:34}{'seconds':>8}{'peak MiB':>10}",
            f"{'imports':34}{'':8}{peak['imports']:10.0f}",
            f"{'create':34}{result['create_seconds']:8.2f}{peak['create']:10.0f}",
            f"{'coverage of its support':34}{result['coverage_seconds']:8.2f}{peak['coverage']:10.0f}",
            f"{'prune 30 % and regrow':34}{result['update_seconds']:8.2f}{peak['update']:10.0f}  ({parts})",
            f"{'CSC view':34}{result['csc_seconds']:8.2f}{peak['csc']:10.0f}  {bar}",
        ]
    )


NAMES = {"nnz": "nnz", "KD": "(K·D)"}
TABLES = {"update": update_table, "epochs": epochs_table, "scaling": scaling_table, "large": large_table}


# ------------------------------------------------------------------------------------------------------------------ picture


def plot(result: dict[str, Any], file: Path) -> None:
    """Two panels, log-log, with one scale of time."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
    colours = iter(("#0072B2", "#D55E00", "#009E73"))
    for axes, axis in zip(panels, ("nnz", "KD"), strict=True):
        for curve in result[axis]:
            points = curve["points"]
            x = np.array([p["K"] * p["D"] if axis == "KD" else p["nnz"] for p in points], float)
            y = np.array([1000 * p["seconds"] for p in points])
            label = f"{curve['label']}: ∝ {NAMES[axis]}$^{{{exponent(points, axis):.2f}}}$"
            axes.loglog(x, y, "o-", color=next(colours), label=label, markersize=5)
            if axis == "nnz":
                axes.loglog(x, y[-1] * x / x[-1], ":", color="0.5", label="a line of slope 1", zorder=0)
        axes.grid(which="major", color="0.9")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="upper left")
    one, other = result["nnz"][0]["points"][0], result["KD"][0]["points"][0]
    panels[0].set(
        xlabel="number of weights nnz", ylabel="milliseconds an update",
        title=f"at $K \\cdot D = {power(one['K'] * one['D'])}$",
    )  # fmt: skip
    panels[1].set(xlabel="positions $K \\cdot D$", title=f"at nnz = {other['nnz']:,}".replace(",", "\u2009"))
    figure.suptitle("One update of a layer's topology: magnitude drop 0.3, random growth, momentum")
    figure.savefig(file, dpi=160)
    plt.close(figure)


def power(n: int) -> str:
    """10^8 in TeX, or the number."""
    digits = len(str(n)) - 1
    return f"10^{{{digits}}}" if n == 10**digits else str(n)


def main(
    data_dir: Annotated[Path | None, typer.Option(help="CIFAR-10; without it, random bytes of its shape.")] = None,
    parts: Annotated[str, typer.Option(help="What to measure, separated by semicolons.")] = ";".join(PARTS),
    short: Annotated[bool, typer.Option(help="Smaller and fewer: does it run?")] = False,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")] = None,
    plot_file: Annotated[Path | None, typer.Option("--plot", help="Draw the part `scaling` into this file.")] = None,
) -> None:
    """What a change of the topology costs."""
    chosen = [part.strip() for part in parts.split(";")]
    if unknown := [part for part in chosen if part not in PARTS]:
        raise typer.BadParameter(f"{unknown[0]!r}; choose from {', '.join(PARTS)}", param_hint="--parts")
    if plot_file and "scaling" not in chosen:
        raise typer.BadParameter("the picture needs the part 'scaling'", param_hint="--plot")
    facts = machine.facts(threads)
    print(
        f"{facts['processor']}, {threads} threads, {facts['binding']}, data: {'CIFAR-10' if data_dir else 'random bytes'}"
    )
    results: dict[str, Any] = {}
    for part in chosen:
        settings = {**FULL[part], **(SHORT[part] if short else {}), "data_dir": str(data_dir) if data_dir else None}
        results[part] = measure(part, settings, threads)
        print(f"\n{TABLES[part](results[part])}", flush=True)
        if json_file:
            document = {**facts, "data": "CIFAR-10" if data_dir else "random bytes", "short": short, **results}
            json_file.write_text(json.dumps(document, indent=1) + "\n")
    if plot_file:
        plot(results["scaling"], plot_file)


if __name__ == "__main__":
    typer.run(main)
