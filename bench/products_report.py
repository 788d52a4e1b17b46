"""What `products.py` says about its rows: tables, the bar, and the picture."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import harness

BATCH = 100  # of the sweep over densities
BATCH_DENSITY = 0.01  # of the sweep over batch sizes
PRODUCTS = {"Y": "Y = X Wᵀ", "DX": "DX = DY W", "DW": "DW on the support"}
LIBRARIES = ("sparse_dot_mkl", "MKL")  # that we are compared with
BAR, BAR_DENSITIES = 1.3, (0.005, 0.2)  # faster than these by this factor, at densities from .. to


def united(passes: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The rows of passes over the same cases: of each time the fastest call and the median of medians."""
    result = []
    for rows in zip(*passes, strict=True):
        handles = [row["mkl_handle_seconds"] for row in rows]
        result.append(
            {
                **rows[0],
                "seconds": {
                    name: harness.merged([row["seconds"][name] for row in rows]) for name in rows[0]["seconds"]
                },
                "mkl_handle_seconds": harness.merged(handles) if handles[0] else None,
            }
        )
    return result


def rate(row: dict[str, Any], name: str, which: str = "median") -> float | None:
    """GFLOP/s."""
    times = row["seconds"].get(name)
    return 2e-9 * row["N"] * row["nnz"] / times[which] if times else None


def against(name: str, row: dict[str, Any], which: str) -> float | None:
    """Our speed as a multiple of another's."""
    return row["seconds"][name][which] / row["seconds"]["nerva_py"][which] if name in row["seconds"] else None


def print_rates(rows: list[dict[str, Any]], names: list[str], first: str) -> None:
    def cell(row: dict[str, Any], name: str) -> str:
        if name not in row["seconds"]:
            return "–"
        return f"{rate(row, name, 'minimum'):.3g} ({rate(row, name):.3g})"

    for product, formula in PRODUCTS.items():
        print(f"{formula}: GFLOP/s of the fastest call (of the median)\n")
        body = []
        for row in rows:
            if row["product"] == product:
                ours = harness.time_text(row["seconds"]["nerva_py"]["minimum"])
                ratios = [against(name, row, "minimum") for name in LIBRARIES]
                ratio_text = " / ".join("–" if ratio is None else f"{ratio:.2f}" for ratio in ratios)
                body.append(
                    [shape_text(row["shape"]), row[first], *(cell(row, name) for name in names), ours, ratio_text]
                )
        harness.table(["K×D", first, *names, "our time", " / ".join(f"× {name}" for name in LIBRARIES)], body)


def print_bar(rows: list[dict[str, Any]]) -> None:
    low, high = BAR_DENSITIES
    for product, formula in PRODUCTS.items():
        inside = [r for r in rows if r["product"] == product and low <= r["density"] <= high and r["N"] == BATCH]
        for name, which in itertools.product(LIBRARIES, ("minimum", "median")):
            ratios = [(ratio, r) for r in inside if (ratio := against(name, r, which)) is not None]
            if ratios:
                least, row = min(ratios, key=lambda pair: pair[0])
                verdict = "reached" if least >= BAR else "missed"
                where = f"{shape_text(row['shape'])} at density {row['density']}"
                print(f"{formula}, {which}: {least:.2f} × {name} or more (least: {where}); bar {BAR} ×: {verdict}")
    print()


def print_handles(rows: list[dict[str, Any]]) -> None:
    print("MKL: to make and destroy a handle, against a product Y that has one\n")
    chosen = [row for row in rows if row["product"] == "Y" and row["N"] == BATCH]
    times = [(row["mkl_handle_seconds"]["minimum"], row["seconds"]["MKL"]["minimum"]) for row in chosen]
    body = [
        [shape_text(row["shape"]), row["density"], *map(harness.time_text, both)]
        for row, both in zip(chosen, times, strict=True)
    ]
    harness.table(["K×D", "density", "handle", "Y"], body)


def shape_text(shape: tuple[int, int]) -> str:
    return "×".join(map(str, shape))


def plot(path: Path, rows: list[dict[str, Any]], names: list[str]) -> None:
    """GFLOP/s of the first shape over the density and over the batch size."""
    figure = harness.new_figure(11, 6.4)
    shape = rows[0]["shape"]
    axes = figure.subplots(2, 3, sharey=True)
    for (product, formula), upper, lower in zip(PRODUCTS.items(), *axes, strict=True):
        upper.set_title(formula)
        for ax, x, fixed in ((upper, "density", ("N", BATCH)), (lower, "N", ("density", BATCH_DENSITY))):
            chosen = [r for r in rows if r["shape"] == shape and r["product"] == product and r[fixed[0]] == fixed[1]]
            for name in names:
                points = sorted((row[x], rate(row, name, "minimum")) for row in chosen if name in row["seconds"])
                if points:
                    ax.plot(*zip(*points, strict=True), label=name, markersize=5, **harness.STYLES[name])
            ax.set_xscale("log")
            ax.set_yscale("log")
            harness.bare(ax)
        upper.set_xlabel(f"density of W, {shape_text(shape)}, batch {BATCH}")
        lower.set_xlabel(f"batch size N, density {BATCH_DENSITY}")
    for ax in axes[:, 0]:
        ax.set_ylabel("GFLOP/s (2·N·nnz)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    figure.savefig(path)
