"""What all pictures share: colours that are told apart with any colour vision and in print, and bare axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib import colormaps
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# Paul Tol's "bright" scheme, of which yellow is too light for lines on white.
BLUE, RED, GREEN, PURPLE, CYAN = "#4477aa", "#ee6677", "#228833", "#aa3377", "#66ccee"
BRIGHT = (BLUE, RED, GREEN, PURPLE, CYAN)
LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))  # told apart where there is no colour
AMOUNT = "viridis"  # colour map of counts and densities: rises evenly in lightness


def axes_or_new(ax: Axes | None, size: tuple[float, float] = (5.2, 3.6)) -> Axes:
    """The axes given, or those of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt  # not before: it looks for a screen

    return plt.subplots(figsize=size, layout="constrained")[1]


def figure_or_new(figure: Figure | SubFigure | None, size: tuple[float, float]) -> Figure | SubFigure:
    """The figure given, or a new one."""
    if figure is not None:
        return figure
    import matplotlib.pyplot as plt

    return plt.figure(figsize=size, layout="constrained")


def colours(count: int) -> Sequence[object]:
    """A colour for each of that many lines; of many they are steps of a scale, as layers have an order, too."""
    if count <= len(BRIGHT):
        return BRIGHT[:count]
    return [colormaps[AMOUNT](0.9 * position / (count - 1)) for position in range(count)]


def line_styles(count: int) -> list[dict[str, Any]]:
    """Colour and dashes of each of that many lines."""
    return [{"color": colour, "linestyle": LINES[place % len(LINES)]} for place, colour in enumerate(colours(count))]


def plain(ax: Axes) -> None:
    """Axes to the left and below only, with a faint grid behind what is drawn."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.25)
    ax.set_axisbelow(True)


def whole_numbers(most: int = 8) -> MaxNLocator:
    """Ticks at 0, 1, 2, ... or at round multiples; never at fractions of what is counted."""
    return MaxNLocator(nbins=most, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)


def over_epochs(ax: Axes, quantity: str) -> None:
    """Epochs are whole numbers."""
    plain(ax)
    ax.set_xlabel("epoch")
    ax.set_ylabel(quantity)
    ax.xaxis.set_major_locator(whole_numbers())


def marker(points: int) -> str | None:
    """Dots while they can be told apart."""
    return "o" if points < 40 else None
