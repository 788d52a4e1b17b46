"""A small network as neurons and lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nerva_py.errors import NervaError
from nerva_py.network import MLP

from .style import BLUE, RED, axes_or_new
from .weights import support_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_WEIGHTS, MOST_NEURONS = 1500, 64  # in all, in a layer; more is a blot
THIN, THICK = 0.3, 3.0  # points: of a weight of 0, of the largest

STYLES: dict[str, dict[str, Any]] = {
    "weight = 0": {"color": "0.6", "linestyle": "-"},
    "weight > 0": {"color": BLUE, "linestyle": "-"},
    "weight < 0": {"color": RED, "linestyle": (0, (4, 1.5))},
}


def network_diagram(
    network: MLP,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The neurons of a small network, layer by layer from the left, and a line for each weight that exists.

    Positive weights are solid and blue, negative ones dashed and red, kept ones of value 0 grey; the width is proportional to
    the magnitude, the same in all layers. A neuron with no weight on one of its sides, as sparse training leaves them, is
    hollow. Batch normalisation and dropout have no neurons and are not drawn. At most 1,500 weights, and 64 neurons a layer.
    Raises NervaError.
    """
    sizes = network.sizes
    if network.nnz > MOST_WEIGHTS or max(sizes) > MOST_NEURONS:
        raise NervaError(
            f"network has {network.nnz:,} weights and up to {max(sizes):,} neurons a layer; at most {MOST_WEIGHTS:,} and "
            f"{MOST_NEURONS} can be told apart in a diagram. sparsity() and connectivity() draw larger ones"
        )
    places = [_places(layer, size, sizes) for layer, size in enumerate(sizes)]
    ax = axes_or_new(ax, (1.2 + 1.7 * len(sizes), 1.2 + min(0.22 * max(max(sizes), 12), 7.0)))
    edges = [_edges(layer.W.value) for layer in network.linear_layers]
    _draw_edges(ax, places, edges)
    hollow = _draw_neurons(ax, places, edges)
    titles = ["input", *(layer.output.name for layer in network.linear_layers)]
    top = max(place[:, 1].max() for place in places)
    for place, title in zip(places, titles, strict=True):
        text = f"{title}\n{len(place)}"
        ax.annotate(text, (place[0, 0], top), (0, 10), textcoords="offset points", ha="center", va="bottom", fontsize=9)
    _write(ax, places[0], input_names, "input_names", -1)
    _write(ax, places[-1], output_names, "output_names", 1)
    _finish(ax, edges, hollow)
    return ax


Edges = tuple[np.ndarray, np.ndarray, np.ndarray]


def _places(layer: int, size: int, sizes: Sequence[int]) -> np.ndarray:
    """(x, y) of each neuron, the first at the top; small layers are spread a little, and stand in the middle."""
    height = max(max(sizes) - 1, 1)
    step = min(height / max(size - 1, 1), 0.5 + 0.5 * height / max(size, 1), 3.0)
    y = ((size - 1) / 2 - np.arange(size)) * step
    return np.column_stack((np.full(size, float(layer)), y))


def _edges(W: Any) -> Edges:
    """(neurons, inputs, weights) of what exists."""
    support = support_of(W)
    rows = support.rows()
    return rows, support.indices, W.data


def _draw_edges(ax: Axes, places: list[np.ndarray], edges: list[Edges]) -> None:
    from matplotlib.collections import LineCollection

    ends = [np.stack((places[l][inputs], places[l + 1][rows]), axis=1) for l, (rows, inputs, _) in enumerate(edges)]
    lines, weights = np.concatenate(ends), np.concatenate([weights for _, _, weights in edges])
    magnitudes = np.abs(weights)
    widths = THIN + (THICK - THIN) * magnitudes / (magnitudes.max(initial=0) or 1)
    for (label, style), chosen in zip(STYLES.items(), (weights == 0, weights > 0, weights < 0), strict=True):
        if chosen.any():
            segments, thickness = lines[chosen].tolist(), widths[chosen].tolist()
            ax.add_collection(LineCollection(segments, linewidths=thickness, zorder=1, label=label, **style))


def _draw_neurons(ax: Axes, places: list[np.ndarray], edges: list[Edges]) -> bool:
    """Whether some are not connected on both of their sides."""
    any_hollow = False
    for layer, place in enumerate(places):
        connected = np.ones(len(place), bool)
        if layer > 0:
            connected &= np.bincount(edges[layer - 1][0], minlength=len(place)) > 0
        if layer < len(edges):
            connected &= np.bincount(edges[layer][1], minlength=len(place)) > 0
        fills = np.where(connected, "0.25", "white")
        ax.scatter(place[:, 0], place[:, 1], s=36, c=fills.tolist(), edgecolors="0.25", linewidths=1, zorder=2)
        any_hollow |= not connected.all()
    return any_hollow


def _write(ax: Axes, places: np.ndarray, names: Sequence[str] | None, argument: str, side: int) -> None:
    """Beside the neurons: to the left (−1) or to the right (1)."""
    if names is None:
        return
    if len(names) != len(places):
        raise NervaError(f"{argument} must be {len(places)} names, one a neuron, not {len(names)}")
    where = "right" if side < 0 else "left"
    for place, name in zip(places, names, strict=True):
        offset = (7 * side, 0)
        ax.annotate(str(name), place, offset, textcoords="offset points", ha=where, va="center", fontsize=8)


def _finish(ax: Axes, edges: list[Edges], hollow: bool) -> None:
    from matplotlib.lines import Line2D

    largest = max((float(np.abs(weights).max(initial=0)) for _, _, weights in edges), default=0.0)
    drawn = {str(collection.get_label()) for collection in ax.collections}
    handles = [Line2D([], [], label=label, **style) for label, style in STYLES.items() if label in drawn]
    if hollow:
        circle: dict[str, Any] = {"marker": "o", "markerfacecolor": "white", "markeredgecolor": "0.25"}
        handles.append(Line2D([], [], linestyle="", label="no weight enters or leaves", **circle))
    if handles:
        ax.legend(
            handles=handles,
            title=f"thickest: |weight| = {largest:.3g}",
            loc="upper center",
            bbox_to_anchor=(0.5, 0),
            ncols=min(len(handles), 2 if len(edges) < 3 else 4),
            frameon=False,
            fontsize=8,
            title_fontsize=8,
            handlelength=3,
        )
    ax.margins(0.06)
    ax.set_axis_off()
