"""The formulas that are printed from the executed functions."""

from __future__ import annotations

from matplotlib.mathtext import MathTextParser

from derivations import book
from derivations.formulas import formulas


def test_they_are_those_of_the_executed_functions():
    printed = dict(formulas())
    assert printed["linear"] == (r"X \, W^\top + \mathbf{1}_{N} \, b",)
    assert printed["linear_backward"][0] == r"\mathrm{D}Y \, W"


def test_braces_and_parentheses_are_balanced():
    for _, results in formulas():
        for result in results:
            assert result.count("{") == result.count("}")
            assert result.count(r"\left(") == result.count(r"\right)")


def test_a_formula_can_be_typeset():
    parser = MathTextParser("path")
    assert parser.parse("$" + dict(formulas())["linear"][0].replace(r"\top", "T").replace(r"\,", r"\ ") + "$").width > 0


def test_the_same_results_in_several_processes():
    alone, shared = (list(book.run(["linear"], processes)) for processes in (1, 2))
    assert [result.claim.equation for result in shared] == [result.claim.equation for result in alone]
    assert all(result.proved for result in shared)
