"""Lines over the epochs of a history: losses, accuracies, and which share of all positions has ever had a weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from nerva_py.errors import NervaError, unknown
from nerva_py.training import History

from .style import axes_or_new, line_styles, marker, over_epochs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTS = ("train", "test")
QUANTITIES = ("loss", "accuracy")
Runs = History | Sequence[History]  # one run, or the runs of several seeds


def learning_curve(history: Runs, quantity: str = "loss", ax: Axes | None = None) -> Axes:
    """The loss or the accuracy on training and on test data after each epoch.

    Of several histories, as several seeds give them, the mean, within a band of one sample standard deviation to either
    side, over the epochs that all of them have. Raises NervaError.
    """
    _check(quantity=(quantity, QUANTITIES))
    ax = axes_or_new(ax)
    for part, style in zip(PARTS, line_styles(len(PARTS)), strict=True):
        _draw(ax, history, f"{part}_{quantity}", part, style)
    return _finished(ax, quantity)


def comparison(
    histories: Mapping[str, Runs], quantity: str = "accuracy", part: str = "test", ax: Axes | None = None
) -> Axes:
    """One learning curve a name, for comparing methods: {"SET": [history, history], "RigL": [history, history]}.

    `part`: "train" or "test" data. Means and bands are those of `learning_curve`; the legend stands beside
    the axes. Raises NervaError.
    """
    _check(quantity=(quantity, QUANTITIES), part=(part, PARTS))
    if not isinstance(histories, Mapping) or not histories:
        raise NervaError(f"histories must be a dictionary of at least one name and its histories, not {histories!r}")
    ax = axes_or_new(ax, (7.4, 3.6))
    for (name, history), style in zip(histories.items(), line_styles(len(histories)), strict=True):
        _draw(ax, history, f"{part}_{quantity}", str(name), style)
    _finished(ax, f"{part} {quantity}")
    if ax.lines:
        ax.legend(frameon=False, handlelength=3, loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def _check(**arguments: tuple[str, Sequence[str]]) -> None:
    for argument, (given, known) in arguments.items():
        if given not in known:
            raise unknown(argument, str(given), known)


def runs_of(history: Runs) -> list[History]:
    """The histories, of which there must be one at least."""
    runs = [history] if isinstance(history, History) else list(history)
    if not runs or not all(isinstance(run, History) for run in runs):
        raise NervaError(f"history must be a History, as train() returns it, or a list of these, not {history!r}")
    return runs


def _draw(ax: Axes, history: Runs, field: str, name: str, style: dict[str, Any]) -> None:
    """Nothing, where no epoch has the statistic."""
    runs = runs_of(history)
    found = [{epoch.epoch: getattr(epoch, field) for epoch in run if getattr(epoch, field) is not None} for run in runs]
    epochs = sorted(set.intersection(*map(set, found)))
    if not epochs:
        return
    values = np.array([[run[epoch] for epoch in epochs] for run in found])
    mean, label = values.mean(axis=0), f"{name}, at last {values[:, -1].mean():.4g}"
    if len(runs) > 1:
        deviation = values.std(axis=0, ddof=1)
        label = f"{label} ± {deviation[-1]:.2g}, {len(runs)} runs"
        ax.fill_between(epochs, mean - deviation, mean + deviation, color=style["color"], alpha=0.2, linewidth=0)
    ax.plot(epochs, mean, marker=marker(len(epochs)), markersize=3, label=label, **style)


def _finished(ax: Axes, quantity: str) -> Axes:
    over_epochs(ax, quantity)
    if ax.lines:
        ax.legend(frameon=False, handlelength=3)
    return ax


def coverage(history: History, ax: Axes | None = None) -> Axes:
    """R_s after each epoch, for each layer and, in black, for the whole network, as a topology callback has measured it.

    The legend stands beside the axes and has the last values.
    """
    numbers, measured = topologies(history)
    layers = [
        [topology["layers"][place]["R_s"] for topology in measured] for place in range(len(measured[0]["layers"]))
    ]
    ax = axes_or_new(ax)
    points: dict[str, Any] = {"marker": marker(len(numbers)), "markersize": 3}
    for place, (shares, style) in enumerate(zip(layers, line_styles(len(layers)), strict=True), 1):
        ax.plot(numbers, shares, label=f"layer {place}  {shares[-1]:#.3g}", **points, **style)
    shares = [topology["R_s"] for topology in measured]
    ax.plot(numbers, shares, color="black", linewidth=2.2, zorder=1.9, label=f"network  {shares[-1]:#.3g}", **points)
    over_epochs(ax, "$R_s$, share of positions ever used")
    _share_axis(ax, [share for line in [shares, *layers] for share in line if share > 0])
    ax.legend(
        frameon=False,
        handlelength=3,
        loc="upper left",
        bbox_to_anchor=(1, 1),
        title=f"$R_s$, epoch {numbers[-1]}",
        alignment="left",
    )
    return ax


def _share_axis(ax: Axes, shares: list[float]) -> None:
    """From 0; logarithmic where a small dense layer would leave nothing to see of the others."""
    low, high = min(shares, default=1.0), max(shares, default=1.0)
    if high <= 10 * low:
        ax.set_ylim(0, 1.08 * high)
        return
    ax.set_yscale("log")
    ax.set_ylim(low / 1.25, high * 1.25)
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda share, place: f"{share:g}"))
    ax.yaxis.set_minor_locator(NullLocator())


def topologies(history: History) -> tuple[list[int], list[dict[str, Any]]]:
    """Numbers of the epochs in which a topology was measured, and what was measured. Raises NervaError if in none."""
    measured = [(epoch.epoch, epoch.measures["topology"]) for epoch in history if "topology" in epoch.measures]
    if not measured:
        raise NervaError(
            f"history: none of its {len(history)} epochs has measured a topology; "
            'train(..., callbacks=[method("Static")]) does, and so does every other method'
        )
    numbers, found = zip(*measured, strict=True)
    return list(numbers), list(found)
