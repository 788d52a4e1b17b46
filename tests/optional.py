"""Optional packages: `@needs("torch")` marks a test that is skipped where an extra is missing, one by one, with the reason.

With NERVA_REQUIRE_OPTIONAL=1 it fails there instead. `pytest -m needs` runs these tests and no others.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from nerva_py import sparse

# What tests import of each extra of pyproject.toml. onnxruntime is the reader of what the extra writes.
EXTRAS = {
    "torch": ("torch",),
    "mkl": ("mkl", "sparse_dot_mkl"),
    "mpi": ("mpi4py",),
    "onnx": ("onnx", "onnxruntime"),
    "pandas": ("pandas",),
    "tensorboard": ("tensorboardX",),
}
MISSING = "needs the extra "


def needs(*extras: str) -> pytest.MarkDecorator:
    """The mark of a test that needs these extras."""
    assert set(extras) <= set(EXTRAS)
    return pytest.mark.needs(*extras)


BACKENDS = [pytest.param(name, marks=needs(name)) if name in EXTRAS else name for name in sparse.BACKENDS]


class Lazy:
    """A module of an optional package under a name at the top of a file; imported when it is first used."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)


def skip_unless_installed(extras: Iterable[str]) -> None:
    """Skip the test, or fail it if everything is to run, where one of them is missing."""
    for extra in extras:
        if reason := missing(extra):
            _give_up(f"{MISSING}{extra}: {reason}")


def missing(extra: str) -> str | None:
    """What is missing for this extra."""
    if lacking := [package for package in EXTRAS[extra] if not _installed(package)]:
        return f"{', '.join(lacking)} not installed"
    if extra == "mpi" and mpiexec() is None:
        return "there is no mpiexec"
    return None


def mpiexec() -> str | None:
    """The launcher of the environment's MPI, if there is one."""
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    return shutil.which("mpiexec", path=os.pathsep.join(folders))


def summary(reasons: Iterable[str]) -> str | None:
    """One line: which extras would run how many more tests; None if all have run."""
    counts = Counter(reason.partition(MISSING)[2].partition(":")[0] for reason in reasons if MISSING in reason)
    if not counts:
        return None
    extras = ", ".join(f"{extra} {count}" for extra, count in counts.most_common())
    reader = " and onnxruntime" if "onnx" in counts else ""
    command = f"pip install -e '.[{','.join(sorted(counts))}]'{reader}"
    return f"{counts.total()} more tests would run with the extras {extras}: .venv/bin/python -m {command}"


def _installed(package: str) -> bool:
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _give_up(reason: str) -> None:
    if os.environ.get("NERVA_REQUIRE_OPTIONAL") == "1":
        pytest.fail(f"NERVA_REQUIRE_OPTIONAL=1, but this test {reason}")
    pytest.skip(reason)
