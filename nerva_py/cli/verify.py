"""`nerva-py verify` and `python -m derivations`: run the proofs of the book, and print a line a chapter, or a claim."""

from __future__ import annotations

import importlib
import json
import os
import textwrap
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from nerva_py.errors import NervaError, unknown

from .output_files import why_not
from .screen import make_console
from .versions import installed

NOT_PROVED = 1
HEAD = ("equation", "carrier", "sizes", "proved", "seconds")
WIDEST = (17, 12, 6, 7)  # columns but the first, which gets what remains
INDENT, GAP = 2, 2
WORTH = 200  # claims that are worth another process, which begins by importing SymPy
SECONDS = 0.08  # that a claim takes, a mean over the book on a core of an ordinary machine


def run(chapters: Sequence[str], file: Path | None, verbose: bool = False) -> int:
    """Prove the claims of these chapters (of all if there are none); returns the exit code. `verbose`: a line a claim."""
    book = _book()
    for chapter in chapters:
        if chapter not in book.CHAPTERS:
            raise unknown("chapter", chapter, book.CHAPTERS)
    if file is not None and (reason := why_not(file, appended=False)):
        raise NervaError(f"--json {file}: {reason}")
    chosen = [chapter for chapter in book.CHAPTERS if chapter in chapters or not chapters]
    console = make_console()
    start = time.perf_counter()
    results = _run(book, chosen, console, verbose)
    seconds = time.perf_counter() - start
    failed = [result for result in results if not result.proved]
    for result in failed:
        console.print("\n".join(["", *_why_not_proved(result, console.width)]))
    proved = len(results) - len(failed)
    console.print()
    console.print(f"{len(results)} claims, {proved} proved, {seconds:.1f} seconds", style="red" if failed else "green")
    if file is not None:
        versions = {name: installed(name) for name in ("nerva-py", "sympy")}
        summary = {"claims": len(results), "proved": proved, "seconds": round(seconds, 3), "versions": versions}
        document = {**summary, "results": [result.as_dict() for result in results]}
        file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return NOT_PROVED if failed else 0


def _book() -> Any:
    """The package of the proofs stands beside nerva_py, in a clone as in an installation."""
    try:
        return importlib.import_module("derivations.book")
    except ModuleNotFoundError as error:
        if error.name not in ("derivations", "derivations.book"):
            raise
        raise NervaError(
            "the proofs, a package called derivations, cannot be imported; "
            "install nerva-py again, or run `python -m derivations` in a clone of its repository"
        ) from error


def _run(book: Any, chapters: Sequence[str], console: Console, verbose: bool) -> list[Any]:
    """Prove one after another, and show them; on a terminal a bar shows which comes next."""
    claims = list(book.claims(chapters))
    processes = min(os.cpu_count() or 1, 1 + len(claims) // WORTH)
    seconds = max(1, round(len(claims) * SECONDS / processes))
    console.print(f"{len(claims):,} claims, about {seconds} s\n")
    rows = (_claim_rows if verbose else _chapter_rows)(claims, console)
    next(rows)
    results: list[Any] = []
    with _bar(console) as bar:
        task = bar.add_task("", total=len(claims))

        def announce() -> None:
            following = claims[len(results)].equation if len(results) < len(claims) else ""
            bar.update(task, completed=len(results), description=_cut(following, console.width - 40))
            bar.refresh()

        announce()
        for result in book.run(chapters, processes):
            results.append(result)
            rows.send(result)
            announce()
    return results


Rows = Generator[None, Any, None]  # is sent one result after another, and shows them


def _chapter_rows(claims: Sequence[Any], console: Console) -> Rows:
    """A line a chapter, once its last claim has been tried."""
    left = Counter(claim.chapter for claim in claims)
    width = max([len("chapter"), *map(len, left)])
    console.print(f"{'chapter':{width}}  claims  proved  seconds", style="bold")
    results: list[Any] = []
    while True:
        result = yield
        results.append(result)
        chapter = result.claim.chapter
        left[chapter] -= 1
        if not left[chapter]:
            own = [one for one in results if one.claim.chapter == chapter]
            proved, seconds = sum(one.proved for one in own), sum(one.seconds for one in own)
            line = f"{chapter:{width}}  {len(own):6}  {proved:6}  {seconds:7.1f}"
            console.print(line, style=None if proved == len(own) else "red")


def _claim_rows(claims: Sequence[Any], console: Console) -> Rows:
    """A line a claim, below the name of its chapter."""
    widths = _widths(claims, console.width)
    console.print("\n".join(_row([HEAD[0]], HEAD[1:], widths)), style="bold")
    chapter = ""
    result = yield
    for equation in _equations(claims, widths[0]):
        claim = result.claim
        if claim.chapter != chapter:
            chapter = claim.chapter
            console.print(f"\n{chapter}", style="bold")
        cells = (claim.carrier, claim.sizes, "yes" if result.proved else "NO", f"{result.seconds:.2f}")
        console.print("\n".join(_row(equation, cells, widths)), style=None if result.proved else "red")
        result = yield


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.completed}/{task.total}"),
        BarColumn(20),
        TextColumn("{task.description}"),
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not console.is_terminal or console.is_dumb_terminal,
    )


def _why_not_proved(result: Any, width: int) -> Iterator[str]:
    """What the proof said."""
    claim = result.claim
    yield from textwrap.wrap(f"not proved: {claim.chapter}, {claim.equation} ({claim.carrier}, {claim.sizes})", width)
    for line in result.error.splitlines():
        yield from textwrap.wrap(line, width, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)


# --------------------------------------------------------------------------------------------------------------- the table


def _widths(claims: Sequence[Any], width: int) -> tuple[int, ...]:
    """Widths of the columns: what they need, with the equation in what the others leave of the terminal."""
    needed = [max(map(len, column)) for column in zip(HEAD[1:3], *((c.carrier, c.sizes) for c in claims), strict=True)]
    others = [min(most, n) for most, n in zip(WIDEST, [*needed, *WIDEST[2:]], strict=True)]
    longest = max([len(HEAD[0]), *(len(claim.equation) for claim in claims)])
    return max(20, min(longest, width - INDENT - sum(others) - GAP * len(others))), *others


def _equations(claims: Sequence[Any], width: int) -> Iterator[list[str]]:
    """The lines of the first column for each claim. An equation that is proved several times stands there once, its lines
    beside the rows of its claims."""
    for (_, equation), group in groupby(claims, key=lambda claim: (claim.chapter, claim.equation)):
        lines, rows = textwrap.wrap(equation, width), len(list(group))
        yield from ([line] for line in (lines + [""] * rows)[: rows - 1])
        yield lines[rows - 1 :]


def _row(equation: Sequence[str], cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The lines of a row; what is too long goes on in the next line. Numbers stand to the right."""
    columns = [equation, *(textwrap.wrap(cell, width) for cell, width in zip(cells, widths[1:], strict=True))]
    return [
        " " * INDENT
        + (" " * GAP)
        .join(
            text.rjust(width) if position == len(widths) - 1 else text.ljust(width)
            for position, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        .rstrip()
        for line in zip_longest(*columns, fillvalue="")
    ]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
