"""A proof may take so long and no longer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

_ends: list[tuple[float, float]] = []  # when, and after how many seconds


class OutOfTime(Exception):
    """A proof takes longer than it may."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Inside of the `with` block, `check` raises OutOfTime once so many seconds are over."""
    _ends.append((time.monotonic() + seconds, seconds))
    try:
        yield
    finally:
        _ends.pop()


def check() -> None:
    """Raises OutOfTime. The arithmetic of the normal form asks."""
    if _ends and time.monotonic() > _ends[-1][0]:
        raise OutOfTime(f"the proof takes longer than {_ends[-1][1]:g} s")
