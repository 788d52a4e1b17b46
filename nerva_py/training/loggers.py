"""Callbacks that write down what happens: JSON lines, CSV."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Any

from nerva_py.errors import NervaError

from .callbacks import Callback, Order
from .history import Epoch
from .run import Run


class LineLogger(Callback):
    """Appends a line for each epoch, as soon as it is over. `line` says what it looks like.

    A line is written in one piece; if that fails, as on a full disk, its beginning is removed again. When a run is resumed,
    lines of epochs that come after its checkpoint are removed: these epochs are trained again. Raises NervaError.
    """

    order = Order.WRITES

    def __init__(self, path: str | PathLike[str]):
        self.path = Path(path)
        self._size: int | None = None

    def line(self, epoch: Epoch) -> str:
        """What is written of an epoch, without the end of the line."""
        raise NotImplementedError

    def number(self, line: str) -> int | None:
        """The epoch of a line; None if it is another line."""
        raise NotImplementedError

    def on_epoch_end(self, run: Run, epoch: Epoch) -> None:
        self._open(lambda file: _append(file, self.line(epoch).encode() + b"\n"))

    def state_dict(self) -> dict[str, Any]:
        return {"size": self.path.stat().st_size if self.path.exists() else 0}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        self._size = int(saved["size"])

    def on_epoch_begin(self, run: Run) -> None:
        if self._size is not None and self.path.exists():
            self._open(lambda file: self._forget(file, run.epoch))
        self._size = None

    def _forget(self, file: int, first: int) -> None:
        """Cut off what was logged after the checkpoint, if it is nothing but lines of epochs from `first` on."""
        assert self._size is not None
        later = os.pread(file, max(os.fstat(file).st_size - self._size, 0), self._size).decode(errors="replace")
        whole = later.splitlines() if later.endswith("\n") else later.splitlines()[:-1]
        numbers = [self.number(line) for line in whole]
        if all(number is not None and number >= first for number in numbers):
            os.ftruncate(file, self._size)

    def _open(self, use: Any) -> None:
        try:
            file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                use(file)
            finally:
                os.close(file)
        except OSError as error:
            raise NervaError(f"{self.path}: cannot be written ({error.strerror or error})") from None


class JSONLinesLogger(LineLogger):
    """Appends a line of JSON for each epoch: number, learning rate, seconds, losses, accuracies, measures of callbacks."""

    def line(self, epoch: Epoch) -> str:
        return json.dumps(epoch.as_dict())

    def number(self, line: str) -> int | None:
        try:
            return int(json.loads(line)["epoch"])
        except (ValueError, LookupError, TypeError):
            return None


class CSVLogger(LineLogger):
    """Appends a row for each epoch to a CSV file, below a line with the names of the columns if the file is new.

    Columns are the fields of the epoch and those measures of callbacks that are numbers or strings, also within a dict
    ("topology.R_s"); lists are left out, and so is what the first epoch did not have. A file that is no log is refused:
    NervaError.
    """

    def on_train_begin(self, run: Run) -> None:
        self._columns: list[str] | None = None

    def line(self, epoch: Epoch) -> str:
        row, start = flat(epoch.as_dict()), ""
        if self._columns is None:
            self._columns = self._known()
            if not self._columns:
                self._columns = list(row)
                start = _csv(self._columns) + "\n"
            elif not {field.name for field in fields(Epoch)} - {"measures"} <= set(self._columns):
                raise NervaError(
                    f"{self.path}: has the columns {', '.join(self._columns)}, which are not those of a log"
                )
        values = (row.get(name) for name in self._columns)
        return start + _csv(["" if value is None else value for value in values])

    def number(self, line: str) -> int | None:
        first = line.partition(",")[0]
        return int(first) if first.isdecimal() else None

    def _known(self) -> list[str]:
        """The columns of the file; none if it is empty."""
        if not self.path.exists():
            return []
        with self.path.open(encoding="utf-8", newline="") as file:
            return next(csv.reader(file), [])


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Numbers, strings and None of nested dicts by their path, "topology.R_s"; lists are left out."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            result |= flat(value, f"{prefix}{key}.")
        elif value is None or isinstance(value, str | int | float):
            result[f"{prefix}{key}"] = value
    return result


def _csv(row: list[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(row)
    return line.getvalue()


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
