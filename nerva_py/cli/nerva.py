"""Nerva's command lines in words of ours: one table of what is called otherwise there, or means nothing here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nerva_py.errors import NervaError

# Options that have another name here.
RENAMED = {"--datadir": "--data-dir", "--augmented": "--augment"}
# Values that mean what another one does here: (option, pattern of the value) -> what stands in their place.
VALUES = {
    ("--dataset", "chessboard"): "--dataset=checkerboard",
    ("--generate-dataset", "chessboard"): "--generate-dataset=checkerboard",
    ("--precision", r"\d+"): r"--decimals=\g<0>",
}
# Options whose value may be left out, and the one that is then meant.
ALONE = {"--timer": "brief"}
# Values without a meaning here: they are left out, and a line says why.
NOTHING = {("--computation", "eigen|blas|sycl"): "{0} means nothing here: numba multiplies, and results are the same"}
# Options that Nerva itself no longer has, and today's.
GONE = {
    "--sizes": "--layer-sizes",
    "--hidden": "--layer-sizes",
    "--init-weights": "--layer-weights",
    "--weights": "--layer-weights",
    "--size": "--dataset-size",
    "--optimizer": "--optimizers",
    "--architecture": "--layers",
    "--algorithm": "",
}


def translated(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The arguments of `train` in our words, and a line for each that means nothing. Raises NervaError for those that are gone."""
    result, notes = [], []
    for name, value, typed in _options(arguments):
        if name in GONE:
            today = f"today's option is {GONE[name]}" if GONE[name] else "leave it out"
            raise NervaError(f"{name} is an option of older versions of Nerva; {today}")
        name = RENAMED.get(name, name)
        if value is None:
            result.append(f"{name}={ALONE[name]}" if name in ALONE else name if typed.startswith("--") else typed)
            continue
        if name == "--layers" and re.search(r"\bdropout\s*=", value):
            raise NervaError(
                f"--layers {value!r}: dropout in parentheses is of older versions of Nerva; today's option is --dropouts"
            )
        if note := _matching(NOTHING, name, value):
            notes.append(note[1].format(f"{name}={value}"))
        elif found := _matching(VALUES, name, value):
            result.append(found[0].expand(found[1]))
        else:
            result.append(f"{name}={value}")
    return result, notes


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str | None, str]]:
    """(name, value or None, as typed) of each option; `--name value` is `--name=value` where this table looks at values."""
    with_values = {name for name, _ in (*VALUES, *NOTHING)} | {"--layers"}
    rest = iter(arguments)
    for typed in rest:
        name, equals, value = typed.partition("=")
        if not typed.startswith("--") or not (equals or name in with_values):
            yield name if typed.startswith("--") else "", None, typed
        else:
            yield name, value if equals else next(rest, ""), typed


def _matching(table: dict[tuple[str, str], str], name: str, value: str) -> tuple[re.Match[str], str] | None:
    """The entry for this value."""
    for (option, pattern), entry in table.items():
        if option == name and (match := re.fullmatch(pattern, value.strip(), re.IGNORECASE)):
            return match, entry
    return None
