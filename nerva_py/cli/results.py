"""What the network makes of the test data: how well each class is recognised, and some that it got wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nerva_py.data import Dataset
from nerva_py.network import MLP
from nerva_py.training.evaluation import predicted

from .screen import aligned

SHOWN_CLASSES = 20
PICTURES = 5
PICTURE_WIDTH = 14  # pixels; larger pictures are made smaller


def predicted_classes(network: MLP, data: Dataset) -> np.ndarray:
    """The class of each test sample, (M,)."""
    return predicted(network, data, data.Xtest).argmax(axis=1)


def class_table(data: Dataset, predicted: np.ndarray, names: Sequence[str]) -> list[str]:
    """Share of right answers for each class, and for which class it is most often taken instead."""
    K = data.num_outputs
    confusion = np.zeros((K, K), np.int64)
    np.add.at(confusion, (data.Ttest, predicted), 1)
    rows = [["class", "samples", "right", "mistaken for"]]
    for label in np.flatnonzero(confusion.sum(axis=1)).tolist():
        wrong = confusion[label].copy()
        wrong[label] = 0
        order = [other for other in np.argsort(-wrong, kind="stable")[:3].tolist() if wrong[other]]
        mistaken = ", ".join(f"{names[other]} ({wrong[other]})" for other in order)
        count = confusion[label].sum()
        rows.append([names[label], f"{count:,}", f"{confusion[label, label] / count:.1%}", mistaken])
    rows.append(["all", f"{len(predicted):,}", f"{np.mean(predicted == data.Ttest):.1%}", ""])
    ragged = [row[-1] for row in rows]
    return [f"{line}   {text}".rstrip() for line, text in zip(aligned([row[:-1] for row in rows]), ragged, strict=True)]


def class_names(data: Dataset, known: Sequence[str]) -> list[str]:
    """A name for each class: those that are known, else numbers."""
    return list(known) if len(known) == data.num_outputs else [str(label) for label in range(data.num_outputs)]


def mistakes(data: Dataset, predicted: np.ndarray, names: Sequence[str]) -> list[str]:
    """Pictures of grey test images that were taken for another class, drawn with block characters."""
    if data.image_shape is None or data.image_shape[0] != 1 or data.sparse:
        return []
    wrong = np.flatnonzero(predicted != data.Ttest)[:PICTURES]
    pictures = [_picture(data.Xtest[i].reshape(data.image_shape[1:])) for i in wrong]
    if not pictures:
        return []
    captions = [f"{names[data.Ttest[i]]}, not {names[predicted[i]]}" for i in wrong]
    widths = [max(len(caption), len(picture[0])) for caption, picture in zip(captions, pictures, strict=True)]
    lines = [*zip(*pictures, strict=True), captions]
    return ["   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _picture(image: np.ndarray) -> list[str]:
    """Two lines of pixels in one line of text."""
    factor = -(-image.shape[1] // PICTURE_WIDTH)
    height, width = (n // factor * factor for n in image.shape)
    small = image[:height, :width].reshape(height // factor, factor, width // factor, factor).mean(axis=(1, 3))
    ink = small > small.min() + 0.4 * np.ptp(small)
    if len(ink) % 2:
        ink = np.vstack((ink, np.zeros((1, ink.shape[1]), bool)))
    blocks = ink[::2] + 2 * ink[1::2]
    return ["".join(" ▀▄█"[block] for block in line) for line in blocks]
