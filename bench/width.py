"""Wide networks at 1 % density: seconds a training step and memory, 3072 inputs, three hidden layers, 10 outputs.

    python bench/width.py [--threads 2] [--short] [--json FILE] [--plot FILE] [--widest 131072]

A step is gathering the batch of 100 (random data), forward, backward and the Nesterov update, of the networks of
`memory.py`: nerva_py, truly sparse with Erdős–Rényi densities, and masked PyTorch with a float32 mask. A process each for
every width; steps alternate between the two; fastest step and median of rounds. A network is only built where what it
will take (see BYTES) is available; the rest is said not to fit. The exponent of the time in the number of weights is
fitted by least squares on both logarithms, over widths whose step is dominated by its weights (LARGE or more).
"""

from __future__ import annotations

import functools
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import harness
import memory
import numpy as np
import typer

DENSITY, HIDDEN, INPUTS, OUTPUTS = 0.01, 3, 3072, 10
WIDTHS = (1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)
LARGE = 4096
# Predicted need. Ours: value, gradient, momentum, three arrays of indices, 4 bytes each, for each weight; and 8 bytes
# twice while positions are drawn. PyTorch's: weight, mask, gradient, momentum for each element.
BYTES = {"nerva_py": 40, "masked PyTorch": 16}
RESERVE = 1.1  # times what is predicted, for the rest
MEGABYTES = 500 * 2**20  # for libraries, data and activations


class NervaPy(memory.NervaPy):
    def time(self, count: int) -> harness.Times:
        return harness.least_and_median(self.steps(memory.BATCH, count))


class MaskedPyTorch(memory.MaskedPyTorch):
    def time(self, count: int) -> harness.Times:
        return harness.least_and_median(self.steps(memory.BATCH, count))


CONTENDERS = {"nerva_py": NervaPy, "masked PyTorch": MaskedPyTorch}


def layer_sizes(width: int) -> list[int]:
    return [INPUTS, *[width] * HIDDEN, OUTPUTS]


def needed(name: str, width: int) -> float:
    """Predicted bytes."""
    sizes = layer_sizes(width)
    dense = sum(D * K for D, K in pairwise(sizes))
    return RESERVE * BYTES[name] * dense * (DENSITY if name == "nerva_py" else 1) + MEGABYTES


def measure(width: int, threads: int, rounds: int) -> dict[str, Any]:
    """Both contenders, as far as they fit, at one width."""
    from nerva_py.network.footprint import available_memory

    row: dict[str, Any] = {"width": width}
    workers: dict[str, harness.Process] = {}
    counts: dict[str, int] = {}
    for name in CONTENDERS:
        need, have = needed(name, width), available_memory()
        if have is not None and need > have:
            row[name] = {"needed": need, "available": have}
            continue
        workers |= harness.processes(__file__, [name], threads)
        if name in workers:
            nnz = workers[name].ask("build", sizes=layer_sizes(width), density=DENSITY)
            once = workers[name].ask("time", count=2)["minimum"]  # compiles, allocates
            counts[name] = int(np.clip(0.3 / once, 1, 200))
            row[name] = {"nnz": nnz}
    times = harness.alternate(
        {name: functools.partial(worker.ask, "time", count=counts[name]) for name, worker in workers.items()}, rounds
    )
    for name, worker in workers.items():
        row[name] |= {"seconds": times[name], "memory": worker.ask("grown"), "peak": worker.ask("peak")}
        worker.close()
    return row


def exponent(rows: list[dict[str, Any]], name: str) -> tuple[float, int] | None:
    """Slope of log time over log nnz, and of how many widths."""
    points = [
        (row[name]["nnz"], row[name]["seconds"]["minimum"])
        for row in rows
        if row["width"] >= LARGE and "seconds" in row.get(name, {})
    ]
    if len(points) < 2:
        return None
    x, y = np.log(np.array(points)).T
    return float(np.polyfit(x, y, 1)[0]), len(points)


def print_rows(rows: list[dict[str, Any]]) -> None:
    def cells(found: dict[str, Any]) -> list[str]:
        if "needed" in found:
            return [f"does not fit: {harness.size_text(found['needed'])}", "–"]
        if "seconds" not in found:
            return ["–", "–"]
        times = [harness.time_text(found["seconds"][which]) for which in ("minimum", "median")]
        return [f"{times[0]} ({times[1]})", harness.size_text(found["memory"])]

    body = []
    for row in rows:
        ours, theirs = (row.get(name, {}) for name in CONTENDERS)
        both = "seconds" in ours and "seconds" in theirs
        ratio = f"{theirs['seconds']['minimum'] / ours['seconds']['minimum']:.1f} ×" if both else "–"
        body.append([row["width"], f"{ours['nnz']:,}" if "nnz" in ours else "–", *cells(ours), *cells(theirs), ratio])
    header = ["width", "weights", "nerva_py: step", "memory", "masked PyTorch: step", "memory", "ratio"]
    print("Fastest step (median); memory resident after training\n")
    harness.table(header, body)
    for name in CONTENDERS:
        if fitted := exponent(rows, name):
            print(f"{name}: time ∝ weights^{fitted[0]:.2f} (fitted over {fitted[1]} widths from {LARGE} on)")


def plot(path: Path, rows: list[dict[str, Any]]) -> None:
    """Step time and memory over the width."""
    figure = harness.new_figure(8.4, 3.8)
    axes = figure.subplots(1, 2)
    for ax, quantity in zip(axes, ("seconds", "memory"), strict=True):
        for name in CONTENDERS:
            chosen = [row for row in rows if quantity in row.get(name, {})]
            heights = [
                row[name]["seconds"]["minimum"] if quantity == "seconds" else row[name]["memory"] / 1e9
                for row in chosen
            ]
            style = harness.STYLES[name]
            ax.plot([row["width"] for row in chosen], heights, label=name, markersize=5, **style)
            if chosen and quantity == "memory" and any("needed" in row.get(name, {}) for row in rows):
                ax.annotate(
                    "  the next does not fit", (chosen[-1]["width"], heights[-1]), fontsize=8,
                    color=style["color"], va="center",
                )  # fmt: skip
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_xticks([row["width"] for row in rows], [str(row["width"]) for row in rows], rotation=45)
        ax.set_xlabel("width of the three hidden layers")
        harness.bare(ax)
    axes[0].set_ylabel("time a training step (s), batch 100")
    axes[1].set_ylabel("resident memory (GB)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
    figure.savefig(path)


def main(
    threads: harness.Threads = 2,
    short: harness.Short = False,
    json_file: harness.JsonFile = None,
    plot_file: harness.PlotFile = None,
    widest: Annotated[int, typer.Option(help="No network wider than this.", min=1024)] = WIDTHS[-1],
) -> None:
    """Step time and memory of wide networks at 1 % density."""
    facts = harness.heading(threads)
    rows: list[dict[str, Any]] = []
    for width in WIDTHS[:2] if short else [w for w in WIDTHS if w <= widest]:
        rows.append(measure(width, threads, rounds=2 if short else 5))
        harness.write_json(json_file, facts, rows=rows)
    fitted = {name: found[0] for name in CONTENDERS if (found := exponent(rows, name))}
    harness.write_json(json_file, facts, rows=rows, exponents=fitted)
    print_rows(rows)
    if plot_file:
        plot(plot_file, rows)


if __name__ == "__main__":
    harness.run(main, CONTENDERS)
