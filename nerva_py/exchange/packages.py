"""Optional packages, imported when they are needed."""

from __future__ import annotations

import importlib
from typing import Any

from nerva_py.errors import MissingBackendError


def needed(package: str, function: str) -> Any:
    """The imported package; raises MissingBackendError, which tells how to install it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        command = f"pip install 'nerva-py[{package}]'"
        raise MissingBackendError(f"{function} needs the package {package}: {command} ({error})") from None
