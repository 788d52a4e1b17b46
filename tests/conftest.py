"""What all tests share. At least two threads, also on one core, so that the laws about threads say something.

Where several processes share the tests (`make test`), each begins every test with one thread: two teams of threads on two
cores would wait for each other. Tests about threads set their number themselves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

os.environ.setdefault("NUMBA_NUM_THREADS", "2")
os.environ.pop("OMP_PROC_BIND", None)  # the processes that share the tests would be bound to the same core

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests import optional

# No deadline: the first call of a kernel compiles it.
settings.register_profile(
    "nerva_py", deadline=None, max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("nerva_py")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        optional.skip_unless_installed(mark.args)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.getreports("skipped")
    line = optional.summary(report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple))
    if line is not None:
        terminalreporter.write_line(line, yellow=True)


@pytest.fixture(autouse="PYTEST_XDIST_WORKER" in os.environ)
def _its_own_core() -> Iterator[None]:
    import numba

    numba.set_num_threads(1)
    yield
    numba.set_num_threads(1)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """For thousands of passes through tiny networks: starting a second thread takes longer than what it computes."""
    import numba

    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2407)
