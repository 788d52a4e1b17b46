"""The errors that a user can meet. Each message names the argument, the value that was given and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class NervaError(ValueError):
    """Something that the user gave cannot be used; the message says what and what is allowed."""


class DataError(NervaError):
    """A data file or data array that cannot be used."""


class ShapeError(NervaError):
    """Matrices whose shapes do not fit together."""


class DivergedError(NervaError):
    """Training produced a loss or weights that are not finite."""


class MissingBackendError(NervaError, ImportError):
    """An optional package that was asked for is not installed."""


def unknown(what: str, given: str, known: Iterable[str]) -> NervaError:
    """The error for a name that is not in a registry: lists the known names, the likely one first."""
    names = sorted(known)
    by_lower_case = {name.lower(): name for name in names}
    close = get_close_matches(given.lower(), by_lower_case, n=1, cutoff=0.6)
    hint = f"; did you mean {by_lower_case[close[0]]!r}?" if close else ""
    return NervaError(
        f"unknown {what} {given!r}{hint} Known: {', '.join(names)}"
        if hint
        else f"unknown {what} {given!r}. Known: {', '.join(names)}"
    )
