"""What the chapters are written with: a claim is a function that proves an equation, or raises.

    @claim("Softmax layer, DZ", carrier="IndexedMatrix", sizes="all N, K")
    def test_softmax_backward():
        prove(...)

pytest collects the functions as tests; `python -m derivations` runs them and prints a table.
"""

from __future__ import annotations

import functools
import importlib
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

# In the order in which a student can follow.
CHAPTERS = (
    "primitives",
    "linear",
    "softmax",
    "batch_norm",
    "dropout",
    "losses",
    "optimizers",
    "sparse",
    "layers",
    "network",
    "kernels",
    "batches",
    "topology",
    "sparse_input",
    "few_samples",
    "errata",
)

CONCRETE = "sympy.Matrix"
INDEXED = "IndexedMatrix"
KERNEL = "kernel on symbols"
NUMBERS = "SymPy scalars"


@dataclass(frozen=True)
class Claim:
    """An equation, the carrier on which it is proved, for which sizes, and the proof."""

    chapter: str
    equation: str
    carrier: str
    sizes: str
    prove: Callable[[], None] = field(repr=False)


@dataclass(frozen=True)
class Result:
    """A claim after its proof was tried; `error` is empty if it holds."""

    claim: Claim
    seconds: float
    error: str = ""

    @property
    def proved(self) -> bool:
        return not self.error

    def as_dict(self) -> dict[str, Any]:
        """The row of the table, for JSON."""
        c = self.claim
        row = {"chapter": c.chapter, "equation": c.equation, "carrier": c.carrier, "sizes": c.sizes}
        return {**row, "proved": self.proved, "seconds": round(self.seconds, 3), "error": self.error}


class NotProved(AssertionError):
    """The two sides of an equation differ; the message shows where."""


def claim(
    equation: str, carrier: str = "", sizes: str = "", cases: Iterable[Any] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator: a proof. With `cases` it is called with each of them, and `{case}` in the equation names it; a case that
    is a `Setting` brings carrier and sizes."""

    def mark(function: Callable[..., None]) -> Callable[..., None]:
        function.equation, function.carrier, function.sizes = equation, carrier, sizes  # type: ignore[attr-defined]
        function.cases = list(cases)  # type: ignore[attr-defined]
        return function

    return mark


def claims(chapters: Sequence[str] = CHAPTERS) -> Iterator[Claim]:
    """The claims of these chapters, in order."""
    for chapter in chapters:
        module = importlib.import_module(f"derivations.{chapter}")
        for function in vars(module).values():
            if getattr(function, "__module__", None) == module.__name__ and hasattr(function, "equation"):
                yield from _cases(chapter, function)


def _cases(chapter: str, function: Any) -> Iterator[Claim]:
    """The claims of one function: one for each case. A `Setting` says on which carrier and for which sizes."""
    for case in function.cases or [None]:
        yield Claim(
            chapter,
            function.equation.replace("{case}", name(case)),
            getattr(case, "carrier", function.carrier),
            getattr(case, "sizes", function.sizes),
            function if case is None else functools.partial(function, case),
        )


def run(chapters: Sequence[str] = CHAPTERS, processes: int = 1) -> Iterator[Result]:
    """Try the proofs of these chapters; the results come in order, in however many processes they are tried."""
    everything = list(claims(chapters))
    if processes == 1:
        tried: Iterable[tuple[float, str]] = map(_tried, everything)
        yield from (Result(one, *result) for one, result in zip(everything, tried, strict=True))
        return
    places = [
        (one.chapter, number)
        for _, group in groupby(everything, lambda c: c.chapter)
        for number, one in enumerate(group)
    ]
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        yield from (
            Result(one, *result) for one, result in zip(everything, pool.map(_tried_there, places), strict=True)
        )


def _tried(one: Claim) -> tuple[float, str]:
    """(seconds, error) of a proof."""
    start = time.perf_counter()
    error = ""
    try:
        one.prove()
    except Exception as problem:  # noqa: BLE001  whatever goes wrong, the claim is not proved, and the others follow
        error = f"{type(problem).__name__}: {problem}"
    return time.perf_counter() - start, error


def _tried_there(place: tuple[str, int]) -> tuple[float, str]:
    """In another process: the claim of that number in its chapter."""
    chapter, number = place
    return _tried(_of_chapter(chapter)[number])


@functools.cache
def _of_chapter(chapter: str) -> list[Claim]:
    return list(claims([chapter]))


def name(case: Any) -> str:
    """How a case is called in the table."""
    return str(getattr(case, "name", None) or getattr(case, "__name__", None) or case)
