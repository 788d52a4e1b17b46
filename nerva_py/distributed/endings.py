"""When one of several processes fails or ends: the others may be waiting for it, and would wait for ever."""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from nerva_py.errors import NervaError

GRACE = 1.5  # seconds: where all ranks meet the same error, the first one tells it
TOLD = 0.5  # seconds for the launcher to pass on what was said: an abort ends its helpers, too, and the rest is lost


@contextmanager
def one_for_all(ranks: Any) -> Iterator[None]:
    """An error of one rank ends all of them, with one message that names the rank and the cause."""
    try:
        yield
    except BaseException as error:
        if ranks.size == 1:
            raise
        end_all(ranks, error)
        raise


def end_all(ranks: Any, error: BaseException) -> None:
    """Tell what has happened on this rank, and end all."""
    if ranks.rank:
        time.sleep(GRACE)
    cause = " ".join(str(error).split())
    kind = "" if isinstance(error, NervaError) else f"{type(error).__name__}{': ' if cause else ''}"
    sys.stdout.flush()
    sys.stderr.write(f"error on rank {ranks.rank} of {ranks.size}: {kind}{cause}\n")
    sys.stderr.flush()
    time.sleep(TOLD)
    ranks.abort(130 if isinstance(error, KeyboardInterrupt) else 2)


def watch(ranks: Any, leave: Callable[[], bool]) -> None:
    """From now on an error that nobody catches ends all ranks; and the end of the program is said to the others by `leave`,
    which returns whether all have come to it."""
    process, show = os.getpid(), sys.excepthook

    def failed(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        show(kind, error, traceback)
        if os.getpid() == process:  # not in a child, which MPI does not know
            end_all(ranks, error)

    def ended() -> None:
        if os.getpid() == process and not leave():
            time.sleep(GRACE + 2 * TOLD)  # for the others to tell it, before the launcher looks at how this one ended

    sys.excepthook = failed
    atexit.register(ended)
