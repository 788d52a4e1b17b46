"""Random crops and mirror images, as index tables: pixel (y, x) of the augmented image is pixel (lines[y], columns[x]).

Source of the scheme: K. He et al., Deep Residual Learning for Image Recognition (arXiv:1512.03385), section 4.2, with
reflection instead of zeros in the margin, as in Nerva's `create_cifar10_augmented_datasets`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from nerva_py.errors import DataError
from nerva_py.quantities import as_integer


class Crops(NamedTuple):
    """What happens to each of N images: padded by `pad` pixels, cropped at (top, left), mirrored where `mirrored`."""

    top: np.ndarray  # (N,) of 0..2·pad
    left: np.ndarray  # (N,) of 0..2·pad
    mirrored: np.ndarray  # (N,) of bool
    pad: int


@dataclass(frozen=True)
class CropFlip:
    """Pad by reflection, crop the original size at a random place, mirror left to right with probability 1/2.

    pad = 0 crops nothing, flip = False mirrors nothing. Raises DataError for a negative pad.
    """

    pad: int = 4
    flip: bool = True

    def __post_init__(self) -> None:
        pad = as_integer(self.pad)
        if pad is None or pad < 0:
            raise DataError(f"pad: {self.pad!r}; 0 and more are allowed")
        object.__setattr__(self, "pad", pad)
        object.__setattr__(self, "flip", bool(self.flip))

    def draw(self, rng: np.random.Generator, N: int) -> Crops:
        """The crops of N images: top and left uniform in 0..2·pad, mirrored with probability 1/2, all independent."""
        top = rng.integers(0, 2 * self.pad, N, endpoint=True)
        left = rng.integers(0, 2 * self.pad, N, endpoint=True)
        mirrored = rng.integers(0, 1, N, endpoint=True).astype(bool) if self.flip else np.zeros(N, bool)
        return Crops(top, left, mirrored, self.pad)


def reflected(size: int, pad: int) -> np.ndarray:
    """r[p] = the position that `numpy.pad(mode="reflect")` copies to position p of size + 2·pad; pad < size."""
    return (size - 1) - np.abs((size - 1) - np.abs(np.arange(-pad, size + pad)))


@lru_cache(maxsize=16)
def line_table(channels: int, height: int, pad: int) -> np.ndarray:
    """lines[top, c·H + y] = c·H + r[top + y], the lines of all channels for every crop     -> (2·pad + 1, C·H)"""
    lines = np.lib.stride_tricks.sliding_window_view(reflected(height, pad), height)
    return (lines[:, None, :] + height * np.arange(channels)[:, None]).reshape(2 * pad + 1, -1)


@lru_cache(maxsize=16)
def column_table(width: int, pad: int) -> np.ndarray:
    """columns[left, x] = r[left + x]; 2·pad + 1 rows further the same mirrored     -> (2·(2·pad + 1), W) of uint16"""
    columns = np.lib.stride_tricks.sliding_window_view(reflected(width, pad), width)
    return np.concatenate([columns, columns[:, ::-1]]).astype(np.uint16)


def check_crops(crops: Crops, N: int, D: int, image_shape: tuple[int, int, int] | None) -> tuple[int, int, int]:
    """The image shape, if D features are such an image and the crops are N crops of it; otherwise DataError."""
    if image_shape is None or len(image_shape) != 3 or math.prod(image_shape) != D:
        raise DataError(f"image_shape: {image_shape}; (channels, height, width) with a product of {D} is allowed")
    _, height, width = image_shape
    if not 0 <= crops.pad < min(height, width) or width > np.iinfo(np.uint16).max:
        raise DataError(f"pad: {crops.pad}; for images of {height}×{width}, 0 to {min(height, width) - 1} are allowed")
    for name, values in (("top", crops.top), ("left", crops.left), ("mirrored", crops.mirrored)):
        if values.shape != (N,):
            raise DataError(f"{name}: shape {values.shape}; the batch has {N} images, so ({N},) is allowed")
    for name, values in (("top", crops.top), ("left", crops.left)):
        if N and not (values.min() >= 0 and values.max() <= 2 * crops.pad):
            raise DataError(f"{name}: {values.min()} to {values.max()}; 0 to 2·pad = {2 * crops.pad} are allowed")
    return image_shape
