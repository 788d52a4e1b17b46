"""The tests of a mutant, run on it in a forked process that has not imported nerva_py before."""

from __future__ import annotations

import importlib
import os
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from derivations.mutation.mutants import ROOT
from derivations.mutation.trial import install

KILLED, SURVIVED, TIMED_OUT, BROKEN, UNTESTED, EQUIVALENT = (
    "killed", "survived", "timed out", "does not import", "no test executes it", "equivalent",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant, and the test that failed first."""

    verdict: str
    test: str = ""


class _First:
    """A plugin of pytest: the first test that fails."""

    def __init__(self) -> None:
        self.failed = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


def prepare(cache: Path) -> None:
    """What every child needs, imported once. Kernels of mutants are compiled into a cache of their own."""
    os.environ.update(NUMBA_CACHE_DIR=str(cache), NUMBA_NUM_THREADS="2", PYTEST_XDIST_WORKER="none")
    os.chdir(ROOT)
    for name in ("scipy.sparse", "scipy.special", "numba", "sklearn.base", "mpmath"):
        importlib.import_module(name)


def judge(module: str, source: str, tests: Sequence[str], seconds: int) -> Outcome:
    """Run these tests on the changed source, until one fails; after so many seconds of computing the process is ended."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    install({module: source})
    first = _First()
    options = [
        "-x",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-p",
        "no:nbmake",
        "-o",
        "addopts=--import-mode=importlib",
    ]
    code = pytest.main([*options, *tests], plugins=[first])
    if first.failed:
        return Outcome(KILLED, first.failed)
    return Outcome(SURVIVED if code == pytest.ExitCode.OK else BROKEN, f"pytest ends with {code!s}")
