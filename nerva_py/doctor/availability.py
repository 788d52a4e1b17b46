"""Which backends of the sparse products there are; why one is missing, and what to do about it."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

from nerva_py.errors import MissingBackendError
from nerva_py.sparse import BACKENDS, get_backend

ONLY_X86 = "MKL exists for x86-64 processors under Linux and Windows only; use the backend numba"


@dataclass(frozen=True)
class BackendState:
    """`reason` and `cure` are empty where the backend works."""

    name: str
    reason: str = ""
    cure: str = ""

    @property
    def works(self) -> bool:
        return not self.reason


def backend_states() -> list[BackendState]:
    """All backends in the order of the registry."""
    return [_state(name) for name in BACKENDS]


def _state(name: str) -> BackendState:
    from nerva_py.engine.compiling import JIT

    try:
        get_backend(name)
    except MissingBackendError as error:
        cause = str(error.__cause__ or "").strip()
        reason, _, cure = str(error).partition(": ")
        return BackendState(name, f"{reason} ({cause})" if cause else reason, cure if mkl_exists() else ONLY_X86)
    if not JIT and name != "scipy":
        return BackendState(name, "NUMBA_DISABLE_JIT is set: nothing is compiled", "unset NUMBA_DISABLE_JIT")
    return BackendState(name)


def mkl_exists() -> bool:
    """Whether Intel publishes MKL for this kind of machine."""
    return platform.machine().lower() in ("x86_64", "amd64") and sys.platform != "darwin"
