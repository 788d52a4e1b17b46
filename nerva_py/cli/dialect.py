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
    "--sizes": "today's is --layer-sizes",
    "--hidden": "today's is --layer-sizes",
    "--init-weights": "today's is --layer-weights",
    "--weights": "today's is --layer-weights",
    "--size": "today's is --dataset-size",
    "--optimizer": "today's is --optimizers",
    "--architecture": "today's is --layers",
    "--algorithm": "there is none today, leave it out",
    "dropout": "today's option is --dropouts",
}


def translated(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The arguments of `train` in our words, and a line for each that means nothing. Raises NervaError for what is gone."""
    result, notes = [], []
    for name, value in _options(arguments):
        if name in GONE:
            raise NervaError(f"{name} is an option of older versions of Nerva; {GONE[name]}")
        if name == "--layers" and re.search(r"\bdropout\s*=", value or ""):
            raise NervaError(f"--layers {value!r}: a layer's dropout is of older versions of Nerva; {GONE['dropout']}")
        value = ALONE.get(name) if value is None else value
        name = RENAMED.get(name, name)
        if note := _matching(NOTHING, name, value):
            notes.append(note[1].format(f"{name}={value}"))
        elif found := _matching(VALUES, name, value):
            result.append(found[0].expand(found[1]))
        else:
            result.append(name if value is None else f"{name}={value}")
    return result, notes


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """(name, value or None) of each option, and (text, None) of what is none. `--name value` is `--name=value` where the
    tables look at values."""
    looked_at = {*ALONE, *(name for name, _ in (*VALUES, *NOTHING)), "--layers"}
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if not name.startswith("--"):
            yield name + equals + value, None
        elif equals:
            yield name, value
        else:
            yield name, rest.pop(0) if name in looked_at and rest and not rest[0].startswith("-") else None


def _matching(table: dict[tuple[str, str], str], name: str, value: str | None) -> tuple[re.Match[str], str] | None:
    """The entry for this value."""
    for (option, pattern), entry in table.items():
        if option == name and (match := re.fullmatch(pattern, (value or "").strip(), re.IGNORECASE)):
            return match, entry
    return None
