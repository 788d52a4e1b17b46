"""MKL's threads do not spin beside those of the kernels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.optional import needs


@needs("mkl")
@pytest.mark.parametrize("given", [None, "200"])
def test_the_time_that_mkls_threads_spin(given: str | None) -> None:
    """It is read when MKL is loaded, so in a process of its own; what the environment says counts."""
    environment = {name: value for name, value in os.environ.items() if name != "KMP_BLOCKTIME"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    if given is not None:
        environment["KMP_BLOCKTIME"] = given
    code = "import os; from nerva_py.sparse import get_backend; get_backend('mkl'); print(os.environ['KMP_BLOCKTIME'])"
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == (given or "0")
