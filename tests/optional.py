"""Optional packages: a test that needs one is skipped where it is missing, but fails there if everything is to run."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest

from nerva_py.errors import MissingBackendError
from nerva_py.sparse import Backend, get_backend


def require(package: str) -> Any:
    """The imported package; skips the test, or fails it if NERVA_REQUIRE_OPTIONAL=1, where it is not installed."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        give_up(f"{package} is not installed: {error}")


def require_backend(name: str) -> Backend:
    """The backend of that name; skips the test, or fails it if NERVA_REQUIRE_OPTIONAL=1, where it is missing."""
    try:
        return get_backend(name)
    except MissingBackendError as error:
        give_up(str(error))


def give_up(reason: str) -> Any:
    if os.environ.get("NERVA_REQUIRE_OPTIONAL") == "1":
        pytest.fail(f"NERVA_REQUIRE_OPTIONAL=1, but {reason}")
    pytest.skip(reason)
