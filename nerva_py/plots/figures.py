"""Figures of several panels: how training went, and how the topology developed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerva_py.network import MLP
from nerva_py.training import History

from .epochs import QUANTITIES, Runs, coverage, learning_curve, runs_of
from .matrices import connectivity, degrees
from .style import figure_or_new

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


def training(history: Runs, figure: Figure | SubFigure | None = None) -> Figure | SubFigure:
    """The loss and, in classification, the accuracy on training and on test data after each epoch; of several histories
    means and bands, as `learning_curve` draws them. Raises NervaError."""
    accuracies = any(epoch.train_accuracy is not None for run in runs_of(history) for epoch in run)
    panels = QUANTITIES if accuracies else QUANTITIES[:1]
    figure = figure_or_new(figure, (5 * len(panels), 3.6))
    for place, quantity in enumerate(panels, 1):
        learning_curve(history, quantity, figure.add_subplot(1, len(panels), place))
    return figure


def topology(
    history: History,
    network: MLP,
    image_shape: tuple[int, int, int] | None = None,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """R_s over the epochs that a topology callback has measured; and of the first layer of the network as it is now: the
    weights of each input, as an image where `image_shape` tells that inputs are pixels, and both degree distributions."""
    figure = figure_or_new(figure, (10, 7))
    # Rows of their own, so that the legend of the first takes no width from the second.
    above, below = (row.subplots(1, 2) for row in figure.subfigures(2, 1, squeeze=False)[:, 0])
    coverage(history, above[0])
    connectivity(network, image_shape, above[1])
    degrees(network, 1, "out", below[0])
    degrees(network, 1, "in", below[1])
    return figure
