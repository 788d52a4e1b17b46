"""The picture of `epoch.py --phases`: the shares of a training step, and the products against the machine's dense product."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import harness

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What the calls of a step are, in the order in which they are drawn; the first pattern that fits counts.
KINDS = (
    ("gather", r"gather", "#999999"),
    ("forward: X Wᵀ", r"forward", "#0072B2"),
    ("input gradient: DY W", r"input gradient", "#56B4E9"),
    ("weight gradient: DYᵀ X on W", r"weight gradient", "#009E73"),
    ("activations, loss", r"activation|loss|targets", "#E69F00"),
    ("bias gradients", r"bias gradient", "#CC79A7"),
    ("optimizer", r"update", "#D55E00"),
)
WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 0.3}  # behind a label, so that no line runs through it
PRODUCTS = tuple(label for label, _, _ in KINDS[1:4])


def draw(rows: list[dict[str, Any]]) -> Figure:
    """To the left where the time goes, a bar a sparsity; to the right GFLOP/s of each product, a group a sparsity."""
    figure = harness.new_figure(10.5, 1.6 + 0.55 * max(4, len(rows)))
    shares, rates = figure.subplots(1, 2, width_ratios=(1.15, 1))
    _shares(shares, rows)
    _rates(rates, rows)
    handles, labels = shares.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False, fontsize=8)
    return figure


def kind_of(call: str) -> str:
    """The label of its kind."""
    return next(label for label, pattern, _ in KINDS if re.search(pattern, call))


def _shares(ax: Axes, rows: list[dict[str, Any]]) -> None:
    left = [0.0] * len(rows)
    for label, _, color in KINDS:
        widths = [
            100 * sum(call["ms"] for name, call in row["calls"].items() if kind_of(name) == label) / row["sum_ms"]
            for row in rows
        ]
        ax.barh(range(len(rows)), widths, left=left, color=color, label=label, height=0.7)
        for i, width in enumerate(widths):
            if width >= 6:
                ax.text(left[i] + width / 2, i, f"{width:.0f}", ha="center", va="center", fontsize=8, color="white")
        left = [a + b for a, b in zip(left, widths, strict=True)]
    names = [f"{100 * row['sparsity']:g} %\n{row['step_ms']:.2f} ms" for row in rows]
    ax.set_yticks(range(len(rows)), names, fontsize=8)
    ax.invert_yaxis()
    ax.set_ylabel("sparsity, time of a step")
    ax.set_xlabel("share of a step (%)")
    ax.set_xlim(0, 100)
    ax.spines[["top", "right"]].set_visible(False)


def _rates(ax: Axes, rows: list[dict[str, Any]]) -> None:
    """Bars of the two large layers; the dashed line is the dense product of the first layer's shape."""
    calls = [name for name in rows[0]["calls"] if kind_of(name) in PRODUCTS and name[-1] in "12"]
    colors = {label: color for label, _, color in KINDS}
    height = 0.8 / len(calls)
    for i, name in enumerate(calls):
        places = [j + height * (i - (len(calls) - 1) / 2) for j in range(len(rows))]
        rates = [row["calls"][name]["gflops"] for row in rows]
        bars = ax.barh(
            places, rates, 0.9 * height, color=colors[kind_of(name)], alpha=1 if name.endswith("1") else 0.55
        )
        ax.bar_label(bars, [f"layer {name[-1]}: {rate:.0f}" for rate in rates], fontsize=6, padding=2, bbox=WHITE)
    dense = max(row["machine"]["dense_gflops"] for row in rows)
    ax.axvline(dense, color="black", linestyle="--", linewidth=1, zorder=0.5)
    ax.margins(x=0.13)
    ax.annotate("dense X Wᵀ ", (dense, 1), xycoords=("data", "axes fraction"), ha="right", va="bottom", fontsize=8)
    ax.set_yticks(range(len(rows)), [f"{100 * row['sparsity']:g} %" for row in rows], fontsize=8)
    ax.invert_yaxis()
    ax.set_xlabel("GFLOP/s (2·N·nnz)")
    harness.bare(ax)
