"""Callbacks that write down what happens: JSON lines, CSV."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from collections.abc import Callable
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

from nerva_py.errors import NervaError
from nerva_py.files import write_atomically

from .callbacks import Callback, Order
from .history import Epoch
from .run import Run
from .run_files import RUN, claim_alone, claimed
from .writable import as_json, flat


class LineLogger(Callback):
    """Appends a line for each epoch, as soon as it is over. `line` says what it looks like.

    {run} in the name of the file stands for the first number of which there is no file yet, so that each run has its own;
    `file` is the one that is written. A line is written in one piece; if that fails, as on a full disk, its beginning is
    removed again, and training goes on with a warning. When a run is resumed, lines of epochs that come after its checkpoint
    are removed: these epochs are trained again. Raises NervaError before the first epoch for a file that cannot be used.
    """

    order = Order.WRITES

    def __init__(self, path: str | PathLike[str]):
        self.path = self.file = Path(path)
        self._begun = False
        self._lines: int | None = None  # of the file when the checkpoint was written from which the run goes on

    def line(self, epoch: Epoch) -> str:
        """What is written of an epoch, without the end of the line."""
        raise NotImplementedError

    def number(self, line: str) -> int | None:
        """The epoch of a line; None if it is another line."""
        raise NotImplementedError

    def separate(self) -> Callback:
        claim_alone(self.path)
        return super().separate()

    def on_train_begin(self, run: Run) -> None:
        self.file, self._begun, self._lines = self.path, False, None

    def on_epoch_begin(self, run: Run) -> None:
        if not self._begun:  # here, as a resumed run knows its file now
            self.file, self._begun = claimed(self.file), True
            self._open(lambda file: self._begin(file, run.epoch))

    def on_epoch_end(self, run: Run, epoch: Epoch) -> None:
        self._open(lambda file: _append(file, self.line(epoch).encode() + b"\n"))

    def state_dict(self) -> dict[str, Any]:
        lines = self.file.read_bytes().count(b"\n") if self.file.exists() else 0
        return {"lines": lines, "file": self.file.name}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        self._lines = int(saved["lines"])
        if RUN in self.path.name:
            self.file = self.path.with_name(str(saved["file"]))

    def _begin(self, file: int, first: int) -> None:
        """Find out, before anything is trained, whether the file can be written to; and what the run will write again."""
        size = os.fstat(file).st_size
        os.write(file, b" ")
        if stat.S_ISREG(os.fstat(file).st_mode):
            os.ftruncate(file, size)
        self._forget(file, first)

    def _forget(self, file: int, first: int) -> None:
        """Cut off what was logged after the checkpoint, if it is nothing but lines of epochs from `first` on."""
        if self._lines is None:
            return
        pieces = os.pread(file, os.fstat(file).st_size, 0).splitlines(keepends=True)
        later = [piece.decode(errors="replace") for piece in pieces[self._lines :] if piece.endswith(b"\n")]
        numbers = [self.number(line) for line in later]
        if all(number is not None and number >= first for number in numbers):
            os.ftruncate(file, sum(map(len, pieces[: self._lines])))

    def _open(self, use: Callable[[int], None]) -> None:
        try:
            file = os.open(self.file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                use(file)
            finally:
                os.close(file)
        except OSError as error:
            raise NervaError(f"{self.file}: cannot be written ({error.strerror or error})") from None


class JSONLinesLogger(LineLogger):
    """Appends a line of JSON for each epoch: number, learning rate, seconds, losses, accuracies, measures of callbacks.

    JSON has no sign for NaN and infinities: they are null. {run} in the name of the file stands for a number that is new for
    each run. Raises NervaError.
    """

    def line(self, epoch: Epoch) -> str:
        return as_json(epoch.as_dict())

    def number(self, line: str) -> int | None:
        try:
            return int(json.loads(line)["epoch"])
        except (ValueError, LookupError, TypeError):
            return None


class CSVLogger(LineLogger):
    """Appends a row for each epoch to a CSV file, below a line with the names of the columns.

    Columns are the fields of the epoch and the measures of callbacks that are numbers or strings, also within a dict
    ("topology.R_s"), or lists of these, as JSON; lists of dicts are left out. For a measure that comes later the file gets
    another column. {run} in the name of the file stands for a number that is new for each run. A file that is no log is
    refused: NervaError.
    """

    def on_epoch_begin(self, run: Run) -> None:
        begun = self._begun
        super().on_epoch_begin(run)
        columns = [] if begun else self._columns()
        if columns and not {field.name for field in fields(Epoch)} - {"measures", "final"} <= set(columns):
            raise NervaError(f"{self.file}: has the columns {', '.join(columns)}, which are not those of a log")

    def on_epoch_end(self, run: Run, epoch: Epoch) -> None:
        row, columns = flat(epoch.as_dict()), self._columns()
        new = [name for name in row if name not in columns]
        if new:
            self._widen([*columns, *new])
        super().on_epoch_end(run, epoch)

    def line(self, epoch: Epoch) -> str:
        row = flat(epoch.as_dict())
        return _csv([row.get(name) for name in self._columns() or row])

    def number(self, line: str) -> int | None:
        first = line.partition(",")[0]
        return int(first) if first.isdecimal() else None

    def _columns(self) -> list[str]:
        """The columns of the file; none if it is empty."""
        if not self.file.exists():
            return []
        with self.file.open(encoding="utf-8", newline="") as file:
            return next(csv.reader(file), [])

    def _widen(self, columns: list[str]) -> None:
        """Give the file these columns, which begin with those that it has; its rows get empty places."""
        rows: list[list[str]] = []
        if self.file.exists():
            with self.file.open(encoding="utf-8", newline="") as file:
                rows = list(csv.reader(file))[1:]
        wide = [columns, *([*row, *[""] * (len(columns) - len(row))] for row in rows)]
        contents = "".join(_csv(row) + "\n" for row in wide).encode()

        def write(file: BinaryIO) -> None:
            file.write(contents)

        write_atomically(self.file, write)


def _csv(row: list[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(["" if value is None else value for value in row])
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
