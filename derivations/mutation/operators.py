"""What a slip of the pen is: for a node of the syntax tree, the nodes that could wrongly stand in its place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

# A function, and those that it could be taken for.
NEIGHBOURS = {
    "columns_sum": ("rows_sum", "columns_mean", "columns_max"),
    "rows_sum": ("columns_sum", "rows_mean", "rows_max"),
    "columns_mean": ("rows_mean", "columns_sum"),
    "rows_mean": ("columns_mean", "rows_sum"),
    "columns_max": ("rows_max", "columns_sum"),
    "rows_max": ("columns_max", "rows_sum"),
    "row_repeat": ("column_repeat",),
    "column_repeat": ("row_repeat",),
    "diag": ("Diag",),
    "Diag": ("diag",),
    "identity": ("ones",),
    "ones": ("zeros",),
    "zeros": ("ones",),
    "exp": ("log",),
    "log": ("exp",),
    "log1p": ("log", "exp"),
    "sqrt": ("exp",),
    "tanh": ("exp",),
    "reciprocal": ("sqrt",),
    "inv_sqrt": ("sqrt", "reciprocal"),
    "log_sigmoid": ("log",),
    "softmax": ("log_softmax",),
    "log_softmax": ("softmax",),
    "min": ("max",),
    "max": ("min",),
    "cos": ("exp",),
    "floor": ("ceil",),
    "function": ("derivative",),
    "derivative": ("function",),
    "samples": ("gradient",),
    "gradient": ("samples",),
}
# Where the carrier has a function with a size beside the matrix, the neighbour wants it too: identity(X, n), ones(X, n, n).
TAKES_TWO_SIZES = {"ones", "zeros"}

COMMUTATIVE = {"hadamard", "dot", "min", "max"}

# The first argument that could be swapped with the next; those before are of different kinds: a function, a matrix, a size.
SWAPPED_FROM = {
    **dict.fromkeys(("apply", "inv_sqrt", "row_repeat", "column_repeat", "identity", "ones", "zeros", "column"), 2),
    "hadamard_apply": 3,
    "where": 1,
    "getattr": 2,
    "kth_largest": 1,
    "first_from": 1,
}

# Functions that may be forgotten, and which of the arguments may then be left.
FORGETTABLE = {
    **dict.fromkeys(
        ("exp", "log", "log1p", "sqrt", "tanh", "cos", "floor", "reciprocal", "inv_sqrt", "log_sigmoid"), (0,)
    ),
    **dict.fromkeys(("softmax", "log_softmax", "shifted", "sigmoid", "f", "column_repeat", "row_repeat"), (0,)),
    **dict.fromkeys(("columns_mean", "rows_mean", "columns_sum", "rows_sum", "diag", "Diag"), (0,)),
    **dict.fromkeys(("hadamard", "min", "max"), (0, 1)),
    "hadamard_apply": (0,),
    "where": (1, 2),
}

# The arguments of a primitive that are matrices: each may be transposed by mistake.
MATRICES = {
    **dict.fromkeys(("columns_sum", "rows_sum", "columns_mean", "rows_mean", "columns_max", "rows_max"), (0,)),
    **dict.fromkeys(("row_repeat", "column_repeat", "diag", "Diag"), (0,)),
    **dict.fromkeys(("hadamard", "dot"), (0, 1)),
    **dict.fromkeys(("product_on", "affine"), (0, 1, 2)),
}

# Functions whose result has no negative.
SEVERAL_RESULTS = {"tuple", "standardize"}
MAKERS = {
    "Activation", "Loss", "Optimizer", "Outer", "Term", "LinearTape", "ActivationTape", "BatchNormTape", "_AdamConstants",
}  # fmt: skip

# Parameters of other kinds than the rest: a number among matrices, a function, a tuple; a count among numbers. A slip
# replaces a parameter by another of its kind.
NOT_MATRICES = {
    "f", "epsilon", "momentum", "like", "m", "n", "parameters", "needs_DX", "count", "states", "constants", "outside",
    "rng", "rate", "shape", "dtype", "tape", "tapes", "layer", "gradients", "eta", "t", "network", "batch",
}  # fmt: skip
NOT_NUMBERS = {"f", "parameters", "constants", "parts", "gemm", "i", "epochs", "change_rate", "milestones", "histogram"}

ARITHMETIC = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
}
ORDER: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Gt: (ast.GtE, ast.LtE),
}


@dataclass(frozen=True)
class Scope:
    """What an operator must know of the place: the function, its parameters, and whether they are numbers."""

    name: str = ""
    parameters: tuple[str, ...] = ()
    numbers: bool = False
    functions: frozenset[str] = frozenset()  # that are defined in it
    results: frozenset[int] = frozenset()  # the identities of the nodes that it returns
    indexed: tuple[tuple[str, int], ...] = ()  # names that stand before an index, and how many numbers that has


def expressions(node: ast.expr, parent: ast.AST, scope: Scope) -> Iterator[ast.expr]:
    """What could wrongly stand in the place of an expression."""
    if isinstance(node, ast.BinOp):
        yield from _operator(node, parent, scope)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node.operand
    elif isinstance(node, ast.BoolOp):  # a condition left out
        yield from (ast.BoolOp(node.op, rest) if rest[1:] else rest[0] for rest in _one_left_out(node.values))
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield node.value
    elif isinstance(node, ast.Attribute) and isinstance(parent, ast.Call) and node is parent.func:
        yield from (ast.Attribute(node.value, other, node.ctx) for other in NEIGHBOURS.get(node.attr, ()))
    elif isinstance(node, ast.Compare):
        for k, one in enumerate(node.ops):
            for other in ORDER.get(type(one), ()):
                yield ast.Compare(node.left, [*node.ops[:k], other(), *node.ops[k + 1 :]], node.comparators)
    elif isinstance(node, ast.IfExp):
        yield from (ast.IfExp(node.test, node.orelse, node.body), node.body, node.orelse)
    elif isinstance(node, ast.Call):
        yield from _call(node, scope)
    elif isinstance(node, ast.Constant):
        yield from _constant(node, parent)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield from _name(node, parent, scope)
    elif isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load):
        yield from _order(node, parent, scope)
    yield from _transposed(node, parent, scope)
    yield from _negative(node, scope)


def statements(node: ast.stmt, scope: Scope) -> Iterator[ast.stmt]:
    """What could wrongly stand in the place of a statement."""
    if isinstance(node, ast.AugAssign):
        for other in ARITHMETIC.get(type(node.op), ()):
            yield ast.AugAssign(node.target, other(), node.value)
        # A loop counter that does not count would never end.
        if not isinstance(node.value, ast.Constant):
            yield ast.Assign([node.target], node.value, lineno=0)
            yield ast.Pass()
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):  # a call forgotten
        yield ast.Pass()
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        (target,) = node.targets
        again = isinstance(target, ast.Name) and target.id in scope.parameters
        if isinstance(target, ast.Subscript) or again:
            yield ast.Pass()


def _operator(node: ast.BinOp, parent: ast.AST, scope: Scope) -> Iterator[ast.expr]:
    left, right = node.left, node.right
    scalar_first = not scope.numbers and isinstance(node.op, ast.Mult) and is_size(left)
    index = isinstance(parent, ast.Call) and called(parent) in ("slice", "min")
    for other in ARITHMETIC.get(type(node.op), ()):
        if other is ast.Div and scalar_first:  # a matrix can be divided by a number only
            yield ast.BinOp(right, other(), left)
        else:
            yield ast.BinOp(left, ast.Add() if other is ast.Div and index else other(), right)
    if isinstance(node.op, ast.Sub | ast.MatMult | ast.Pow) or (isinstance(node.op, ast.Div) and scope.numbers):
        yield ast.BinOp(right, node.op, left)
    if not scalar_first:
        yield left
    if isinstance(node.op, ast.Sub):
        yield ast.UnaryOp(ast.USub(), right)
    elif not isinstance(node.op, ast.Div):
        yield right


def _one_left_out(values: list[ast.expr]) -> Iterator[list[ast.expr]]:
    return ([*values[:k], *values[k + 1 :]] for k in range(len(values)))


def is_size(node: ast.expr) -> bool:
    """A number in an equation of matrices: N, X.shape[0], 2, 1 - momentum."""
    if isinstance(node, ast.BinOp):
        return is_size(node.left) and is_size(node.right)
    shape = isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "shape"
    name = isinstance(node, ast.Name) and (node.id in ("N", "D", "K") or node.id in NOT_MATRICES)
    return shape or name or isinstance(node, ast.Constant)


def _call(node: ast.Call, scope: Scope) -> Iterator[ast.expr]:
    name, arguments = called(node), node.args
    if isinstance(node.func, ast.Name):
        for other in NEIGHBOURS.get(name, ()):
            if other == scope.name:  # a function in terms of itself
                continue
            others = arguments[:1] if name == "inv_sqrt" else arguments
            if other in TAKES_TWO_SIZES and name not in TAKES_TWO_SIZES:
                others = [*arguments, arguments[-1]]
            yield ast.Call(ast.Name(other, ast.Load()), others, node.keywords)
    for k in FORGETTABLE.get(name, ()):
        if k < len(arguments) and not (name == "f" and len(arguments) > 2):  # a function with several results
            yield arguments[k]
    if name == "hadamard":
        yield ast.BinOp(arguments[0], ast.Add(), arguments[1])
    elif name == "dot":
        yield from (ast.Call(ast.Name("elements_sum", ast.Load()), [argument], []) for argument in arguments)
    elif name == "inv_sqrt":
        yield ast.Call(node.func, arguments[:1], [])
    elif name == "Outer":  # the negative of a product that waits, and its mask left out
        yield ast.Call(node.func, [ast.UnaryOp(ast.USub(), arguments[0]), *arguments[1:]], [])
        yield ast.Call(node.func, arguments[:2], [])
    elif name == "range":
        yield ast.Call(node.func, [*arguments[:-1], ast.BinOp(arguments[-1], ast.Sub(), ast.Constant(1))], [])
        first = arguments[0] if len(arguments) > 1 else ast.Constant(0)
        yield ast.Call(node.func, [ast.BinOp(first, ast.Add(), ast.Constant(1)), arguments[-1]], [])
    if name not in COMMUTATIVE:
        for k in range(SWAPPED_FROM.get(name, 0), len(arguments) - 1):
            if _may_be_swapped(arguments[k], arguments[k + 1], name, scope):
                swapped = [*arguments[:k], arguments[k + 1], arguments[k], *arguments[k + 2 :]]
                yield ast.Call(node.func, swapped, node.keywords)


def _may_be_swapped(a: ast.expr, b: ast.expr, name: str, scope: Scope) -> bool:
    if name in MAKERS:  # the maker of an object: two functions, but not a function and a text or a tuple
        return isinstance(a, ast.Name) and isinstance(b, ast.Name)
    if not scope.numbers and is_size(a) != is_size(b):
        return False
    if "histogram" in (getattr(a, "id", ""), getattr(b, "id", "")):
        return False
    return not isinstance(a, ast.Starred) and not isinstance(b, ast.Starred)


def _constant(node: ast.Constant, parent: ast.AST) -> Iterator[ast.expr]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(parent, ast.Subscript) and isinstance(parent.value, ast.Attribute) and parent.value.attr == "shape":
        yield ast.Constant(1 - value)
    elif isinstance(parent, ast.AugAssign) and value == 1:  # a loop that does not count would never end
        yield ast.Constant(2)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
        if value >= 1:
            yield ast.Constant(value - 1)


def _name(node: ast.Name, parent: ast.AST, scope: Scope) -> Iterator[ast.expr]:
    """The next parameter of the function that is of the same kind; in an unrolled loop the variable before."""
    if isinstance(parent, ast.Starred) or (isinstance(parent, ast.Call) and node is parent.func):
        return
    if isinstance(getattr(parent, "ctx", None), ast.Store):  # an output is not taken for an input
        return
    if unrolled := re.fullmatch(r"([a-z])([1-9])", node.id):
        yield ast.Name(f"{unrolled[1]}{int(unrolled[2]) - 1}", ast.Load())
    others = [p for p in scope.parameters if p not in (NOT_NUMBERS if scope.numbers else NOT_MATRICES)]
    if scope.numbers:  # where a capital is a matrix, a small letter is not
        others = [p for p in others if p[0].isupper() == node.id[0].isupper()]
        dimensions = dict(scope.indexed)  # and where a vector is indexed, a number is not
        others = [p for p in others if dimensions.get(p) == dimensions.get(node.id)]
    if node.id in others and len(others) > 1:
        yield ast.Name(others[(others.index(node.id) + 1) % len(others)], ast.Load())


def _order(node: ast.Tuple, parent: ast.AST, scope: Scope) -> Iterator[ast.expr]:
    """Results in another order. At the level of the file, the order of a registry means nothing."""
    if not isinstance(parent, ast.Return | ast.Assign | ast.comprehension) or not scope.name:
        return
    for k in range(len(node.elts) - 1):
        a, b = node.elts[k : k + 2]
        if isinstance(parent, ast.Return) or type(a) is type(b):
            yield ast.Tuple([*node.elts[:k], b, a, *node.elts[k + 2 :]], node.ctx)


def _transposed(node: ast.expr, parent: ast.AST, scope: Scope) -> Iterator[ast.expr]:
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return
    if isinstance(parent, ast.Call) and not scope.numbers:
        matrices = [parent.args[k] for k in MATRICES.get(called(parent), ()) if k < len(parent.args)]
        if any(node is matrix for matrix in matrices):
            yield ast.Attribute(node, "T", ast.Load())
    elif isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.MatMult):
        yield ast.Attribute(node, "T", ast.Load())


def _negative(node: ast.expr, scope: Scope) -> Iterator[ast.expr]:
    """The negative of a result."""
    if id(node) not in scope.results or isinstance(node, ast.Starred | ast.Tuple | ast.UnaryOp | ast.Lambda):
        return
    if isinstance(node, ast.Name) and node.id in scope.functions:
        return
    if isinstance(node, ast.Constant) and node.value is None:
        return
    if isinstance(node, ast.Call):
        name = called(node)
        if name in SEVERAL_RESULTS or name.endswith(("_backward", "_gradients")) or name in MAKERS:
            return
    yield ast.UnaryOp(ast.USub(), node)


def called(node: ast.Call) -> str:
    """The name of the function that is called."""
    return getattr(node.func, "id", getattr(node.func, "attr", ""))
