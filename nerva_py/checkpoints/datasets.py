"""What a checkpoint knows of the data: enough to feed raw samples to the network, and to recognise the data again."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from nerva_py.data import Dataset
from nerva_py.errors import DataError

from . import fields


@dataclass(frozen=True, eq=False)
class DataDescription:
    """The name of a data set, the normalisation x = u · scale + shift (D,) that its training samples define, the number of
    classes (None in a regression), and how many training samples there were, with a checksum of them and their targets."""

    name: str
    num_classes: int | None
    scale: np.ndarray
    shift: np.ndarray
    image_shape: tuple[int, int, int] | None
    samples: int
    checksum: int

    @property
    def num_features(self) -> int:
        """D, the width of a sample."""
        return self.scale.size

    def tree(self) -> dict[str, Any]:
        """What is written."""
        shape = None if self.image_shape is None else list(self.image_shape)
        return {
            "name": self.name, "num_classes": self.num_classes, "scale": self.scale, "shift": self.shift,
            "image_shape": shape, "samples": self.samples, "checksum": self.checksum,
        }  # fmt: skip


def describe(data: Dataset) -> DataDescription:
    """The description of a data set; reads all training samples once."""
    checksum = _checksum(data.Ttrain, _checksum(data.Xtrain, 0))
    return DataDescription(
        data.name, data.num_classes, data.scale, data.shift, data.image_shape, len(data.Ttrain), checksum
    )


def build_description(tree: Any) -> DataDescription:
    """From what was written. Raises DataError."""
    scale = fields.array(tree, "scale", None, "f").astype(np.float64)
    shift = fields.array(tree, "shift", scale.shape, "f").astype(np.float64)
    classes = fields.field(tree, "num_classes")
    if classes is not None:
        classes = fields.integer(tree, "num_classes", 1)
    shape = fields.field(tree, "image_shape")
    if shape is not None:
        channels, height, width = fields.sizes(tree, "image_shape", 3)
        shape = channels, height, width
        if channels * height * width != scale.size:
            raise DataError(f"malformed: images of {shape} with {scale.size} features")
    samples, checksum = fields.integer(tree, "samples"), fields.integer(tree, "checksum")
    return DataDescription(fields.text(tree, "name"), classes, scale, shift, shape, samples, checksum)


def _checksum(array: Any, start: int) -> int:
    """CRC-32 of the numbers; of a sparse matrix those of its three arrays."""
    parts = [array] if isinstance(array, np.ndarray) else [array.indptr, array.indices, array.data]
    for part in parts:
        start = zlib.crc32(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data, start)
    return start
