"""Pictures of a run: the format that the name of a file tells, and files that are written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from nerva_py.data import Dataset
from nerva_py.errors import NervaError
from nerva_py.files import write_atomically
from nerva_py.network import MLP
from nerva_py.plots import ConnectivityRecorder, connectivity_gif, topology, training
from nerva_py.training import Callback, History

OF_TOPOLOGY = ("gif", "pdf", "png", "svg")


def format_of(path: Path) -> str:
    """The format that the name of the file tells; png if it has no ending."""
    return path.suffix.removeprefix(".").lower() or "png"


def check_format(option: str, path: Path, known: Collection[str] = ()) -> None:
    """Refuse a format that is not known; without any, those that matplotlib draws are. Raises NervaError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    formats = known or FigureCanvasAgg.get_supported_filetypes()
    if format_of(path) not in formats:
        raise NervaError(f"{option} {path}: unknown format {format_of(path)!r}. Known: {', '.join(sorted(formats))}")


def check_images(path: Path, data: Dataset) -> None:
    """A GIF shows pixels."""
    if format_of(path) == "gif" and data.image_shape is None:
        raise NervaError(f"--topology-plot {path}: {data.name} has no images to animate; give a .png, .svg or .pdf")


def save_training_plot(path: Path, history: History, title: str) -> None:
    """Loss and accuracy."""
    panels = 1 if all(epoch.train_accuracy is None for epoch in history) else 2
    _save(path, (5.0 * panels, 3.6), title, lambda figure: training(history, figure))


def recorders(path: Path) -> list[ConnectivityRecorder]:
    """What --topology-plot needs beside a method."""
    return [ConnectivityRecorder()] if format_of(path) == "gif" else []


def save_topology_plot(
    path: Path, history: History, network: MLP, data: Dataset, callbacks: Sequence[Callback], title: str
) -> None:
    """R_s, degrees and connectivity; or what a recorder among the callbacks has seen of the pixels over the epochs."""
    for callback in callbacks:
        if isinstance(callback, ConnectivityRecorder) and data.image_shape is not None:
            connectivity_gif(callback, data.image_shape, path)
            return
    _save(path, (10.0, 7.0), title, lambda figure: topology(history, network, data.image_shape, figure))


def _save(path: Path, size: tuple[float, float], title: str, draw: Callable[[Any], object]) -> None:
    # No pyplot: it would look for a screen and keep the figure.
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained", dpi=150)
    draw(figure)
    figure.suptitle(title, fontsize=11)
    write_atomically(path, lambda file: figure.savefig(file, format=format_of(path)))
