"""The changes that change nothing, each with the argument why. A key that names no mutant any more is reported.

A key is module.function: before -> after; an argument may serve several keys.
"""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {}
