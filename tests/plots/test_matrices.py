"""Degrees, connectivity and patterns are those of the weights."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest

from nerva_py import mlp, plots
from nerva_py.errors import NervaError, ShapeError
from nerva_py.plots.matrices import block_densities
from nerva_py.sparse import SparseWeight, Support

#   x . . x
#   x . x .
#   x . . .
SUPPORT = Support.at((3, 4), [0, 0, 1, 1, 2], [0, 3, 0, 2, 0])


def bars(ax) -> dict[float, float]:
    """Number of inputs or neurons by the middle of the bar."""
    return {bar.get_x() + bar.get_width() / 2: bar.get_height() for bar in ax.patches if bar.get_height()}


@pytest.mark.parametrize("drawn", [SUPPORT, SparseWeight(SUPPORT, np.ones(5, np.float32))])
@pytest.mark.parametrize(("direction", "expected"), [("out", {0: 1, 1: 2, 3: 1}), ("in", {1: 1, 2: 2})])
def test_degrees_of_every_kind_of_matrix(drawn: object, direction: str, expected: dict[float, float]) -> None:
    ax = plots.degrees(drawn, direction=direction)
    assert {round(degree, 6): count for degree, count in bars(ax).items()} == expected


def test_degrees_of_a_layer_of_a_network() -> None:
    network = mlp("ReLU;Linear", [20, 30, 5], layer_densities=[0.1, 1.0], seed=1)
    ax = plots.degrees(network, 1, "in")
    counts = np.bincount(np.diff(network.linear_layers[0].W.value.support.indptr))
    assert {round(degree): count for degree, count in bars(ax).items()} == {
        degree: count for degree, count in enumerate(counts) if count
    }
    assert ax.get_title().startswith("30 neurons: ")
    assert bars(plots.degrees(network, 2, "out")) == {5: 30}  # dense: each of the 30 has all 5
    assert bars(plots.degrees(network, 2, "in")) == {30: 5}


def test_wide_distributions_have_few_bars_of_equal_whole_width() -> None:
    rng = np.random.default_rng(0)
    W = SparseWeight.random((3000, 500), 0.3, rng)
    ax = plots.degrees(W)
    widths = {round(bar.get_width(), 6) for bar in ax.patches}
    assert len(ax.patches) <= 40
    assert len(widths) == 1
    assert widths.pop() == int(next(iter(ax.patches)).get_width())
    assert sum(bars(ax).values()) == 500
    assert ax.get_yscale() == "linear"


def test_a_long_tail_is_seen() -> None:
    """One input has all 1000 weights, the others one each."""
    rows = np.concatenate((np.arange(1000), np.arange(499)))
    columns = np.concatenate((np.zeros(1000, int), np.arange(1, 500)))
    assert plots.degrees(Support.at((1000, 500), rows, columns)).get_yscale() == "log"


def test_wrong_layers_and_directions_are_refused() -> None:
    network = mlp("ReLU;Linear", [4, 8, 3], seed=1)
    for layer in (0, 3, -1, "1"):
        with pytest.raises(NervaError, match=rf"layer must be from 1 to 2, .* not {layer!r}"):
            plots.degrees(network, layer)  # type: ignore[arg-type]
    with pytest.raises(NervaError, match='"in" or "out", not \'up\''):
        plots.degrees(network, direction="up")


def test_connectivity_adds_up_the_channels_of_a_pixel() -> None:
    network = mlp("ReLU;Linear", [3 * 4 * 5, 40, 2], overall_density=0.1, seed=1)
    degrees = np.bincount(network.linear_layers[0].W.value.support.indices, minlength=60)
    ax = plots.connectivity(network, (3, 4, 5))
    image = ax.images[0]
    assert image.get_array().tolist() == degrees.reshape(3, 20).sum(axis=0).reshape(4, 5).tolist()
    assert image.get_clim() == (0, image.get_array().max())
    assert ax.figure.axes[1].get_ylabel() == "weights of the pixel"


def test_connectivity_of_other_inputs_is_bars() -> None:
    ax = plots.connectivity(SUPPORT)
    (stairs,) = ax.patches
    assert stairs.get_data().values.tolist() == [3, 0, 1, 1]
    assert stairs.get_data().edges.tolist() == [-0.5, 0.5, 1.5, 2.5, 3.5]


def test_many_inputs_are_shown_by_means_of_neighbours() -> None:
    W = SparseWeight.random((50, 1001), 0.2, np.random.default_rng(0))
    values, edges, _ = plots.connectivity(W).patches[0].get_data()
    degrees = np.bincount(W.support.indices, minlength=1001)
    assert len(values) == 334
    assert values[-1] == np.mean(degrees[999:])
    assert edges[-1] == 1000.5
    assert np.sum(values * np.diff(edges)) == pytest.approx(W.nnz)


@pytest.mark.parametrize("shape", [(1, 2, 3), (2, 2), (4,)])
def test_an_image_has_as_many_pixels_as_there_are_inputs(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"image_shape must be .* product of 4"):
        plots.connectivity(SUPPORT, shape)  # type: ignore[arg-type]


def test_a_small_matrix_is_drawn_exactly() -> None:
    ax = plots.sparsity(SUPPORT)
    assert ax.images[0].get_array().tolist() == SUPPORT.mask().tolist()
    assert ax.images[0].get_extent() == [0, 4, 3, 0]
    assert len(ax.figure.axes) == 1
    assert ax.get_title() == "3×4: 5 weights, density 0.417"


@pytest.mark.parametrize(("shape", "blocks"), [((8, 6), 2), ((7, 10), 3), ((5, 100), 8), ((1, 9), 4), ((6, 6), 6)])
def test_densities_of_blocks(shape: tuple[int, int], blocks: int) -> None:
    mask = np.random.default_rng(1).random(shape) < 0.4
    height, width = (min(size, blocks) for size in shape)
    rows, columns = np.arange(shape[0]) * height // shape[0], np.arange(shape[1]) * width // shape[1]
    expected = [[mask[np.ix_(rows == i, columns == j)].mean() for j in range(width)] for i in range(height)]
    np.testing.assert_allclose(block_densities(Support.from_mask(mask), blocks), expected)


def test_blocks_are_large_enough_to_say_something() -> None:
    W = SparseWeight.random((1000, 500), 0.01, np.random.default_rng(0))
    shares = plots.sparsity(W).images[0].get_array()
    assert shares.shape == (35, 35)  # 5000 weights, four a block and more
    assert plots.sparsity(W, bins=10).images[0].get_array().shape == (10, 10)
    assert shares.mean() == pytest.approx(0.01, rel=0.01)


def test_a_matrix_without_weights() -> None:
    assert not plots.sparsity(Support.empty((1000, 1000))).images[0].get_array().any()
    assert bars(plots.degrees(Support.empty((3, 4)))) == {0: 4}
    assert not plots.connectivity(Support.empty((3, 4)), (1, 2, 2)).images[0].get_array().any()


def test_no_dense_array_is_formed() -> None:
    """A byte for each position of this matrix would be 10 GB."""
    W = SparseWeight.random((100_000, 100_000), 1e-6, np.random.default_rng(0))
    ax = plt.figure().add_subplot()
    tracemalloc.start()
    plots.sparsity(W, ax)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


@pytest.mark.parametrize("bins", [0, -1, 2.5])
def test_bins_are_a_positive_integer(bins: float) -> None:
    with pytest.raises(NervaError, match=f"bins must be an integer of at least 1, not {bins}"):
        plots.sparsity(SUPPORT, bins=bins)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(100_000, 50_000), (100_000, 30_000), (90_000, 90_000), (200_000, 10_000)])
def test_the_numbers_below_a_narrow_matrix_do_not_touch(shape: tuple[int, int]) -> None:
    ax = plots.sparsity(SparseWeight.random(shape, 1e-6, np.random.default_rng(0)))
    ax.figure.canvas.draw()
    left, right = ax.get_window_extent().x0 - 1, ax.get_window_extent().x1 + 1
    boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
    boxes = [box for box in boxes if left <= (box.x0 + box.x1) / 2 <= right]
    assert len(boxes) >= 2
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))
