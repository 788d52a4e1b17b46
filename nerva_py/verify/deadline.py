"""A proof may take so long and no longer. What counts is the time that its thread computes: others may use the machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_end: ContextVar[tuple[float, float] | None] = ContextVar("when it ends, and after how many seconds", default=None)


class OutOfTime(Exception):
    """A proof takes longer than it may."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Inside of the `with` block, `check` raises OutOfTime once so many seconds are over."""
    token = _end.set((time.thread_time() + seconds, seconds))
    try:
        yield
    finally:
        _end.reset(token)


def check() -> None:
    """Raises OutOfTime. The arithmetic of the normal form asks."""
    end = _end.get()
    if end is not None and time.thread_time() > end[0]:
        raise OutOfTime(f"the proof takes longer than {end[1]:g} s")
