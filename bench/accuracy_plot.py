"""The picture of `accuracy.py`: test accuracy against density; a line a method, a band over the seeds, a panel a network."""

from __future__ import annotations

import os
import statistics
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harness

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Runs = list[dict[str, Any]]
Logged = Mapping[float, tuple[float, float]]

# Okabe and Ito's colours, by what the method's name begins with; the others take turns.
STYLES = {
    "Static": {"color": "#0072B2", "marker": "o"},
    "SET": {"color": "#009E73", "marker": "s"},
    "RigL": {"color": "#D55E00", "marker": "^"},
}
OTHERS = ({"color": "#CC79A7", "marker": "v"}, {"color": "#E69F00", "marker": "P"}, {"color": "#56B4E9", "marker": "X"})
LOGS = (("Nerva, its authors' log", "#000000", "--"), ("masked PyTorch, their log", "#777777", "-."))
LOGGED_NETWORK = ("cifar10", (1024, 512))  # whose figures were logged


def draw(runs: Runs, logged: Logged) -> Figure:
    """Mean over the seeds, the band from the worst to the best of them."""
    networks = list(dict.fromkeys(_network(run) for run in runs))
    figure = harness.new_figure(5.6 * max(1, len(networks)), 4.4)
    panels = figure.subplots(1, max(1, len(networks)), squeeze=False)[0]
    for ax, network in zip(panels, networks, strict=False):
        chosen = [run for run in runs if _network(run) == network]
        for name, style in zip(_methods(chosen), _styles(_methods(chosen)), strict=True):
            _line(ax, [run for run in chosen if run["method"] == name], name, style)
        if network == LOGGED_NETWORK:
            _logs(ax, logged, {run["density"] for run in chosen})
        _finish(ax, network, chosen)
    return figure


def why_not(path: Path) -> str | None:
    """What prevents a picture there; None if nothing is known to."""
    from matplotlib.figure import Figure

    formats = sorted(Figure().canvas.get_supported_filetypes())
    if path.suffix.lstrip(".") not in formats:
        return f"the name must end with one of {', '.join('.' + each for each in formats)}"
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        return f"there is no directory {path.parent} that can be written"
    return None


def _network(run: dict[str, Any]) -> tuple[str, tuple[int, ...]]:
    return run["dataset"], tuple(run["hidden"])


def _methods(runs: Runs) -> list[str]:
    return list(dict.fromkeys(run["method"] for run in runs))


def _styles(names: list[str]) -> list[dict[str, Any]]:
    others = iter(OTHERS * (1 + len(names)))
    known = (next((STYLES[kind] for kind in STYLES if name.startswith(kind)), None) for name in names)
    taken: list[dict[str, Any]] = []
    for style in known:
        taken.append(style if style and style not in taken else next(others))
    return taken


def _line(ax: Axes, runs: Runs, name: str, style: dict[str, Any]) -> None:
    densities = sorted({run["density"] for run in runs})
    found = [[100 * run["accuracy"] for run in runs if run["density"] == density] for density in densities]
    ax.fill_between(
        densities, list(map(min, found)), list(map(max, found)), color=style["color"], alpha=0.2, linewidth=0
    )
    ax.plot(densities, [statistics.mean(each) for each in found], label=name, markersize=5, **style)


def _logs(ax: Axes, logged: Logged, densities: set[float]) -> None:
    """The logged figures, as far as there are runs beside them."""
    x = [density for density in sorted(logged) if min(densities) <= density <= max(densities)]
    for i, (label, color, dashes) in enumerate(LOGS):
        ax.plot(
            x, [100 * logged[density][i] for density in x], label=label, color=color, linestyle=dashes, linewidth=1.2
        )


def _finish(ax: Axes, network: tuple[str, tuple[int, ...]], runs: Runs) -> None:
    densities = sorted({run["density"] for run in runs})
    name, hidden = network
    counts = Counter((run["density"], run["method"]) for run in runs).values()
    least, most = min(counts), max(counts)
    seeds = f"{most} seeds" if least == most else f"{least} to {most} seeds"
    epochs = "/".join(str(count) for count in sorted({run["epochs"] for run in runs}))
    ax.set_xscale("log")
    ax.set_xticks(densities, [f"{100 * density:g} %" for density in densities], fontsize=8)
    ax.set_xticks([], minor=True)
    ax.set_xlabel("density (share of weights that are not zero)")
    ax.set_ylabel("test accuracy of the last epoch (%)")
    layers = "-".join(map(str, hidden))
    ax.set_title(f"{name}, hidden layers {layers}, {epochs} epochs, {seeds}", fontsize=10, loc="left")
    harness.bare(ax)
    ax.legend(frameon=False, fontsize=8)
