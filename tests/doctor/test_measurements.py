"""What the doctor measures is what it says that it measures; how fast this machine is, no test can know."""

from __future__ import annotations

import os
import subprocess

import pytest

from nerva_py.doctor import availability, machine, regions, speed
from nerva_py.doctor.timing import seconds
from nerva_py.errors import MissingBackendError, NervaError


def test_seconds_counts_calls_but_the_first(monkeypatch):
    clock, calls = [0.0], []

    def call() -> None:
        calls.append(clock[0])
        clock[0] += 100.0 if len(calls) == 1 else 1.0 + len(calls)

    monkeypatch.setattr("nerva_py.doctor.timing.time.perf_counter", lambda: clock[0])
    assert seconds(call, 10.0) == {"minimum": 3.0, "median": 4.0}
    assert len(calls) == 4


def test_regions_are_counted():
    found = regions.measure(0.03)
    assert found.count >= 3
    assert 0 < found.median <= found.longest
    assert 0 <= found.stalled <= 1


def test_regions_of_another_environment():
    found = regions.measure_elsewhere({**os.environ, "NUMBA_NUM_THREADS": "1", "NUMBA_THREADING_LAYER": "workqueue"})
    assert (found.layer, found.threads) == ("workqueue", 1)
    with pytest.raises(subprocess.CalledProcessError):
        regions.measure_elsewhere({**os.environ, "NUMBA_THREADING_LAYER": "none"})


def test_a_layer_that_cannot_be_loaded(monkeypatch):
    import numba

    def fail() -> int:
        raise ValueError("No threading layer could be loaded.")

    monkeypatch.setattr(numba, "get_num_threads", fail)
    with pytest.raises(NervaError, match=r"No threading layer could be loaded\.; unset NUMBA_THREADING_LAYER"):
        regions.measure(0.01)


def test_rates_are_operations_in_the_time_of_the_fastest_call(monkeypatch):
    monkeypatch.setattr(speed, "seconds", lambda call, least: (call(), {"minimum": 1e-3})[1])
    expected = dict.fromkeys(speed.PRODUCTS, 2e-9 * 10 * 100 / 1e-3)
    assert speed.product_rates("scipy", (20, 50), 0.1, 10) == pytest.approx(expected)
    assert speed.dense_rate((20, 50), 10) == pytest.approx(2e-9 * 10 * 1000 / 1e-3)


class TestBackends:
    def test_those_that_are_always_there_work(self):
        states = {state.name: state for state in availability.backend_states()}
        assert list(states) == ["numba", "scipy", "mkl"]
        assert states["scipy"].works

    @pytest.mark.parametrize(
        ("system", "cure"), [(True, "pip install 'nerva-py[mkl]'"), (False, availability.ONLY_X86)]
    )
    def test_a_missing_one_has_reason_and_cure(self, monkeypatch, system, cure):
        def missing(name):
            raise MissingBackendError("backend 'mkl' needs packages: pip install 'nerva-py[mkl]'") from ImportError(
                "no mkl"
            )

        monkeypatch.setattr(availability, "get_backend", missing)
        monkeypatch.setattr(availability, "mkl_exists", lambda: system)
        state = availability.backend_states()[2]
        assert not state.works
        assert state.reason == "backend 'mkl' needs packages (no mkl)"
        assert state.cure == cure

    def test_nothing_is_compiled(self, monkeypatch):
        monkeypatch.setattr("nerva_py.engine.compiling.JIT", False)
        works = {state.name: state.works for state in availability.backend_states()}
        assert works == {"numba": False, "scipy": True, "mkl": False}


def test_versions_of_what_is_installed():
    assert list(machine.versions(("numpy", "no-such-package"))) == ["numpy"]
    assert machine.processor()
