"""Versions of installed packages."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed(package: str) -> str:
    """The version, or a remark where the package is used without having been installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"
