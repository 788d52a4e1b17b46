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
    "cos": ("sin",),
    "floor": ("ceil",),
    "function": ("derivative",),
    "derivative": ("function",),
    "value": ("gradient",),
    "gradient": ("value",),
}
# Where the carrier has a function with a size beside the matrix, the neighbour wants it too: identity(X, n), ones(X, n, n).
TAKES_TWO_SIZES = {"ones", "zeros"}

COMMUTATIVE = {"hadamard", "dot", "min", "max"}

# The first argument that could be swapped with the next; those before are of different kinds: a function, a matrix, a size.
SWAPPED_FROM = {
    **dict.fromkeys(("apply", "inv_sqrt", "row_repeat", "column_repeat", "identity", "ones", "zeros", "column"), 2),
    "hadamard_apply": 3,
    "where": 1,
}

# Functions that may be forgotten, and which of the arguments may then be left.
FORGETTABLE = {
    **dict.fromkeys(("exp", "log", "log1p", "sqrt", "tanh", "cos", "floor", "reciprocal", "inv_sqrt", "log_sigmoid"), (0,)),
    **dict.fromkeys(("softmax", "log_softmax", "shifted", "sigmoid", "f", "column_repeat", "row_repeat"), (0,)),
    **dict.fromkeys(("columns_mean", "rows_mean", "columns_sum", "rows_sum", "diag", "Diag"), (0,)),
    **dict.fromkeys(("hadamard", "hadamard_apply", "min", "max"), (0, 1)),
    "where": (1, 2),
}

# The arguments of a primitive that are matrices: each may be transposed by mistake.
MATRICES = {
    **dict.fromkeys(("columns_sum", "rows_sum", "columns_mean", "rows_mean", "columns_max", "rows_max"), (0,)),
    **dict.fromkeys(("row_repeat", "column_repeat", "diag", "Diag"), (0,)),
    **dict.fromkeys(("hadamard", "dot"), (0, 1)),
    **dict.fromkeys(("product_on", "affine"), (0, 1, 2)),
}

SEVERAL_RESULTS = {"tuple", "standardize"}

# Parameters that are not matrices, where the others are.
NOT_MATRICES = {"self", "f", "epsilon", "momentum", "like", "m", "n", "parameters", "parts", "averaged", "name"}

ARITHMETIC = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.Mult,),
}
ORDER = {ast.LtE: (ast.Lt, ast.Gt), ast.Lt: (ast.LtE, ast.GtE), ast.GtE: (ast.Gt, ast.Lt), ast.Gt: (ast.GtE, ast.LtE)}


@dataclass(frozen=True)
class Scope:
    """What an operator must know of the place: the parameters of the function, and whether they are numbers."""

    parameters: tuple[str, ...] = ()
    numbers: bool = False
    functions: frozenset[str] = frozenset()  # that are defined in it
    results: frozenset[int] = frozenset()  # the identities of the nodes that it returns


def expressions(node: ast.expr, parent: ast.AST, scope: Scope) -> Iterator[ast.expr]:
    """What could wrongly stand in the place of an expression."""
    if isinstance(node, ast.BinOp):
        yield from _operator(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node.operand
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield node.value
    elif isinstance(node, ast.Attribute) and isinstance(parent, ast.Call) and node is parent.func:
        yield from (ast.Attribute(node.value, other, node.ctx) for other in NEIGHBOURS.get(node.attr, ()))
    elif isinstance(node, ast.Compare):
        for other in ORDER.get(type(node.ops[0]), ()):
            yield ast.Compare(node.left, [other()], node.comparators)
    elif isinstance(node, ast.IfExp):
        yield from (ast.IfExp(node.test, node.orelse, node.body), node.body, node.orelse)
    elif isinstance(node, ast.Call):
        yield from _call(node)
    elif isinstance(node, ast.Constant):
        yield from _constant(node, parent)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield from _name(node, parent, scope)
    elif isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load):
        yield from _order(node, parent)
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
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        (target,) = node.targets
        again = isinstance(target, ast.Name) and target.id in scope.parameters
        if isinstance(target, ast.Subscript) or again:
            yield ast.Pass()


def _operator(node: ast.BinOp) -> Iterator[ast.expr]:
    left, right = node.left, node.right
    for other in ARITHMETIC.get(type(node.op), ()):
        yield ast.BinOp(left, other(), right)
    if isinstance(node.op, ast.Sub | ast.Div | ast.MatMult | ast.Pow):
        yield ast.BinOp(right, node.op, left)
    yield left
    if isinstance(node.op, ast.Sub):
        yield ast.UnaryOp(ast.USub(), right)
    elif not isinstance(node.op, ast.Div):
        yield right


def _call(node: ast.Call) -> Iterator[ast.expr]:
    name, arguments = called(node), node.args
    if isinstance(node.func, ast.Name):
        for other in NEIGHBOURS.get(name, ()):
            sizes = arguments
            if other in TAKES_TWO_SIZES and name not in TAKES_TWO_SIZES:
                sizes = [*arguments, arguments[-1]]
            yield ast.Call(ast.Name(other, ast.Load()), sizes, node.keywords)
    for k in FORGETTABLE.get(name, ()):
        if k < len(arguments) and not isinstance(arguments[k], ast.Starred):
            yield arguments[k]
    if name == "hadamard":
        yield ast.BinOp(arguments[0], ast.Add(), arguments[1])
    elif name == "dot":
        yield from (ast.Call(ast.Name("elements_sum", ast.Load()), [argument], []) for argument in arguments)
    elif name == "inv_sqrt":
        yield ast.Call(node.func, arguments[:1], [])
    elif name == "range":
        yield ast.Call(node.func, [*arguments[:-1], ast.BinOp(arguments[-1], ast.Sub(), ast.Constant(1))], [])
        first = arguments[0] if len(arguments) > 1 else ast.Constant(0)
        yield ast.Call(node.func, [ast.BinOp(first, ast.Add(), ast.Constant(1)), arguments[-1]], [])
    if name not in COMMUTATIVE:
        for k in range(SWAPPED_FROM.get(name, 0), len(arguments) - 1):
            if _may_be_swapped(arguments[k], arguments[k + 1]):
                swapped = [*arguments[:k], arguments[k + 1], arguments[k], *arguments[k + 2 :]]
                yield ast.Call(node.func, swapped, node.keywords)


def _may_be_swapped(a: ast.expr, b: ast.expr) -> bool:
    return not any(isinstance(e, ast.Starred) or (isinstance(e, ast.Constant) and isinstance(e.value, str)) for e in (a, b))


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
    """Another parameter of the function, the next one; in an unrolled loop the variable before."""
    if isinstance(parent, ast.Call) and node is parent.func:
        return
    if unrolled := re.fullmatch(r"([a-z])([1-9])", node.id):
        yield ast.Name(f"{unrolled[1]}{int(unrolled[2]) - 1}", ast.Load())
    others = [p for p in scope.parameters if scope.numbers or p not in NOT_MATRICES]
    if node.id in others and len(others) > 1:
        yield ast.Name(others[(others.index(node.id) + 1) % len(others)], ast.Load())


def _order(node: ast.Tuple, parent: ast.AST) -> Iterator[ast.expr]:
    """Results in another order."""
    if not isinstance(parent, ast.Return | ast.Assign | ast.comprehension):
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
    if isinstance(node, ast.Call):
        name = called(node)
        if name in SEVERAL_RESULTS or name.endswith(("_backward", "_gradients")) or (name[0].isupper() and name != "Diag"):
            return
    yield ast.UnaryOp(ast.USub(), node)


def called(node: ast.Call) -> str:
    """The name of the function that is called."""
    function = node.func
    return function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
