"""pytest's view of the book: a claim with cases is one test for each."""

from __future__ import annotations

from typing import Any

from derivations.book import name


def pytest_generate_tests(metafunc: Any) -> None:
    """Call a proof with each of its cases; its only argument is the case."""
    cases = getattr(metafunc.function, "cases", [])
    if cases:
        metafunc.parametrize(metafunc.fixturenames[0], cases, ids=[name(case).replace(" ", "-") for case in cases])
