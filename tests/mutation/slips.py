"""Slips of the pen in ordinary code, and the mutants of a file."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from derivations.mutation.mutants import MODULES, ROOT, edited, read

# Where results are made. The equations and kernels in them, and in the rest of nerva_py, are judged by proofs.
PACKAGES = ("training", "topology", "network", "sparse", "data", "checkpoints", "distributed", "estimators")

OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


@dataclass(frozen=True)
class Mutant:
    """One change: where, what, and the changed source. `key` does not depend on line numbers."""

    module: str
    function: str
    change: str
    lines: tuple[int, ...]  # of the function, or of the file, that execute what is changed
    source: str = field(repr=False, compare=False)

    @property
    def key(self) -> str:
        return f"{self.module.removeprefix('nerva_py.')}.{self.function}: {self.change}"


def modules() -> Iterator[str]:
    """The modules of PACKAGES that are no kernels."""
    for package in PACKAGES:
        for path in sorted((ROOT / "nerva_py" / package).rglob("*.py")):
            if "kernels" not in path.parts:
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


def mutants_of(module: str) -> list[Mutant]:
    """All mutants of a module, but of the functions that proofs judge. A module's `__init__` has imports only."""
    return list(mutants(read(module), module, MODULES.get(module, ()))) if not module.endswith("__init__") else []


def mutants(source: str, module: str, proved: tuple[str, ...] = ()) -> Iterator[Mutant]:
    """The mutants of a source text, but of the functions that are `proved`, without repetitions."""
    tree = ast.parse(source)
    keys: Counter[str] = Counter()
    for place in _places(tree, "", (), ""):
        if place.function in proved:
            continue
        for other in slips(place.node, place.name):
            before = ast.unparse(place.node)
            place.put(other)
            after, dump = ast.unparse(other), ast.dump(tree)
            place.put(place.node)
            change = " ".join(f"{place.context}{before} -> {after}".split())
            keys[f"{place.function}: {change}"] += 1
            if (number := keys[f"{place.function}: {change}"]) > 1:
                change += f" ({number})"
            yield Mutant(module, place.function, change, place.lines, edited(source, place.node, other, dump))


def slips(node: ast.AST, field_name: str) -> Iterator[ast.AST]:
    """What could wrongly stand in the place of a node, in that field of its parent."""
    if field_name == "test" and not isinstance(node, ast.Compare | ast.BoolOp | ast.UnaryOp):
        yield ast.UnaryOp(ast.Not(), node)
    if isinstance(node, ast.BinOp) and (other := OPERATORS.get(type(node.op))):
        yield ast.BinOp(node.left, other(), node.right)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(OPERATORS[type(node.op)](), node.values)
    elif isinstance(node, ast.Compare) and (other := OPERATORS.get(type(node.ops[0]))):
        yield ast.Compare(node.left, [other(), *node.ops[1:]], node.comparators)
        if isinstance(node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE):
            yield ast.UnaryOp(ast.Not(), node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node.operand
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1 if isinstance(node.value, int) else 2 * node.value + 0.25 * (not node.value))
    elif _is_droppable(node):
        yield ast.Pass()
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield ast.Return(ast.Constant(None))


def _is_droppable(node: ast.AST) -> bool:
    """A call, a change in place, an assignment to a part of an object."""
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets)
    return isinstance(node, ast.AugAssign) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Yield)
    )


@dataclass
class _Place:
    """A node, its function, the lines that execute it, and how to put another node there."""

    node: ast.AST
    function: str
    lines: tuple[int, ...]
    context: str
    parent: ast.AST
    name: str
    position: int | None

    def put(self, node: ast.AST) -> None:
        if self.position is None:
            setattr(self.parent, self.name, node)
        else:
            getattr(self.parent, self.name)[self.position] = node


def _places(parent: ast.AST, function: str, body: tuple[int, ...], context: str) -> Iterator[_Place]:
    for name, value in ast.iter_fields(parent):
        if name in ("decorator_list", "annotation", "returns", "bases", "keywords") and not isinstance(
            parent, ast.Call
        ):
            continue
        for position, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or _is_left_alone(node):
                continue
            inside, lines = function, body
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                inside = f"{function}.{node.name}" if function else node.name
                # A default is used by whoever enters the function, a class variable by whoever enters one of its methods.
                lines = tuple(range(node.body[0].lineno, (node.end_lineno or 0) + 1))
            elif isinstance(node, ast.stmt) and not isinstance(parent, ast.Module | ast.ClassDef):
                body_of = getattr(node, "body", None)  # of a compound statement, the lines before it
                last = body_of[0].lineno - 1 if body_of else node.end_lineno
                lines = tuple(range(node.lineno, max(node.lineno, last or 0) + 1))
            near = context
            if isinstance(node, ast.expr) and isinstance(parent, ast.stmt | ast.arguments | ast.keyword):
                near = _statement(parent, node)
            if isinstance(node, ast.stmt | ast.expr) and not isinstance(node, ast.FunctionDef | ast.ClassDef):
                yield _Place(
                    node,
                    function or "(file)",
                    lines or body,
                    "" if isinstance(node, ast.stmt) else near,
                    parent,
                    name,
                    position,
                )
            yield from _places(node, inside, lines, near)


def _statement(parent: ast.AST, node: ast.expr) -> str:
    """The statement that an expression stands in, or the parameter whose default it is."""
    if isinstance(parent, ast.arguments):
        names = [a.arg for a in [*parent.posonlyargs, *parent.args]]
        defaults = dict(zip(reversed(names), reversed(parent.defaults), strict=False))
        defaults |= {a.arg: d for a, d in zip(parent.kwonlyargs, parent.kw_defaults, strict=True) if d is not None}
        return next((f"[{name}=] " for name, default in defaults.items() if default is node), "")
    if isinstance(parent, ast.keyword):
        return f"[{parent.arg}=] "
    return f"[{ast.unparse(parent).splitlines()[0][:70]}] "


def _is_left_alone(node: ast.AST) -> bool:
    """Imports, docstrings, texts, what is raised, names of types, `if TYPE_CHECKING`, and `__all__`."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Raise | ast.JoinedStr):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
        return True
    if isinstance(node, ast.AnnAssign) and getattr(node.annotation, "id", "") == "TypeAlias":
        return True
    return isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
