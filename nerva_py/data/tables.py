"""Numbers in text files, as spreadsheets, pandas and NumPy write them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from nerva_py.errors import DataError
from nerva_py.files import reading

SEPARATORS = (";", "\t", ",")  # the first of them that the first line has


def read_table(path: Path) -> np.ndarray:
    """The numbers in a text file, (M, D) of float64: between ; or tabs or commas or spaces, below a line of names or not.

    Beside ; a comma is the decimal point. A first column whose name is empty is the index that pandas has written, and left
    out. Raises DataError.
    """
    with reading(path):
        lines = [line for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines() if line.strip()]
        if not lines:
            raise DataError("the file is empty")
        separator = next((one for one in SEPARATORS if one in lines[0]), None)
        if separator == ";":
            lines = [line.replace(",", ".") for line in lines]
        names = [cell.strip().strip("\"'") for cell in re.split(separator or r"\s+", lines[0].strip(" "))]
        header = not all(_is_number(cell) for cell in names)
        if header and len(lines) == 1:
            raise DataError(f"has a line of names, {lines[0][:60]!r}, and no numbers below it")
        try:
            table = np.loadtxt(lines[header:], delimiter=separator, ndmin=2, dtype=np.float64)
        except ValueError as error:
            where = f"; its first line, {lines[0][:60]!r}, was taken for names" if header else ""
            raise DataError(f"not a file of numbers ({error}{where})") from None
        return table[:, 1:] if header and not names[0] else table
    raise AssertionError  # `reading` ends in a result or an error


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
