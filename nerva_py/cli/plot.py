"""Loss and accuracy over the epochs, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nerva_py.errors import NervaError
from nerva_py.files import write_atomically
from nerva_py.training import History

COLOURS = {"train": "#4477aa", "test": "#ee6677"}  # told apart with any colour vision, and in print


def check_format(path: Path) -> str:
    """The format that the name of the file tells, png if it has no ending. Raises NervaError for an unknown one."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    known = FigureCanvasAgg.get_supported_filetypes()
    ending = path.suffix.removeprefix(".").lower() or "png"
    if ending not in known:
        raise NervaError(f"--plot {path}: unknown format {ending!r}. Known: {', '.join(sorted(known))}")
    return ending


def save_plot(path: Path, history: History, title: str) -> None:
    """Draw the loss and, if there is one, the accuracy, on training and test data. The file is written whole or not at all."""
    # No pyplot: it would look for a screen and keep the figure.
    from matplotlib.figure import Figure

    panels = ["loss", "accuracy"] if any(epoch.train_accuracy is not None for epoch in history) else ["loss"]
    figure = Figure(figsize=(5 * len(panels), 3.6), layout="constrained", dpi=150)
    for position, quantity in enumerate(panels, 1):
        _draw(figure.add_subplot(1, len(panels), position), history, quantity)
    figure.suptitle(title, fontsize=11)
    ending = check_format(path)
    write_atomically(path, lambda file: figure.savefig(file, format=ending))


def _draw(axes: Any, history: History, quantity: str) -> None:
    from matplotlib.ticker import MaxNLocator

    for part in ("train", "test"):
        points = [(epoch.epoch, getattr(epoch, f"{part}_{quantity}")) for epoch in history]
        points = [(number, value) for number, value in points if value is not None]
        if points:
            marker = "o" if len(points) < 40 else None
            axes.plot(
                *zip(*points, strict=True), color=COLOURS[part], marker=marker, markersize=3, label=_label(part, points)
            )
    axes.set_xlabel("epoch")
    axes.set_ylabel(quantity)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


def _label(part: str, points: Sequence[tuple[int, float]]) -> str:
    return f"{part}, at last {points[-1][1]:.4g}"
