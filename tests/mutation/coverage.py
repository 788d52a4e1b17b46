"""Which tests execute which line, and how long each takes: measured once by pytest-cov, kept in `.mutation/`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from derivations.mutation.mutants import ROOT, path_of

FOLDER = ROOT / ".mutation"
DATA, SECONDS = FOLDER / "coverage", FOLDER / "seconds.json"


class Stopwatch:
    """A plugin of pytest: writes how long each test that passes takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.passed:
            self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not hasattr(session.config, "workerinput"):
            SECONDS.write_text(json.dumps(self.seconds, indent=0), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Called by pytest, for which this module is a plugin."""
    config.pluginmanager.register(Stopwatch())


def measure(jobs: int) -> None:
    """Run tests/ under pytest-cov. Raises CalledProcessError if one fails."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "rc").write_text(f"[run]\ndata_file = {DATA}\nsource = nerva_py\n", encoding="utf-8")
    options = ["--cov", f"--cov-config={FOLDER / 'rc'}", "--cov-context=test", "--cov-report="]
    processes = ["--numprocesses", str(jobs), "--dist", "worksteal"]
    command = [sys.executable, "-m", "pytest", "-p", "tests.mutation.coverage", "tests", *options, *processes]
    subprocess.run(command, check=True, cwd=ROOT)


@dataclass(frozen=True)
class Test:
    """A test, by the name that pytest gives it."""

    name: str
    seconds: float


class Coverage:
    """What was measured."""

    def __init__(self) -> None:
        from coverage import CoverageData

        self._data = CoverageData(basename=str(DATA))
        self._data.read()
        self._seconds = json.loads(SECONDS.read_text(encoding="utf-8"))

    def tests(self, module: str, lines: Iterable[int]) -> list[Test]:
        """The tests that execute one of these lines of a module; if there are none, as in what is compiled, anything in it.
        Those of the module's own package come first, and of them the quickest."""
        executed = self._data.contexts_by_lineno(str(path_of(module)))
        wanted = set(lines)
        those = [line for line in executed if line in wanted and any(executed[line])]
        found = {context.rpartition("|")[0] for line in those or executed for context in executed[line]}
        own = ROOT / "tests" / module.split(".")[1]
        tests = [Test(name, self._seconds[name]) for name in found if name in self._seconds]
        return sorted(tests, key=lambda test: (not (ROOT / test.name).is_relative_to(own), test.seconds))

    @cached_property
    def is_stale(self) -> bool:
        """Whether a file was changed after it was measured."""
        measured = DATA.stat().st_mtime
        return any(path.stat().st_mtime > measured for path in _sources())


def _sources() -> Iterable[Path]:
    return (path for folder in ("nerva_py", "tests") for path in (ROOT / folder).rglob("*.py"))
