"""Where bound indices stand in a monomial: what tells them apart, whatever they are called."""

from __future__ import annotations

from typing import Any

import sympy as sp


def contains(value: Any, index: sp.Symbol) -> bool:
    """Whether an index occurs in an atom or a part of one."""
    if isinstance(value, tuple):
        return any(contains(part, index) for part in value)
    return value == index


def places_of(bounds: list[tuple[sp.Symbol, Any]], factors: Any) -> dict[sp.Symbol, str]:
    """Of each bound index its size and where it stands, in words that do not depend on how bound indices are called.

    Where the others stand is put in their place, until this tells no more of them apart.
    """
    places = {index: str(size) for index, size in bounds}
    told = 0
    while told < len(set(places.values())) < len(places) or not told:
        told = len(set(places.values()))
        numbers = {place: f"{number} of {told}" for number, place in enumerate(sorted(set(places.values())))}
        others = {index: numbers[place] for index, place in places.items()}
        places = {
            index: " ".join(
                [others[index], *sorted(_told(f, {**others, index: "*"}) for f in factors if contains(f, index))]
            )
            for index in places
        }
    return places


def _told(value: Any, names: dict[sp.Symbol, str]) -> str:
    """A part of a monomial with these names of indices; what is in an order by its names is told in another one."""
    if not isinstance(value, tuple):
        return names.get(value) or str(value)
    parts = [_told(part, names) for part in value]
    if not (value and value[0] == "entry"):
        return f"({' '.join(sorted(parts))})"
    return f"({parts[0]} {parts[1]} {[_told(index, names) for index in value[2]]})"
