"""A proof may take so long and no longer. What counts is the time that its thread computes: others may use the machine."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

PATIENCE = 2.0  # seconds after which a line says what is being done


class OutOfTime(Exception):
    """A proof takes longer than it may."""


@dataclass
class _Limit:
    start: float
    seconds: float
    doing: str


_limit: ContextVar[_Limit | None] = ContextVar("the limit of the proof that runs", default=None)


@contextmanager
def within(seconds: float, doing: str = "") -> Iterator[None]:
    """Inside of the `with` block, `check` raises OutOfTime once so many seconds are over.

    If it takes a while, a line on the standard error tells what is being done.
    """
    token = _limit.set(_Limit(time.thread_time(), seconds, doing))
    try:
        yield
    finally:
        _limit.reset(token)


def check() -> None:
    """Raises OutOfTime. The arithmetic of the normal form asks."""
    limit = _limit.get()
    if limit is None:
        return
    taken = time.thread_time() - limit.start
    if taken > limit.seconds:
        raise OutOfTime(f"the proof takes longer than {limit.seconds:g} s")
    if limit.doing and taken > PATIENCE:
        sys.stderr.write(f"{limit.doing}; it is given up after {limit.seconds:g} s\n")
        limit.doing = ""
