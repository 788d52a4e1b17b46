"""Telling the user what is being done where it takes more than two seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

PATIENCE = 2.0  # seconds without a word


@contextmanager
def busy(console: Console, what: str, live: bool = True) -> Iterator[None]:
    """While this takes longer than `PATIENCE`, say `what` with the seconds so far; on a terminal they run, elsewhere, and where
    something else runs on the terminal (not `live`), it is one line when it begins to take long and one when it is done."""
    done = threading.Event()
    start = time.perf_counter()
    terminal = live and console.is_terminal and not console.is_dumb_terminal

    def watch() -> None:
        if done.wait(PATIENCE):
            return
        if not terminal:
            console.print(f"{what} ...")
            return
        with console.status(what) as status:
            while not done.wait(0.5):
                status.update(f"{what}, {time.perf_counter() - start:.0f} s")

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        if (seconds := time.perf_counter() - start) > PATIENCE and not console.quiet:
            console.print(f"{what}: {seconds:.1f} s")
