r"""Errata: what the printed specification gets wrong, and what is right.

The equations come from *Nerva Library Specifications*, `doc/nerva-library-specifications.tex` in wiegerw/nerva-rowwise, here
at commit 1442ce1; the numbers are lines of that file. Most of its equations are right, and the other chapters prove them.
Those that are not right stand here. For each, the printed form is evaluated as it stands and seen to fail:

- dimension error: an operation whose operands do not fit. It is refused in symbols, N×K ⊙ N×D, so for every choice of
  sizes that does not happen to make them equal, and with numbers for the sizes;
- counterexample: numbers at which the printed form gives another value than the definition does. The right value is
  computed by differentiation, by hand, or with an executed function (whose own proof stands in its chapter);
- undefined name, notation: what is printed cannot be read.

Then the corrected form is proved. Where it is an equation that we execute, the proof is about the executed function, for
every size; an equation by columns, which we do not execute, is proved to be the transpose of the executed one. Most of these
errors are harmless to a reader who knows the subject; but a student who types the printed formula obtains a wrong gradient,
or an error that is not explained.

    python -m derivations.errata        prints all of it
"""

from __future__ import annotations

from derivations.book import CONCRETE, INDEXED, NUMBERS, claim

from . import columnwise, functions, layers, operations
from .erratum import Erratum

SOURCE = "https://github.com/wiegerw/nerva-rowwise/blob/1442ce1514e560c3cc01c3fb51721414ae7824cc/doc/nerva-library-specifications.tex"

ERRATA: tuple[Erratum, ...] = tuple(
    sorted(
        (*operations.ERRATA, *layers.ERRATA, *functions.ERRATA, *columnwise.ERRATA),
        key=lambda item: int(item.line.replace("–", ",").split(",")[0]),
    )
)
FOR_ALL_SIZES = [item for item in ERRATA if item.sizes == "all sizes"]
FOR_NUMBERS = [item for item in ERRATA if item.sizes != "all sizes"]


@claim(
    "Erratum {case}: the printed form fails", carrier=f"{INDEXED}, {CONCRETE}", sizes="shapes or numbers", cases=ERRATA
)
def test_printed_form_fails(item: Erratum) -> None:
    """Each piece of evidence: the operation is refused for the stated reason, or the numbers differ."""
    for evidence in item.fails:
        evidence()


@claim("Erratum {case}: the corrected form holds", carrier=INDEXED, sizes="all sizes", cases=FOR_ALL_SIZES)
def test_corrected_form_holds(item: Erratum) -> None:
    """Matrix equations, for every size."""
    item.holds()


@claim("Erratum {case}: the corrected form holds", carrier=NUMBERS, sizes="branches, epochs", cases=FOR_NUMBERS)
def test_corrected_scalar_form_holds(item: Erratum) -> None:
    """Functions of a number on each branch, schedules for the first steps, and what concerns NumPy."""
    item.holds()


def counterexample(item: Erratum) -> str:
    """The erratum and the evidence that what is printed fails, to be read."""
    lines = [
        f"line {item.line}: {item.where}{'  [found here]' if item.found_here else ''}",
        f"    printed    {item.printed}",
        f"    right      {item.corrected}",
        *(f"    {evidence.kind:10s} {evidence()}" for evidence in item.fails),  # type: ignore[attr-defined]
        f"    proved     for {item.sizes}",
        f"    {item.why}",
    ]
    return "\n".join(lines)


def table() -> str:
    """The errata as a Markdown table; the last column is computed."""
    rows = [f"| [line]({SOURCE}) | where | printed | right | how it fails |", "|---|---|---|---|---|"]
    for item in ERRATA:
        mark = " (found here)" if item.found_here else ""
        how = f"{item.kind}: {item.fails[0]().partition(';')[0].strip()}".replace("|", "\\|")
        rows.append(f"| {item.line}{mark} | {item.where} | $`{item.printed}`$ | $`{item.corrected}`$ | {how} |")
    return "\n".join(rows)
