"""The errata of the printed specification as a page; how each printed form fails is computed."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from derivations import errata
from derivations.errata.erratum import Erratum


def pages() -> dict[str, str]:
    return {"mathematics/errata.md": "\n".join(page()) + "\n"}


def page() -> Iterator[str]:
    introduction, _, _ = (inspect.getdoc(errata) or "").partition("    python -m")
    heading, _, prose = introduction.partition(":")
    yield from (f"# {heading}", "", prose.strip()[0].upper() + prose.strip()[1:], "")
    yield f"`python -m derivations.errata` prints all of it. The lines are those of [the printed file]({errata.SOURCE})."
    for item in errata.ERRATA:
        yield from entry(item)


def entry(item: Erratum) -> Iterator[str]:
    """What is printed, what is right, the evidence, and the reason."""
    mark = " (found here)" if item.found_here else ""
    yield from ("", f"## {_plain(item.where)}", "")
    yield from (f"Line {item.line}{mark}. Printed is", "", "$$", item.printed, "$$", "")
    yield from ("and right is", "", "$$", item.corrected, "$$", "")
    yield _plain(item.why)
    yield ""
    for evidence in item.fails:
        yield f"- {evidence.kind}: `{evidence()}`"  # type: ignore[attr-defined]
    yield f"- the corrected form is proved for {item.sizes}"


def _plain(text: str) -> str:
    """Underscores and stars of mathematics are no emphasis."""
    return text[0].upper() + text[1:].replace("_", r"\_").replace("*", r"\*")
