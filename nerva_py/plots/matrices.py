"""Where the weights of a matrix are: its pattern, its degrees, and how many weights each input has."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import StrMethodFormatter

from nerva_py.network import MLP
from nerva_py.quantities import integer
from nerva_py.sparse import Support

from .style import AMOUNT, BLUE, axes_or_new, plain, whole_numbers
from .weights import Matrix, as_image, degrees_of, matrix_of, support_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BARS = 40  # of a histogram, at most
STEPS = 400  # of the bars for inputs that are no pixels, at most
ENDS = {"out": ("leaving an input", "inputs"), "in": ("entering a neuron", "neurons")}


def degrees(network: MLP | Matrix, layer: int = 1, direction: str = "out", ax: Axes | None = None) -> Axes:
    """How many inputs ("out") or neurons ("in") of a layer have how many weights: a histogram.

    `network`: a network, of which `layer` is drawn, or a weight matrix or its support. Every degree has a bar of its own
    unless that would be more than 40. Of a long tail, as hubs make it, the numbers are shown on a logarithmic scale.
    """
    counts = degrees_of(matrix_of(network, layer), direction)
    ax = axes_or_new(ax)
    edges = _edges(counts)
    ax.hist(counts, bins=edges.tolist(), rwidth=0.9 if len(edges) <= BARS // 2 else None, color=BLUE)
    plain(ax)
    ax.grid(visible=False, axis="x")
    end, plural = ENDS[direction]
    ax.set_xlabel(f"weights {end}")
    ax.set_ylabel(f"number of {plural}")
    span = f"{counts.min():,} to {counts.max():,}"
    ax.set_title(f"{counts.size:,} {plural}: {span} weights, mean {counts.mean():.3g}", fontsize="medium")
    ax.xaxis.set_major_locator(whole_numbers())
    if counts.max() > counts.mean() + 8 * counts.std():
        ax.set_yscale("log")
    else:
        ax.yaxis.set_major_locator(whole_numbers())
    return ax


def _edges(counts: np.ndarray) -> np.ndarray:
    """Between whole numbers, so that each bar stands for as many of them."""
    low, high = int(counts.min()), int(counts.max())
    width = -(-(high - low + 1) // BARS)
    return np.arange(low, high + width + 1, width) - 0.5


def connectivity(
    network: MLP | Matrix, image_shape: tuple[int, int, int] | None = None, ax: Axes | None = None
) -> Axes:
    """How many weights of the first layer leave each input: an image, or bars where the inputs are not pixels.

    `image_shape`: (channels, height, width), as a data set has it; the channels of a pixel are added up. Of more than 400
    inputs that are no pixels the bars are means of neighbours.
    """
    counts = degrees_of(matrix_of(network), "out")
    if image_shape is None:
        ax = axes_or_new(ax)
        together = -(-counts.size // STEPS)
        edges = np.append(np.arange(0, counts.size, together), counts.size)
        ax.stairs(np.add.reduceat(counts, edges[:-1]) / np.diff(edges), edges - 0.5, fill=True, color=BLUE)
        plain(ax)
        ax.grid(visible=False, axis="x")
        ax.set_xlim(-0.5, counts.size - 0.5)
        ax.set_xlabel("input")
        ax.set_ylabel("weights of the input" if together == 1 else f"weights of an input, means of {together}")
        ax.set_title(f"{counts.sum():,} weights of {counts.size:,} inputs", fontsize="medium")
        ax.xaxis.set_major_locator(whole_numbers())
        ax.yaxis.set_major_locator(whole_numbers())
        return ax
    image = as_image(counts, image_shape)
    ax = axes_or_new(ax, (4.4, 3.6))
    draw_pixels(ax, image, int(image.max()))
    ax.set_title(f"{counts.sum():,} weights of {image.shape[0]}×{image.shape[1]} pixels", fontsize="medium")
    return ax


def draw_pixels(ax: Axes, image: np.ndarray, largest: int) -> None:
    """An image of counts with its colour bar, from 0 to `largest`."""
    drawn = ax.imshow(image, cmap=AMOUNT, vmin=0, vmax=max(largest, 1), interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    bar = ax.figure.colorbar(drawn, ax=ax, label="weights of the pixel", ticks=whole_numbers())
    bar.outline.set_visible(False)


def sparsity(matrix: Matrix, ax: Axes | None = None, bins: int = 256) -> Axes:
    """Where a matrix has weights: its pattern or, if it has more than `bins` rows or columns, densities of blocks.

    There are at most `bins` blocks a side, and so few that one has four weights on average: a smaller one would show noise.
    O(nnz + bins²) time and memory; no K×D array is formed. Raises NervaError for bins below 1.
    """
    bins = integer("bins", bins, 1)
    support = support_of(matrix)
    K, D = support.shape
    exact = max(K, D) <= bins
    blocks = bins if exact else max(1, min(bins, math.isqrt(support.nnz // 4)))
    shares = block_densities(support, blocks)
    ax = axes_or_new(ax, (4.8, 4.0))
    drawn = ax.imshow(
        shares,
        cmap="Greys" if exact else AMOUNT,
        vmin=0,
        vmax=1 if exact else shares.max() or 1,
        extent=(0, D, K, 0),
        aspect="equal" if max(K, D) <= 4 * min(K, D) else "auto",
        interpolation="nearest",
    )
    ax.set_xlabel("input")
    ax.set_ylabel("neuron")
    ax.set_title(f"{K:,}×{D:,}: {support.nnz:,} weights, density {support.nnz / (K * D):.3g}", fontsize="medium")
    narrow = 1 < K / D <= 4  # drawn with square positions, so that few numbers stand side by side
    for axis, most in ((ax.xaxis, max(2, 5 * D // K) if narrow else 5), (ax.yaxis, 5)):
        axis.set_major_locator(whole_numbers(most))
        axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    if not exact:
        rows, columns = (size / number for size, number in zip((K, D), shares.shape, strict=True))
        bar = ax.figure.colorbar(drawn, ax=ax, label=f"density of blocks of {rows:.3g}×{columns:.3g}")
        bar.outline.set_visible(False)
    return ax


def block_densities(support: Support, blocks: int) -> np.ndarray:
    """Share of the positions of each block that have a weight: (min(K, blocks), min(D, blocks))."""
    K, D = support.shape
    height, width = min(K, blocks), min(D, blocks)
    rows = np.repeat(np.arange(K) * height // K, np.diff(support.indptr))
    block = rows * width + support.indices.astype(np.int64) * width // D
    counts = np.bincount(block, minlength=height * width).reshape(height, width)
    sizes = [np.bincount(np.arange(size) * parts // size) for size, parts in ((K, height), (D, width))]
    return counts / np.outer(*sizes)
