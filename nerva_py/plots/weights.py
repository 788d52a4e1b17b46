"""What is drawn of a weight matrix: degrees and support, of a network's layer or of the matrix itself."""

from __future__ import annotations

import numpy as np

from nerva_py.errors import NervaError, ShapeError
from nerva_py.network import MLP
from nerva_py.quantities import as_integer
from nerva_py.sparse import Support, Weight
from nerva_py.topology import in_degrees, out_degrees

Matrix = Support | Weight


def matrix_of(drawn: MLP | Matrix, layer: int = 1) -> Matrix:
    """The weight matrix of a network's layer 1, 2, ...; a matrix itself."""
    if not isinstance(drawn, MLP):
        return drawn
    count = len(drawn.linear_layers)
    number = as_integer(layer)
    if number is None or not 1 <= number <= count:
        raise NervaError(f"layer must be from 1 to {count}, the linear layers of the network, not {layer!r}")
    return drawn.linear_layers[number - 1].W.value


def support_of(matrix: Matrix) -> Support:
    """The positions of its weights."""
    return matrix if isinstance(matrix, Support) else matrix.support


def degrees_of(matrix: Matrix, direction: str) -> np.ndarray:
    """Weights of each column ("out", of an input) or of each row ("in", of a neuron)."""
    if direction not in ("in", "out"):
        raise NervaError(f'direction must be "in" or "out", not {direction!r}')
    return (out_degrees if direction == "out" else in_degrees)(support_of(matrix))


def as_image(degrees: np.ndarray, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Degrees of the inputs (D,) as an image (height, width): the channels are added up. Raises ShapeError."""
    if len(image_shape) != 3 or np.prod(image_shape) != degrees.size:
        raise ShapeError(
            f"image_shape must be (channels, height, width) with a product of {degrees.size}, the number of inputs, "
            f"not {image_shape}"
        )
    return degrees.reshape(image_shape).sum(axis=0)
