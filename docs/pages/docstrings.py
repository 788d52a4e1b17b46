"""From a docstring of this project to one that numpydoc reads.

A docstring here starts with a formula: "Y = X Wᵀ + 1_N b        X (N, D), ... -> Y (N, K)        [source]". The parts are
told apart by wide gaps, the errors by sentences that begin with "Raises"; the rest is prose, in which names stand in
backticks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping

GAP = re.compile(r"\s{6,}")
RAISES = re.compile(r"(?:(?<=^)|(?<=[.:;)\]] )|(?<=\n))Raises (.+?)\.(?=\s|$)", re.DOTALL)
ERROR = re.compile(r"`?(\b[A-Z]\w*(?:Error|Exception))\b`?")
ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")
ITEM = re.compile(r"- ")
ENTRY = re.compile(r"(\w[\w, ]*?) : (.*)")

Resolve = Callable[[str], str | None]


def converted(docstring: str, resolve: Resolve, formula: bool | None, latex: tuple[str, ...] = ()) -> list[str]:
    """The lines for numpydoc. `formula`: whether the first paragraph is one, None if its gaps are to tell; `latex`: what to
    show typeset below it."""
    text, errors = without_errors(docstring.strip("\n"))
    first, *others = paragraphs(text)
    lines = [*_first(first, resolve, formula), ""]
    for one in latex:
        lines += [".. math::", "", f"   {one}", ""]
    for paragraph in others:
        if paragraph[0] == "Parameters":
            lines += [*paragraph[:2], *_entries(paragraph[2:], resolve), ""]
        elif paragraph[0] == "Attributes":  # numpydoc would take their text from the properties
            lines += [".. rubric:: Attributes", "", *_entries(paragraph[2:], resolve, "``{}``"), ""]
        elif paragraph[0] == "Notes":
            lines += [*paragraph[:2], *_paragraph(paragraph[2:], resolve), ""]
        else:
            lines += [*_paragraph(paragraph, resolve), ""]
    if errors:
        lines += ["Raises", "------"]
        for name, when in errors.items():
            lines += [name, f"    {prose(when, resolve)}"] if when else [name]
        lines.append("")
    return lines


def paragraphs(text: str) -> list[list[str]]:
    """Lines between empty lines."""
    return [part.split("\n") for part in re.split(r"\n\s*\n", text.strip("\n"))]


# --------------------------------------------------------------------------------------------------------------- errors


def without_errors(text: str) -> tuple[str, dict[str, str]]:
    """The text without the sentences about errors, and when each error is raised."""
    errors: dict[str, str] = {}
    for sentence in RAISES.findall(text):
        errors |= dict(_errors(" ".join(sentence.split())))
    rest = RAISES.sub("", text)
    return (re.sub(r"[ \t]+\n", "\n", rest).strip() if rest.strip() else text), errors


def _errors(sentence: str) -> Iterator[tuple[str, str]]:
    """ "NervaError for a bad name, DataError if writing fails" """
    pieces = ERROR.split(sentence)
    for name, when in zip(pieces[1::2], pieces[2::2], strict=True):
        yield name, re.sub(r"[\s,]*(?:\band)?$", "", when).lstrip(", ")


# ---------------------------------------------------------------------------------------------------------------- parts


def _first(lines: list[str], resolve: Resolve, formula: bool | None) -> Iterator[str]:
    """The formula as it is written, what stands behind the gaps as sentences; or prose."""
    written, remarks = [], []
    for line in lines:
        left, *rest = GAP.split(line.strip())
        written.append(left)
        remarks += rest
    if "`" in " ".join(written) or not (remarks if formula is None else formula):
        yield from _paragraph(lines, resolve)
        return
    yield from (f"| ``{line}``" for line in written)
    for remark in remarks:
        yield ""
        yield prose(remark.replace("->", "→"), resolve)


def _paragraph(lines: list[str], resolve: Resolve) -> Iterator[str]:
    if all(line.startswith("    ") for line in lines):
        yield "::"
        yield ""
        yield from lines
        return
    if not any(ITEM.match(line) for line in lines):
        yield prose(" ".join(line.strip() for line in lines), resolve)
        return
    items: list[str] = []
    for line in lines:
        if ITEM.match(line) or not items:
            items.append(line)
        else:
            items[-1] += " " + line.strip()
    for item in items:
        if ITEM.match(item):
            yield f"- {prose(item[2:], resolve)}"
        else:
            yield prose(item, resolve)
            yield ""


def _entries(lines: list[str], resolve: Resolve, name: str = "{}") -> Iterator[str]:
    """ "alpha : strength of the penalty", continued on lines that are indented"""
    for line in lines:
        if line.startswith("    "):
            yield f"    {prose(line.strip(), resolve)}"
        elif match := ENTRY.match(line):
            yield name.format(match[1])
            yield f"    {prose(match[2], resolve)}"
        else:
            yield name.format(line.strip().rstrip("."))


# ---------------------------------------------------------------------------------------------------------------- prose


def prose(text: str, resolve: Resolve) -> str:
    """Plain text with `names` as reStructuredText: names that are documented become links."""
    pieces = re.split(r"`([^`]+)`", text)
    for i, piece in enumerate(pieces):
        pieces[i] = _name(piece, resolve) if i % 2 else _escaped(piece)
    return "".join(pieces)


def _name(text: str, resolve: Resolve) -> str:
    target = resolve(text.partition("(")[0])
    return rf":py:obj:`{text} <{target}>`\ " if target else rf"``{text}``\ "


def _escaped(text: str) -> str:
    text = re.sub(r"([\\*_|])", r"\\\1", text)
    return ARXIV.sub(r"\\ `\g<0> <https://arxiv.org/abs/\1>`__\\ ", text)


def resolver(targets: Mapping[str, str], module: str = "", without: Collection[str] = ()) -> Resolve:
    """Looks a name up as it is written in that module: `Callback`, `nerva_py.Callback`, `History.plot`.

    A small word, such as `load`, is meant only in the package that has it, and never where an argument is called so.
    """

    def resolve(name: str) -> str | None:
        target = targets.get(name.removeprefix("nerva_py."))
        if target is None or name in without:
            return None
        package = ".".join(module.split(".")[:2])
        return target if re.search(r"[A-Z_.]", name) or target.startswith(f"{package}.") else None

    return resolve
