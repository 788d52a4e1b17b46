"""Every warning comes with the cure that fits its cause, and a machine where all is well gets none."""

from __future__ import annotations

import pytest

from nerva_py.doctor import advice
from nerva_py.doctor.availability import BackendState
from nerva_py.doctor.regions import TICK, Regions, summed_up

WELL = Regions("omp", 2, 100_000, 2.5e-6, 4e-3, 0.02)
STALLED = Regions("omp", 2, 4000, 4.5e-6, 8e-3, 0.95)
SLOW = Regions("workqueue", 2, 4000, 80e-6, 1e-3, 0.0)
BOUND, FREE = {"OMP_PROC_BIND": "true"}, {"OMP_PROC_BIND": "False"}
ALL_WORK = [BackendState("numba"), BackendState("scipy")]


def given(here=WELL, scripts=WELL, environment=BOUND, own=BOUND, cores=2, backends=ALL_WORK):
    return advice.warnings(here, scripts, environment, own, cores, backends)


def test_nothing_is_wrong():
    assert given() == []
    assert given(scripts=None) == []


@pytest.mark.parametrize(
    ("regions", "environment", "cores", "cure"),
    [
        (STALLED, FREE, 2, "export OMP_PROC_BIND=true"),
        (STALLED, {}, 2, "export OMP_PROC_BIND=true"),
        (STALLED, BOUND, 2, "another process keeps a core busy"),
        (STALLED, BOUND, 1, "use 1 threads, as many as there are cores"),
    ],
)
def test_a_stall_and_its_cure(regions, environment, cores, cure):
    (warning,) = given(here=regions, environment=environment, cores=cores)
    assert "nerva-py stall" in warning.problem
    assert "8 ms" in warning.problem
    assert "95%" in warning.problem
    assert cure in warning.cure


def test_scripts_are_not_bound_though_the_command_is():
    (warning,) = given(scripts=STALLED, own={})
    assert "script or notebook stall" in warning.problem
    assert warning.cure == advice.BIND


@pytest.mark.parametrize(
    ("installed", "cure"), [(True, "unset NUMBA_THREADING_LAYER"), (False, "apt install libgomp1")]
)
def test_the_slow_layer(monkeypatch, installed, cure):
    monkeypatch.setattr(advice, "openmp_available", lambda: installed)
    (warning,) = given(here=SLOW, scripts=SLOW)
    assert "80 µs" in warning.problem
    assert cure in warning.cure


def test_the_same_cure_is_not_told_twice():
    assert len(given(here=STALLED, scripts=STALLED, environment={}, own={})) == 1


def test_nothing_is_compiled():
    (warning,) = given(here=None, scripts=None, backends=[BackendState("numba", "NUMBA_DISABLE_JIT is set")])
    assert warning.cure == "unset NUMBA_DISABLE_JIT"


def test_share_of_the_time_in_long_regions():
    found = summed_up([2e-6] * 1000 + [8e-3], "omp", 2)
    assert found.median == 2e-6
    assert found.longest == 8e-3
    assert found.stalled == pytest.approx(0.8)
    assert summed_up([2e-6, TICK], "omp", 2).stalled == 0
