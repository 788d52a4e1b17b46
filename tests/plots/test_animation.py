"""What is recorded while a network learns, and the GIF that shows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from nerva_py import load_dataset, method, mlp, plots, train
from nerva_py.errors import NervaError, ShapeError
from nerva_py.plots import ConnectivityRecorder


@pytest.fixture(scope="module")
def recorded() -> tuple[ConnectivityRecorder, np.ndarray]:
    """Three epochs of SET on digits, and the degrees at their end."""
    data = load_dataset("digits")
    network = mlp("ReLU;Linear", [64, 50, 10], layer_densities=[0.1, 0.5], seed=1)
    recorder = ConnectivityRecorder()
    callbacks = [method("SET(0.3)"), recorder]
    train(network, data, epochs=3, learning_rate=0.02, seed=1, statistics=False, callbacks=callbacks)
    return recorder, np.bincount(network.linear_layers[0].W.value.support.indices, minlength=64)


def test_degrees_before_training_and_after_each_epoch(recorded: tuple[ConnectivityRecorder, np.ndarray]) -> None:
    recorder, last = recorded
    before = mlp("ReLU;Linear", [64, 50, 10], layer_densities=[0.1, 0.5], seed=1).linear_layers[0].W.value.support
    assert recorder.epochs == [0, 1, 2, 3]
    assert recorder.degrees.shape == (4, 64)
    assert recorder.degrees[0].tolist() == np.bincount(before.indices, minlength=64).tolist()
    assert recorder.degrees[3].tolist() == last.tolist()
    assert set(recorder.degrees.sum(axis=1)) == {320}


def test_a_frame_an_epoch_in_colours_that_mean_the_same(
    recorded: tuple[ConnectivityRecorder, np.ndarray], tmp_path: Path
) -> None:
    recorder, last = recorded
    path = tmp_path / "c.gif"
    plots.connectivity_gif(recorder, (1, 8, 8), path, fps=4)
    with Image.open(path) as gif:
        frames, durations = [], []
        for number in range(gif.n_frames):
            gif.seek(number)
            frames.append(np.asarray(gif.convert("RGB")).astype(int))
            durations.append(gif.info["duration"])
    assert len(frames) == 4
    assert durations == [250, 250, 250, 1500]
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_size < 200_000
    # Each pixel of the last frame has the colour of its degree, on a scale that all frames share.
    white = frames[3].min(axis=2) < 255
    assert white.any()
    largest = recorder.degrees.max()
    for frame, degrees in ((frames[0], recorder.degrees[0]), (frames[3], last)):
        expected = {tuple(np.round(255 * np.array(colormaps["viridis"](d / largest)[:3])).astype(int)) for d in degrees}
        found = np.unique(frame.reshape(-1, 3), axis=0)
        for colour in expected:
            assert np.abs(found - colour).max(axis=1).min() <= 3
    assert (frames[0] != frames[3]).any()
    assert (frames[0][0, 0] == 255).all()


def test_twenty_epochs_of_mnist_take_less_than_a_megabyte(tmp_path: Path) -> None:
    recorder = ConnectivityRecorder()
    rng = np.random.default_rng(0)
    recorder.epochs = list(range(21))
    recorder._degrees = list(rng.poisson(20, (21, 784)))
    plots.connectivity_gif(recorder, (1, 28, 28), tmp_path / "c.gif")
    assert (tmp_path / "c.gif").stat().st_size < 1_000_000


def test_a_second_run_is_recorded_anew() -> None:
    data = load_dataset("mini")
    network = mlp("ReLU;Linear", [8, 16, 3], overall_density=0.3, seed=1)
    recorder = ConnectivityRecorder()
    for epochs in (2, 1):
        train(network, data, epochs=epochs, seed=1, statistics=False, callbacks=[recorder])
    assert recorder.epochs == [0, 1]


def test_errors_name_what_is_wrong(recorded: tuple[ConnectivityRecorder, np.ndarray], tmp_path: Path) -> None:
    recorder, _ = recorded
    for fps in (0, -1, 51, "5"):
        with pytest.raises(NervaError, match=rf"fps must be .* not {fps!r}"):
            plots.connectivity_gif(recorder, (1, 8, 8), tmp_path / "c.gif", fps)  # type: ignore[arg-type]
    with pytest.raises(NervaError, match="recorder: nothing is recorded"):
        plots.connectivity_gif(ConnectivityRecorder(), (1, 8, 8), tmp_path / "c.gif")
    with pytest.raises(ShapeError, match=r"image_shape must be .* product of 64"):
        plots.connectivity_gif(recorder, (1, 8, 9), tmp_path / "c.gif")
    with pytest.raises(NervaError, match="cannot be written"):
        plots.connectivity_gif(recorder, (1, 8, 8), tmp_path / "missing" / "c.gif")
    assert not list(tmp_path.iterdir())
