"""Check a layer of your own: is each gradient right, and for which sizes?

def forward(X, W, b):          return swish(linear(X, W, b))
def backward(X, W, b, DY):     return DX, DW, Db

print(check_layer(forward, backward, inputs={"X": ("N", "D")}, parameters={"W": ("K", "D"), "b": (1, "K")}))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy as sp

from nerva_py.errors import NervaError

from . import concrete, maxima
from .cases import Cases
from .deadline import within
from .expressions import to_sympy
from .indexed import IndexedMatrix
from .layer_functions import Shape, call_backward, call_forward, check_arguments, exact, size_of
from .numeric import Comparison, compare
from .prover import Derivatives, gradient_difference, indices_of, inner_product
from .reading import numbers_in, what_it_keeps
from .sizes import Questions, watched
from .verdicts import Counterexample, Problem, Report, Verdict, combined, shortened

# Numbers for the sizes: no two equal, so that a transpose or a wrong axis cannot hide; the smallest first, so that a
# counterexample is short.
SIZES = ((1, 2, 3, 4, 5, 6), (2, 3, 4, 5, 6, 7))
SHORT = 100  # operations of an expression that is looked at more closely
ROUNDING = 1e-12
MOST_PROOFS = 40  # with sizes put in that the functions ask for


def check_layer(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Mapping[str, Shape],
    parameters: Mapping[str, Shape] | None = None,
    derivatives: Derivatives | None = None,
    constants: Mapping[str, Shape] | None = None,
    seconds: float = 60.0,
) -> Report:
    """Check the gradients that `backward` returns against those that follow from `forward`.

    `forward(**inputs, **parameters)` returns Y, a matrix. `backward` takes those of the same arguments that it needs, DY, the
    gradient of the loss with respect to Y, and perhaps Y. It returns the gradients as a tuple in the order of inputs and
    parameters, or as a dictionary by name, {"X": DX, ...} or {"DX": DX, ...}; each is a matrix or an `Outer`. A shape is a
    pair of names of sizes or numbers, ("N", "D") or (1, "K"); () is a number. Further arguments that have a default value are
    left alone.

    Both functions must be written over the primitives of `nerva_py.matrix`. The loss is L = Σ DY ⊙ Y with DY free, so a
    gradient that passes is right for every loss. A gradient is right (✓) if it is proved for all sizes *and* agrees with
    differences of `forward` in float64 at many sizes and numbers, wrong (✗) if numbers show it, and else not decided (?), with
    the reason. At a kink, such as that of ReLU at 0, what lies between the one-sided derivatives is right.
    `constants` are further arguments that have no gradient, such as targets or a mask. `derivatives` declares those of
    undefined functions, which are not tried on numbers. A proof that takes longer than `seconds` of computing is given up.
    Raises NervaError if the functions cannot be called as described.
    """
    for given in (inputs, parameters or {}, constants or {}):
        if not isinstance(given, Mapping):
            raise NervaError(f"inputs, parameters and constants must be dictionaries, name: shape, not {given!r}")
    trained = {**inputs, **(parameters or {})}
    shapes = {**trained, **(constants or {})}
    check_arguments(forward, backward, shapes)
    names = sorted({size for shape in shapes.values() for size in shape if isinstance(size, str)})
    if len(names) > len(SIZES[0]):
        raise NervaError(f"at most {len(SIZES[0])} names of sizes are allowed, not {', '.join(names)}")
    layer = _Layer(forward, backward, shapes, tuple(trained), names, derivatives)
    examples = [_Example(layer, dict(zip(names, numbers, strict=False))) for numbers in (SIZES if names else SIZES[:1])]
    with within(seconds, f"proving {', '.join(f'D{name}' for name in trained)} for all sizes"):
        reasons, singled_out = layer.why_not_all()
    found = compare(forward, backward, shapes, trained, names, numbers_in(forward, backward), singled_out)
    return Report(tuple(layer.verdict(name, reasons[name], found, examples) for name in trained))


class _Example:
    """Gradients at given sizes, on symbols: what they should be and what is claimed."""

    def __init__(self, layer: _Layer, sizes: Mapping[str, int]):
        self.sizes = sizes
        at = ", ".join(f"{name} = {number}" for name, number in sizes.items()) or "these sizes"
        matrices = {name: concrete.matrix(name, *size_of(shape, sizes)) for name, shape in layer.shapes.items()}
        self.matrices = matrices
        self.numbers = {matrices[name][0, 0]: name for name, shape in layer.shapes.items() if not shape}
        self.Y = call_forward(layer.forward, self._arguments(layer), f"symbols ({at})")
        self.DY = concrete.matrix("DY", *self.Y.shape)
        arguments = {**self._arguments(layer), "DY": self.DY.as_immutable(), "Y": self.Y}
        self.claimed = call_backward(layer.backward, arguments, layer.trained, f"symbols ({at})")
        self._expected: dict[str, sp.Matrix] = {}

    def _arguments(self, layer: _Layer) -> dict[str, Any]:
        """Matrices that cannot be written to, or numbers."""
        return {name: X.as_immutable() if layer.shapes[name] else X[0, 0] for name, X in self.matrices.items()}

    def problem(self, name: str) -> Problem | None:
        """What is wrong with a gradient, or None."""
        if not self._expected:
            L = exact(concrete.inner_product(self.DY, self.Y))
            self._expected = {other: concrete.gradient(L, self.matrices[other]) for other in self.claimed}
        return _compare(name, self._expected, self.claimed[name], self.sizes, self.numbers)


class _Layer:
    """The two functions, and the shapes of their arguments."""

    def __init__(
        self,
        forward: Callable[..., Any],
        backward: Callable[..., Any],
        shapes: Mapping[str, Shape],
        trained: Sequence[str],
        names: Sequence[str],
        derivatives: Derivatives | None,
    ):
        self.forward, self.backward, self.shapes, self.names = forward, backward, shapes, names
        self.trained = {name: shapes[name] for name in trained}  # those that have a gradient
        self.derivatives = derivatives
        self.of_places: set[str] = set()  # gradients that tell where the largest element stands

    def verdict(self, name: str, reason: str, found: Comparison, examples: Sequence[_Example]) -> Verdict:
        """From the proof, if it has no reason why not, from what was found on numbers, and from the examples on symbols."""
        if name in found.wrong or name in found.odd:
            told = self._told(name, examples)
            if isinstance(told, Counterexample) and told.numbers is None:
                told = None  # formulas that SymPy cannot tell apart
            return Verdict(name, problem=told or found.wrong.get(name) or found.odd[name])
        doubts = [*found.doubts, *what_it_keeps(self.forward, self.backward)]
        assumed = ["where forward is finite"] if found.undefined else []
        assumed += ["where backward is finite"] if name in found.infinite else []
        assumed += [maxima.UNIQUE] if name in self.of_places else []
        if self.derivatives is not None:
            doubts, assumed = [], ["with the derivatives as they are declared; not tried on numbers"]
        elif not found.agreed[name] and not doubts:
            doubts = ["no numbers were found at which forward is finite and can be differentiated"]
        if reason or doubts:
            return Verdict(name, why_not=reason or doubts[0], agrees=found.agreed[name], largest=found.largest)
        return Verdict(name, all_sizes=bool(self.names), right=True, assumed=tuple(assumed))

    def _told(self, name: str, examples: Sequence[_Example]) -> Problem | None:
        """What is wrong, in formulas; None if it cannot be told so."""
        problem: Problem | None = None
        for example in examples:
            try:
                problem = combined(problem, example.problem(name), self.names)
            except ValueError:
                return None
        return problem

    def why_not_all(self) -> tuple[dict[str, str], list[Mapping[str, int]]]:
        """For each gradient: why it is not proved for every size, empty if it is; and the sizes that the functions ask for."""
        symbols = {name: sp.Symbol(name, integer=True, positive=True) for name in self.names}
        waiting: list[dict[str, Any]] = [dict(symbols)]
        done: list[dict[str, Any]] = []
        reasons = dict.fromkeys(self.trained, "")
        while waiting:
            sizes = waiting.pop(0)
            done.append(sizes)
            if len(done) > MOST_PROOFS:
                return {name: reason or "it asks for too many sizes" for name, reason in reasons.items()}, []
            with Questions() as questions:
                found = self._why_not(sizes)
            put_in = ", ".join(f"{name} = {size}" for name, size in sizes.items() if size != symbols[name])
            for name, reason in found.items():
                reasons[name] = reasons[name] or (f"with {put_in}: {reason}" if reason and put_in else reason)
                if questions.open:
                    reasons[name] = reasons[name] or f"for the sizes tried only: {questions.open[0]}"
            for case in questions.follow:
                further = {name: sp.sympify(size).subs(case) for name, size in sizes.items()}
                if further not in done and further not in waiting:
                    waiting.append(further)
        return reasons, _numbers(done[1:])

    def _why_not(self, sizes: Mapping[str, Any]) -> dict[str, str]:
        """For each gradient: why it is not proved for these sizes, which may be symbols; empty if it is."""
        matrices = {name: IndexedMatrix.symbol(name, *size_of(shape, sizes)) for name, shape in self.shapes.items()}
        arguments = {name: X if self.shapes[name] else watched(X.entry(1, 1)) for name, X in matrices.items()}
        with Cases() as cases:
            try:
                Y = call_forward(self.forward, arguments, "symbolic size")
                DY = IndexedMatrix.symbol("DY", *Y.sizes)
                claimed = call_backward(self.backward, {**arguments, "DY": DY, "Y": Y}, self.trained, "symbolic size")
                loss = inner_product(DY, Y)
                L = cases.at_maxima(exact(loss))
                gradients = {
                    name: X.map(lambda e: cases.at_maxima(exact(e)))
                    for name, X in claimed.items()
                    if isinstance(X, IndexedMatrix)
                }
                decimals = loss.has(sp.Float) or any(
                    X.entry(*indices_of(X)).has(sp.Float) for X in claimed.values() if isinstance(X, IndexedMatrix)
                )
                reasons = dict.fromkeys(claimed.keys() - gradients, "it is no matrix")
                declared = cases.completed(cases.derivatives(gradients.values(), self.derivatives))
            except Exception as error:  # noqa: BLE001  a function may fail in any way on symbolic sizes
                return dict.fromkeys(self.trained, str(error) or type(error).__name__)
            for name, claim in gradients.items():
                try:
                    if any(maxima.asks_for_place(e) for e in (L, claim.entry(*indices_of(claim)))):
                        self.of_places.add(name)
                    rest = gradient_difference(L, matrices[name], claim, declared, ROUNDING if decimals else 0)
                    equal = not rest or cases.vanishes(to_sympy(rest))
                    reasons[name] = "" if equal else "the prover could not show that the two sides are equal"
                except Exception as error:  # noqa: BLE001
                    reasons[name] = str(error) or type(error).__name__
        return reasons


def _numbers(sizes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, int]]:
    """Numbers for sizes of which some are put in and the others are symbols."""
    result: list[Mapping[str, int]] = []
    for some in sizes:
        free = sorted({symbol for size in some.values() for symbol in sp.sympify(size).free_symbols}, key=str)
        values = {symbol: 4 + place for place, symbol in enumerate(free)}
        result.append({name: int(sp.sympify(size).subs(values)) for name, size in some.items()})
    return result


def _compare(
    name: str, expected: Mapping[str, sp.Matrix], given: Any, sizes: Mapping[str, int], inputs: Mapping[sp.Symbol, str]
) -> Problem | None:
    """What is wrong with one gradient: its type, its shape, or its first wrong entry, and what it is instead.

    `inputs` are those that are numbers, by their symbols.
    """
    right = expected[name]
    if given is None:
        return "backward returns None in its place; what has no gradient, such as targets, belongs under constants"
    if not hasattr(given, "shape"):
        return f"backward returns {type(given).__name__} {given} in its place, not a matrix"
    given = sp.Matrix(given).applyfunc(exact)
    hint = next((f"it is D{other}" for other, X in expected.items() if other != name and _same(given, X)), "")
    if given.shape == right.T.shape and _same(given.T, right):
        hint = "it is the transpose of the right one" if given != right else ""
    if given.shape != right.shape:
        text = f"its shape is {given.rows}×{given.cols}, that of {name} is {right.rows}×{right.cols}"
        at = ", ".join(f"{size} = {number}" for size, number in sizes.items())
        return f"{hint or 'the shape does not fit'}: {text}" + (f" ({at})" if at else "")
    wrong = [(i, j) for i in range(right.rows) for j in range(right.cols) if not _equal(right[i, j], given[i, j])]
    if not wrong:
        return None
    i, j = wrong[0]
    a, b = right[i, j], given[i, j]
    numbers = concrete.differs_at(a - b, a.free_symbols | b.free_symbols)
    factor = None if hint or numbers is None else _factor(right, given, *(sp.N(e.subs(numbers), 30) for e in (a, b)))
    if not hint and factor is None:
        hint = (
            _wrong_sign(a, b)
            or _missing(a, b)
            or _times(right, given, a, b, inputs)
            or (f"{len(wrong)} of its {len(right)} entries are wrong" if len(wrong) < len(right) else "")
        )
    return Counterexample((i + 1, j + 1), a, b, numbers, sizes, hint, factor)


def _factor(right: sp.Matrix, given: sp.Matrix, expected: sp.Expr, value: sp.Expr) -> sp.Rational | None:
    """c with given = c right, if there is one. In a wrong entry these are the values."""
    if expected == 0:
        return None
    c = sp.nsimplify(sp.N(value / expected, 20), rational=True, tolerance=1e-15)
    return c if _same(given, c * right) else None


def _wrong_sign(right: sp.Expr, given: sp.Expr) -> str:
    """The term whose sign alone is wrong."""
    terms = sp.Add.make_args(given)
    term = next((term for term in terms if len(terms) < 10 and _equal(right, given - 2 * term)), None)
    return f"the sign of a term is wrong: {shortened(str(term))}" if term is not None else ""


def _missing(right: sp.Expr, given: sp.Expr) -> str:
    """The term that is left out."""
    terms = sp.Add.make_args(sp.expand(right)) if right.count_ops() < SHORT else ()
    term = next((term for term in terms if 1 < len(terms) < 10 and _equal(right - term, given)), None)
    return f"a term is missing: {shortened(str(term))}" if term is not None else ""


def _times(right: sp.Matrix, given: sp.Matrix, a: sp.Expr, b: sp.Expr, inputs: Mapping[sp.Symbol, str]) -> str:
    """A power of an input that is a number, by which the whole gradient is multiplied."""
    if a == 0 or not inputs or a.count_ops() + b.count_ops() > SHORT:
        return ""
    c = sp.cancel(b / a)
    base, exponent = c.as_base_exp()
    if base not in inputs or not exponent.is_Integer or not _same(given, c * right):
        return ""
    return f"it is {sp.Symbol(inputs[base]) ** exponent} times the right one"


def _equal(a: sp.Expr, b: sp.Expr) -> bool:
    """As numbers tell: this is for words about a gradient that is known to be wrong, and a proof may take for ever."""
    return a == b or concrete.differs_at(a - b) is None


def _same(A: sp.Matrix, B: sp.Matrix) -> bool:
    return A.shape == B.shape and all(_equal(a, b) for a, b in zip(A, B, strict=True))
