from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nerva_py.errors import NervaError
from nerva_py.threads import available_cores, configure

NAMES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OMP_PROC_BIND", "NUMBA_THREADING_LAYER")


def settings(threads, **given) -> dict[str, str]:
    """The environment after `configure(threads)` in a new process with that environment."""
    program = f"import os; from nerva_py.threads import configure; configure({threads}); print(dict(os.environ))"
    environment = {name: value for name, value in os.environ.items() if name not in NAMES} | given
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    )
    return {name: value for name, value in eval(result.stdout).items() if name in NAMES}


def test_as_many_threads_as_cores_by_default():
    chosen = settings(None)
    assert chosen["NUMBA_NUM_THREADS"] == chosen["OMP_NUM_THREADS"] == str(available_cores())
    assert chosen["OMP_PROC_BIND"] == "true"


def test_the_users_environment_is_respected():
    given = {"NUMBA_NUM_THREADS": "3", "OMP_PROC_BIND": "false", "NUMBA_THREADING_LAYER": "workqueue"}
    assert given.items() <= settings(None, **given).items()


def test_an_explicit_number_beats_the_environment():
    assert settings(1, NUMBA_NUM_THREADS="3")["NUMBA_NUM_THREADS"] == "1"


def test_more_threads_than_cores_are_not_bound():
    assert "OMP_PROC_BIND" not in settings(available_cores() + 1)


@pytest.mark.parametrize("threads", [0, -1, 10**6])
def test_an_impossible_number_of_threads(threads):
    with pytest.raises(NervaError, match="threads must be from 1 to"):
        configure(threads)


def test_a_thread_layer_that_numba_does_not_know(monkeypatch):
    monkeypatch.setenv("NUMBA_THREADING_LAYER", "opm")
    with pytest.raises(NervaError, match=r"NUMBA_THREADING_LAYER must be one of .*omp.*, not 'opm'"):
        configure()
