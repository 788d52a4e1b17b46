"""`nerva-py doctor` as a user sees it; the measurements themselves are shortened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nerva_py.doctor import regions
from nerva_py.doctor.regions import Regions

from .conftest import Run

STALLED = Regions("omp", 2, 4000, 4.5e-6, 8e-3, 0.95)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nerva_py.cli.doctor.regions.measure", lambda: regions.summed_up([2e-6] * 10, "omp", 2))
    monkeypatch.setattr("nerva_py.cli.doctor.regions.measure_elsewhere", lambda environment: STALLED)
    rates = {"Y": 70.0, "DX": 60.0, "DW": 50.0}
    monkeypatch.setattr("nerva_py.cli.doctor.product_rates", lambda name: rates)
    monkeypatch.setattr("nerva_py.cli.doctor.dense_rate", lambda: 245.0)
    monkeypatch.setenv("OMP_PROC_BIND", "false")  # `configure` leaves the environment of the tests alone


@pytest.mark.usefixtures("short")
def test_everything_is_there_and_the_warning_has_its_cure(nerva_py: Run) -> None:
    outcome = nerva_py("doctor")
    assert (outcome.code, outcome.err) == (0, "")
    for title in ("Machine", "Versions", "Threads", "Backends", "GFLOP/s"):
        assert any(line.startswith(title) for line in outcome.lines)
    for word in ("numpy", "OMP_PROC_BIND=false", "numba  works", "DX = DY W", "60.0", "sgemm): 245.0"):
        assert word in outcome.out
    warning = next(i for i, line in enumerate(outcome.lines) if line.startswith("WARNING: "))
    assert "a script or notebook stall" in outcome.lines[warning]
    assert "export OMP_PROC_BIND=true" in outcome.lines[warning + 1]


@pytest.mark.usefixtures("short")
def test_the_file_holds_all_of_it(nerva_py: Run, tmp_path: Path) -> None:
    file = tmp_path / "doctor.json"
    assert nerva_py("doctor", "--json", file).code == 0
    found = json.loads(file.read_text())
    assert found["gflops"]["dense"] == 245.0
    assert found["gflops"]["numba"]["DW"] == 50.0
    assert found["threads_of_scripts"]["stalled"] == 0.95
    assert found["environment"]["OMP_PROC_BIND"] == "false"
    assert [state["name"] for state in found["backends"]] == ["numba", "scipy", "mkl"]
    assert found["versions"]["numpy"]
    assert len(found["warnings"]) == 1


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (("--threads", 0), {}, "threads must be from 1 to"),
        (("--json", "/no/such/folder/x.json"), {}, "--json /no/such/folder/x.json: there is no directory"),
        ((), {"NUMBA_THREADING_LAYER": "opm"}, "NUMBA_THREADING_LAYER must be one of"),
        (("--thread", 2), {}, "see nerva-py doctor --help"),
    ],
)
def test_what_is_wrong_is_told(nerva_py: Run, monkeypatch: pytest.MonkeyPatch, arguments, environment, message) -> None:  # type: ignore[no-untyped-def]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    outcome = nerva_py("doctor", *arguments)
    assert outcome.code == 2
    assert message in outcome.err


def test_a_real_run_measures_scripts_with_all_cores(tmp_path: Path) -> None:
    """In a process of its own: the threads are configured before Numba is imported, and nothing is left out."""
    names = ("OMP_PROC_BIND", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    file = tmp_path / "doctor.json"
    command = [sys.executable, "-m", "nerva_py", "doctor", "--threads=1", "--json", str(file)]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    found = json.loads(file.read_text())
    assert found["environment"]["OMP_PROC_BIND"] == "true"
    assert "OMP_PROC_BIND" not in found["environment_of_scripts"]
    assert found["threads"]["threads"] == 1
    assert found["threads_of_scripts"]["threads"] == found["machine"]["cores"]
    assert all(rate > 0 for rate in found["gflops"]["numba"].values())
