from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from nerva_py.matrix import columns_mean, elements_sum, hadamard, primitives
from nerva_py.matrix.dispatch import Primitive, primitive, undefined

TABLE = {name: value for name, value in vars(primitives).items() if isinstance(value, Primitive)}


class Tally:
    """A carrier of its own: a column of numbers that can only be summed."""

    def __init__(self, numbers):
        self.numbers = numbers
        self.shape = (len(numbers), 1)


@pytest.fixture
def total():
    @primitive()
    def total(X):
        """Σ X"""
        raise undefined("total", X)

    return total


def test_the_first_matrix_argument_decides(total):
    total.register(Tally)(lambda X: sum(X.numbers))
    assert total(Tally([1, 2, 3])) == 6


def test_an_implementation_serves_subclasses(total):
    total.register(Tally)(lambda X: sum(X.numbers))
    assert total(type("Subclass", (Tally,), {})([4, 5])) == 9


def test_a_later_registration_replaces_an_earlier_one(total):
    total.register(Tally)(lambda X: sum(X.numbers))
    assert total(Tally([1])) == 1
    total.register(Tally)(lambda X: -sum(X.numbers))
    assert total(Tally([1])) == -1


def test_the_definition_serves_carriers_without_implementation(total):
    @primitive()
    def average(X):
        """Σ X / m"""
        return total(X) / X.shape[0]

    total.register(Tally)(lambda X: sum(X.numbers))
    assert average(Tally([2, 4])) == 3
    assert np.ndarray not in columns_mean._implementations  # a real one that NumPy has from its definition
    assert columns_mean(np.array([[1.0, 2.0], [3.0, 6.0]])).tolist() == [[2.0, 4.0]]


@pytest.mark.parametrize("position", [0, 1, 2])
def test_on_names_the_argument_that_decides(position):
    @primitive(on=position)
    def pick(*arguments):
        raise undefined("pick", arguments[position])

    pick.register(Tally)(lambda *arguments: arguments[position].numbers)
    arguments = [object(), object(), object()]
    arguments[position] = Tally([7])
    assert pick(*arguments) == [7]


@pytest.mark.parametrize("unknown", [[[1.0, 2.0]], "matrix", Tally([1])], ids=lambda value: type(value).__name__)
def test_an_unknown_carrier_is_named_in_the_error(unknown):
    with pytest.raises(
        TypeError, match=rf"elements_sum is not implemented for matrices of type {type(unknown).__name__}"
    ):
        elements_sum(unknown)


def test_sympy_is_imported_by_its_first_matrix_only():
    program = """
import sys, numpy as np
from nerva_py.matrix import hadamard
hadamard(np.ones((2, 2)), np.ones((2, 2)))
assert "sympy" not in sys.modules and "nerva_py.matrix.symbolic" not in sys.modules
import sympy as sp
X = sp.Matrix([[sp.Symbol("x")]])
assert hadamard(X, X) == sp.Matrix([[sp.Symbol("x") ** 2]])
assert "nerva_py.matrix.symbolic" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("name", TABLE)
def test_every_primitive_starts_its_docstring_with_a_formula_or_a_definition(name):
    assert (TABLE[name].__doc__ or "").strip()
    assert TABLE[name].__name__ == name


def test_the_package_exports_the_whole_table():
    import nerva_py.matrix

    assert set(TABLE) <= set(nerva_py.matrix.__all__)
    assert nerva_py.matrix.hadamard is hadamard is TABLE["hadamard"]
