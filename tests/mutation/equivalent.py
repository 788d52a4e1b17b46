"""Changes that change nothing that a test could see, each with the argument why. A key is that of `Mutant.key`."""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {}
