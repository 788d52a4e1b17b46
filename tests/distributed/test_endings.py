"""Ranks that fail, end or want something else while others wait: all end within seconds, and one line names rank and cause.

A rank that waits for ever is ended by the time-out of the launcher, and so fails the test.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.distributed.launcher import run
from tests.optional import needs

PROGRAM = Path(__file__).with_name("endings.py")

LINES = {
    "file": "error on rank 1 of 2: FileNotFoundError: [Errno 2] No such file or directory: 'no such file'",
    "exit": "error on rank 0 of 2: the program of rank 1 has ended, and rank 0 waits for it; all ranks must do the same",
    "argument": "error on rank 1 of 2: unknown loss 'NoSuchLoss'.",
    "epochs": "error on rank 0 of 2: epochs: 3 on rank 1, 2 on rank 0; all ranks must call train alike",
    "callbacks": "error on rank 0 of 2: callbacks: ['EarlyStopping'] on rank 1, [] on rank 0; all ranks must call train alike",
    "resume": "error on rank 1 of 2: no such file: no such file",
    "after": "error on rank 1 of 2: ZeroDivisionError: after training",
}


@needs("mpi")
@pytest.mark.parametrize("kind", LINES)
def test_one_rank_that_differs_ends_all(kind):
    done = run(2, sys.executable, str(PROGRAM), kind, check=False)
    assert done.returncode != 0
    assert done.stderr.count(LINES[kind]) == 1, done.stderr
    assert done.stderr.count("error on rank") == 1, done.stderr


@needs("mpi")
def test_all_stop_where_one_of_them_wants_to():
    assert run(2, sys.executable, str(PROGRAM), "stop").stdout.count("1 epochs") == 2


@needs("mpi")
def test_ranks_that_end_together_say_nothing():
    done = run(2, sys.executable, str(PROGRAM), "nothing")
    assert done.stdout.count("2 epochs") == 2
    assert "rank" not in done.stderr
