"""What callbacks measure in an epoch: everything that is set can be written, by every logger and into a checkpoint."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nerva_py.errors import NervaError
from nerva_py.quantities import as_integer, as_real


class Measures(dict[str, Any]):
    """A dict of numbers, texts, truth values, None, lists and dicts of these. Arrays become lists, NumPy's numbers Python's.

    Raises NervaError, which names the measure, when anything else is set.
    """

    def __init__(self, given: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), **named: Any):
        super().__init__()
        self.update(given, **named)

    def __setitem__(self, name: str, value: Any) -> None:
        if not isinstance(name, str):
            raise NervaError(f"the name of a measure must be a text, not {name!r}")
        super().__setitem__(name, writable(value, name))

    def update(self, *given: Any, **named: Any) -> None:
        """As that of a dict."""
        for name, value in dict(*given, **named).items():
            self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """As that of a dict."""
        if name not in self:
            self[name] = default
        return self[name]

    def __ior__(self, other: Any) -> Measures:  # type: ignore[override,misc]
        self.update(other)
        return self


def writable(value: Any, name: str) -> Any:
    """The value in numbers, texts and the like of Python. Raises NervaError, which names it, for what is none."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, str | np.str_):
        return str(value)
    if isinstance(value, np.bool_):
        return bool(value)
    number: float | None = as_integer(value)
    if number is None:
        number = as_real(value)
    if number is not None:
        return number
    if isinstance(value, Mapping):
        return Measures({str(key): one for key, one in _named(value, name)})
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufU":
        value = value.tolist()
        if not isinstance(value, list):
            return value
    if isinstance(value, list | tuple):
        return [writable(one, f"{name}[{place}]") for place, one in enumerate(value)]
    raise NervaError(
        f"measure {name!r} must be a number, a text, None, an array, or a list or dict of these, not {value!r} "
        f"(a {type(value).__name__})"
    )


def _named(values: Mapping[Any, Any], name: str) -> Iterable[tuple[Any, Any]]:
    return ((key, writable(one, f"{name}.{key}")) for key, one in values.items())


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Numbers, texts and None of nested dicts by path, "topology.R_s"; lists of them as JSON; lists of dicts are left out."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{key}.")
        elif not isinstance(value, list):
            result[f"{prefix}{key}"] = value
        elif not _has_dict(value):
            result[f"{prefix}{key}"] = as_json(value)
    return result


def as_json(value: Any) -> str:
    """In one line, with null in place of NaN and infinities, for which JSON has no sign."""
    return json.dumps(_finite(value), allow_nan=False)


def _has_dict(values: list[Any]) -> bool:
    return any(isinstance(one, Mapping) or (isinstance(one, list) and _has_dict(one)) for one in values)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list) else value
