"""What kernels must know of this machine: the bytes of a vector register, and of the cache nearest to a core."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

import numba
from numba.core.codegen import get_host_cpu_features

FIRST_LEVEL = 2**15  # bytes, where the system does not tell


def vector_bytes() -> int:
    """Bytes of a vector register, of those that Numba compiles for."""
    given = numba.config.CPU_FEATURES  # NUMBA_CPU_FEATURES, if anybody has set it
    features = (get_host_cpu_features() if given is None else given).split(",")
    return 64 if "+avx512f" in features else 32 if "+avx" in features else 16


def vector_registers() -> int:
    """How many there are: 16 on x86 before AVX-512."""
    return 16 if platform.machine().lower() in ("x86_64", "amd64", "i686") and vector_bytes() < 64 else 32


@cache
def first_level_cache() -> int:
    """Bytes of a core's first-level data cache."""
    try:
        for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
            if (index / "level").read_text().strip() == "1" and (index / "type").read_text().strip() == "Data":
                return int((index / "size").read_text().strip().removesuffix("K")) * 1024
    except (OSError, ValueError):
        pass
    return FIRST_LEVEL
