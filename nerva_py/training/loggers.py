"""Callbacks that write down what happens."""

from __future__ import annotations

import json
import os
from os import PathLike
from pathlib import Path

from nerva_py.errors import NervaError

from .callbacks import Callback, Order, TrainingState
from .history import Epoch


class JSONLinesLogger(Callback):
    """Appends a line of JSON for each epoch, as soon as it is over: number, learning rate, seconds, losses, accuracies.

    A line is written in one piece; if that fails, as on a full disk, its beginning is removed again. Raises NervaError.
    """

    order = Order.WRITES

    def __init__(self, path: str | PathLike[str]):
        self.path = Path(path)

    def on_epoch_end(self, state: TrainingState, epoch: Epoch) -> None:
        line = json.dumps(epoch.as_dict()).encode() + b"\n"
        try:
            file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                _append(file, line)
            finally:
                os.close(file)
        except OSError as error:
            raise NervaError(f"{self.path}: cannot be written ({error.strerror or error})") from None


def _append(file: int, line: bytes) -> None:
    """Append the line whole, or leave the file as it is."""
    size = os.fstat(file).st_size
    if size and os.pread(file, 1, size - 1) != b"\n":
        line = b"\n" + line  # somebody else's half line must not spoil ours
    written = 0
    try:
        while written < len(line):
            written += os.write(file, line[written:])
    except BaseException:
        if written:
            os.ftruncate(file, size)
        raise
