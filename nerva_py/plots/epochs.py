"""Lines over the epochs of a history: losses, accuracies, and which share of all positions has ever had a weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from nerva_py.errors import NervaError, unknown
from nerva_py.training import History

from .style import BLUE, RED, axes_or_new, colours, marker, over_epochs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTS = {"train": BLUE, "test": RED}
QUANTITIES = ("loss", "accuracy")


def learning_curve(history: History, quantity: str = "loss", ax: Axes | None = None) -> Axes:
    """The loss or the accuracy on training and on test data after each epoch."""
    if quantity not in QUANTITIES:
        raise unknown("quantity", quantity, QUANTITIES)
    ax = axes_or_new(ax)
    for part, colour in PARTS.items():
        points = [(epoch.epoch, getattr(epoch, f"{part}_{quantity}")) for epoch in history]
        points = [(number, value) for number, value in points if value is not None]
        if points:
            label = f"{part}, at last {points[-1][1]:.4g}"
            ax.plot(*zip(*points, strict=True), color=colour, marker=marker(len(points)), markersize=3, label=label)
    over_epochs(ax, quantity)
    if ax.lines:
        ax.legend(frameon=False)
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
    style: dict[str, Any] = {"marker": marker(len(numbers)), "markersize": 3}
    for place, (shares, colour) in enumerate(zip(layers, colours(len(layers)), strict=True), 1):
        ax.plot(numbers, shares, color=colour, label=f"layer {place}  {shares[-1]:#.3g}", **style)
    shares = [topology["R_s"] for topology in measured]
    ax.plot(numbers, shares, color="black", linewidth=2.2, label=f"network  {shares[-1]:#.3g}", **style)
    over_epochs(ax, "$R_s$, share of positions ever used")
    _share_axis(ax, [share for line in [shares, *layers] for share in line if share > 0])
    ax.legend(
        frameon=False, loc="upper left", bbox_to_anchor=(1, 1), title=f"$R_s$, epoch {numbers[-1]}", alignment="left"
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
