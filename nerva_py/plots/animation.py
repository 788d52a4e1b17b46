"""How the connectivity of the inputs changes while a network learns, as an animated picture."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps

from nerva_py.errors import NervaError
from nerva_py.files import write_atomically
from nerva_py.quantities import real
from nerva_py.training import Callback, Epoch, Run

from .matrices import draw_pixels
from .style import AMOUNT
from .weights import as_image, degrees_of, matrix_of

if TYPE_CHECKING:
    from PIL.Image import Image

SHADES = 200  # of the 256 colours of a GIF; the others are greys, for the text
LAST = 1.5  # seconds for which the last picture stays


class ConnectivityRecorder(Callback):
    """Counts the weights that leave each input, before training and after each epoch: `degrees` (epochs + 1, D).

    It sees each epoch after the method has changed the topology.
    """

    def __init__(self) -> None:
        self.epochs: list[int] = []
        self._degrees: list[np.ndarray] = []

    def on_train_begin(self, run: Run) -> None:
        self.epochs, self._degrees = [], []
        self._record(run, 0)

    def on_epoch_end(self, run: Run, epoch: Epoch) -> None:
        self._record(run, epoch.epoch)

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": self.epochs, "degrees": self._degrees}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        self.epochs, self._degrees = list(saved["epochs"]), list(saved["degrees"])

    def _record(self, run: Run, epoch: int) -> None:
        self.epochs.append(epoch)
        self._degrees.append(degrees_of(matrix_of(run.network), "out").astype(np.int32))

    @property
    def degrees(self) -> np.ndarray:
        """A row for each recorded epoch, a column for each input."""
        return np.array(self._degrees)


def connectivity_gif(
    recorder: ConnectivityRecorder, image_shape: tuple[int, int, int], path: str | PathLike[str], fps: float = 5
) -> None:
    """Write what was recorded as a GIF: a picture an epoch, as `connectivity` draws it, in colours that mean the same in all.

    The file is written whole or not at all. Raises NervaError.
    """
    fps = real("fps", fps, above=0, most=50, allowed="a number of pictures a second, more than 0 and at most 50")
    if not recorder.epochs:
        raise NervaError("recorder: nothing is recorded yet; give it to train(..., callbacks=[..., recorder])")
    pictures = _pictures(recorder, [as_image(degrees, image_shape) for degrees in recorder.degrees])
    duration = [1000 / fps] * len(pictures)
    duration[-1] = max(duration[-1], 1000 * LAST)
    write_atomically(
        Path(path),
        lambda file: pictures[0].save(
            file, format="GIF", save_all=True, append_images=pictures[1:], duration=duration, loop=0
        ),
    )


def _pictures(recorder: ConnectivityRecorder, images: list[np.ndarray]) -> list[Image]:
    """One figure, of which only image and title change."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    figure = Figure(figsize=(4.2, 3.6), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    ax = figure.add_subplot()
    draw_pixels(ax, images[0], max(int(image.max()) for image in images))
    palette = _palette()
    pictures = []
    for epoch, image in zip(recorder.epochs, images, strict=True):
        ax.images[0].set_data(image)
        ax.set_title(f"epoch {epoch}" if epoch else "before training")
        canvas.draw()
        picture = Image.fromarray(_nearest(np.asarray(canvas.buffer_rgba()), palette))
        picture.putpalette(palette.tobytes())
        pictures.append(picture)
    return pictures


def _nearest(pixels: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """For each pixel the number of the nearest colour, uint8 (height, width). (Pillow's own search is not exact.)"""
    packed = np.ascontiguousarray(pixels).view(np.uint32)[:, :, 0]
    colours, which = np.unique(packed, return_inverse=True)
    channels = colours[:, None].view(np.uint8)[:, :3].astype(np.int64)
    distances = np.square(channels[:, None] - palette.astype(np.int64)).sum(axis=2)
    return distances.argmin(axis=1).astype(np.uint8)[which].reshape(packed.shape)


def _palette() -> np.ndarray:
    """256 colours (256, 3): those of the colour map, and greys from black to white."""
    shades = colormaps[AMOUNT](np.linspace(0, 1, SHADES))[:, :3]
    greys = np.repeat(np.linspace(0, 1, 256 - SHADES)[:, None], 3, axis=1)
    return np.round(255 * np.concatenate((shades, greys))).astype(np.uint8)
