"""What a measurement depends on beside the code: processor, system, versions."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "nerva-py", "numpy", "scipy", "numba", "llvmlite", "sympy", "scikit-learn", "torch", "mkl", "sparse_dot_mkl",
)  # fmt: skip
EXTENSIONS = ("avx2", "avx512f", "asimd", "sve")  # vector instructions that make a difference


def processor() -> str:
    """Its name, and which of the vector extensions it has as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    found = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = (found.get("flags") or found.get("Features") or "").split()
    facts = [f"{what} {found[key]}" for key, what in (("cpu family", "family"), ("model", "model")) if key in found]
    facts += [flag for flag in EXTENSIONS if flag in flags]
    name = found.get("model name", platform.machine())
    return f"{name} ({', '.join(facts)})" if facts else name


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Of those packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
