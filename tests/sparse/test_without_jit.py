from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_the_kernels_are_the_same_uncompiled():
    """The kernel tests with the kernels as plain Python, which also shows every index that is out of bounds."""
    kernels = Path(__file__).with_name("test_kernels.py")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", "not backends_agree", str(kernels)]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    root = Path(__file__).parents[2]
    result = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
