"""The tool that tests the proof: what it changes, that the proofs see it, and what it says when they do not."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from derivations.mutation.equivalent import EQUIVALENT
from derivations.mutation.mutants import MODULES, ROOT, Mutant, mutants, mutants_of
from derivations.mutation.report import EQUIVALENT as SURVIVES_RIGHTLY
from derivations.mutation.report import Row, stale_keys
from derivations.mutation.trial import PROOF, SURVIVED, Verdict, instrumented

SOURCE = '''"""Doc."""

from nerva_py.matrix import columns_sum, hadamard


def f(X, Y):
    """2 X ⊙ Y − 1ᵀ X"""
    return 2 * hadamard(X, Y.T) - columns_sum(X)  # a comment
'''


def changes(source: str) -> list[str]:
    return [m.change for m in mutants(source, "nerva_py.equations.f")]


@pytest.mark.parametrize(
    "change",
    [
        "2 * hadamard(X, Y.T) - columns_sum(X) -> 2 * hadamard(X, Y.T) + columns_sum(X)",  # a sign
        "2 * hadamard(X, Y.T) - columns_sum(X) -> columns_sum(X) - 2 * hadamard(X, Y.T)",  # operands swapped
        "2 * hadamard(X, Y.T) - columns_sum(X) -> 2 * hadamard(X, Y.T)",  # a term left out
        "2 * hadamard(X, Y.T) -> hadamard(X, Y.T) / 2",  # an operator
        "2 * hadamard(X, Y.T) -> hadamard(X, Y.T)",  # a factor left out
        "2 * hadamard(X, Y.T) -> 3 * hadamard(X, Y.T)",  # a constant
        "hadamard(X, Y.T) -> X",
        "Y.T -> Y",  # a transpose left out
        "columns_sum(X) -> columns_sum(X.T)",  # a transpose too many
        "columns_sum(X) -> rows_sum(X)",  # a wrong axis
        "columns_sum(X) -> columns_sum(Y)",  # a wrong operand
    ],
)
def test_the_usual_slips_are_made(change: str) -> None:
    assert change in changes(SOURCE)


def test_a_mutant_is_another_program_and_only_one_line_differs() -> None:
    for mutant in mutants(SOURCE, "nerva_py.equations.f"):
        assert ast.dump(ast.parse(mutant.source)) != ast.dump(ast.parse(SOURCE))
        assert [a for a, b in zip(mutant.source.splitlines(), SOURCE.splitlines(), strict=True) if a != b] == [
            line for line in mutant.source.splitlines() if "return" in line
        ]
        assert mutant.source.endswith("# a comment\n")


def test_shapes_loops_and_branches() -> None:
    source = (
        "def g(X, n):\n"
        "    for i in range(1, n + 1):\n"
        "        X = X @ X.T if i <= 2 else X\n"
        "    return X.shape[0], where(X.shape[1] >= 3, exp(X), X)\n"
    )
    assert {
        "range(1, n + 1) -> range(2, n + 1)",
        "X @ X.T if i <= 2 else X -> X if i <= 2 else X @ X.T",
        "i <= 2 -> i < 2",
        "i <= 2 -> i > 2",
        "X.shape[0] -> X.shape[1]",
        "exp(X) -> log(X)",
        "exp(X) -> X",
        "where(X.shape[1] >= 3, exp(X), X) -> where(X.shape[1] >= 3, X, exp(X))",
        "(X.shape[0], where(X.shape[1] >= 3, exp(X), X)) -> (where(X.shape[1] >= 3, exp(X), X), X.shape[0])",
    } <= set(changes(source))


def test_a_product_that_waits_and_a_call_that_is_forgotten() -> None:
    source = "def h(X, Y, R):\n    R.store(X)\n    return Outer(X, Y, R)\n"
    assert {
        "R.store(X) -> pass",
        "Outer(X, Y, R) -> Outer(-X, Y, R)",
        "Outer(X, Y, R) -> Outer(X, Y)",
        "Outer(X, Y, R) -> Outer(Y, X, R)",
    } <= set(changes(source))
    assert "Outer(X, Y, R) -> -Outer(X, Y, R)" not in changes(source)


def test_what_is_no_equation_stays() -> None:
    source = 'import math\n__all__ = ["a"]\n\ndef f(X):\n    """1 - 2"""\n    if X < 0:\n        raise ValueError(1)\n'
    assert changes(source) == []


@cache
def all_mutants() -> list[Mutant]:
    """Of all modules; to list them takes many seconds."""
    return [m for module in MODULES for m in mutants_of(module)]


def test_keys_are_unique_and_do_not_depend_on_the_line() -> None:
    keys = [m.key for m in all_mutants()]
    assert len(set(keys)) == len(keys) > 2000
    assert changes("# one line\n\n" + SOURCE) == changes(SOURCE)


def test_every_argument_is_about_a_mutant() -> None:
    everything = all_mutants()
    assert stale_keys(everything, list(MODULES), EQUIVALENT) == []
    assert all(argument.endswith(".") for argument in EQUIVALENT.values())


def test_a_key_that_names_no_mutant_is_reported() -> None:
    module = "nerva_py.equations.linear"
    known = mutants_of(module)[0].key
    gone = "equations.linear.linear: a line that was rewritten -> another"
    assert stale_keys(mutants_of(module), [module], [known, gone]) == [gone]


def test_an_argument_that_a_proof_refutes_is_a_problem() -> None:
    mutant = mutants_of("nerva_py.equations.linear")[0]
    assert Row(mutant, Verdict(SURVIVED)).is_problem
    assert Row(mutant, Verdict(SURVIVED), "why").outcome == SURVIVES_RIGHTLY
    assert not Row(mutant, Verdict(PROOF)).is_problem
    assert Row(mutant, Verdict(PROOF), "why").is_problem


def test_each_function_notes_that_it_was_reached() -> None:
    reached: list[str] = []
    exec(
        instrumented("def f():\n    def g():\n        return 1\n    return g()\nf()\n", "m"),
        {"__reached__": reached.append},
    )
    assert reached == ["m:f", "m:f.g", "m:(file)"]


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "derivations.mutation", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_proofs_reject_mutants(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    options = ("--module=equations.linear", "--function=linear_backward", "--chapter=linear")
    result = run(*options, f"--json={report}")
    assert result.returncode == 0, result.stdout + result.stderr
    outcomes = {row["mutant"].split(": ")[1]: row["outcome"] for row in json.loads(report.read_text())["mutants"]}
    assert outcomes["Outer(DY, X) -> Outer(-DY, X)"] == "by proof"
    assert outcomes["DY @ W if needs_DX else None -> DY @ W"] == "by proof"
    assert outcomes["DY @ W -> W @ DY"] == "evaluation"
    assert set(outcomes.values()) == {"by proof", "evaluation"}


def test_what_no_proof_looks_at_survives() -> None:
    result = run("--module=equations.softmax", "--function=softmax_jacobian", "--chapter=dropout", "--limit=2")
    assert result.returncode == 1
    assert "survived: equations.softmax.softmax_jacobian: " in result.stdout
    assert "no claim executes this function" in result.stdout
    assert "\n    -    " in result.stdout
    assert "\n    +    " in result.stdout
