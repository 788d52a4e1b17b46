"""The mutants of a source file: each slip of `operators` at each place, one at a time."""

from __future__ import annotations

import ast
import dataclasses
import difflib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .operators import Scope, called, expressions, statements

ROOT = Path(__file__).resolve().parents[2]

# The files with equations, and of a file that holds other things too, the functions.
MODULES: dict[str, tuple[str, ...]] = {
    "nerva_py.equations.linear": (),
    "nerva_py.equations.activation_layer": (),
    "nerva_py.equations.activations": (),
    "nerva_py.equations.softmax": (),
    "nerva_py.equations.batch_norm": (),
    "nerva_py.equations.dropout": (),
    "nerva_py.equations.losses": (),
    "nerva_py.equations.updates": (),
    "nerva_py.equations.rates": (),
    "nerva_py.equations.initial": (),
    "nerva_py.matrix.primitives": (),
    "nerva_py.matrix.dense": ("stable_log_sigmoid", "updated", "draw_mask", "dropout_mask"),
    "nerva_py.matrix.outer": (),
    "nerva_py.network.passes": (),
    "nerva_py.network.layers": (
        *(
            f"{layer}Layer.{function}"
            for layer in ("Linear", "Activation", "BatchNorm", "Dropout")
            for function in ("forward", "backward")
        ),
        *(f"{layer}Layer.predict" for layer in ("", "Linear", "BatchNorm", "Dropout")),
        "Layer.store",
        "BatchNormLayer._running",
    ),
    "nerva_py.network.outputs": (
        *(
            f"{output}.{function}"
            for output in ("Output", "Pointwise", "TrainedSReLU", "Softmax", "LogSoftmax")
            for function in ("__call__", "backward")
        ),
        "TrainedSReLU._parameters",
        "from_inputs",
        "like_row",
    ),
    "nerva_py.network.mlp": tuple(
        f"MLP.{function}" for function in ("forward", "backward", "gradients", "first_trained", "evaluate", "store")
    ),
    "nerva_py.training.run": ("Run.gradients", "Run.step"),
    "nerva_py.training.optimizers": (
        "Optimizer.step",
        "_adam_constants",
        "_AdamConstants.__call__",
        "_Fixed.__call__",
        "SMET",
        "_per_density",
    ),
    "nerva_py.sparse.kernels.compiled": (
        "affine.affine",
        "product.product",
        "weight_gradient.weight_gradient",
        "affine_single.affine_single",
    ),
    "nerva_py.engine.rows": ("load", "fill", "multiply_add", "store", "inner", "four_inner"),
    "nerva_py.sparse.kernels.sparse_input": ("affine_sparse_input", "weight_gradient_sparse_input"),
    "nerva_py.sparse.kernels.few_samples": (
        "affine.affine",
        "product.product",
        "sum_parts.sum_parts",
        "weight_gradient.weight_gradient",
    ),
    "nerva_py.sparse.kernels.positions": ("free_columns", "block_bounds", "find", "merge", "move", "transpose"),
    "nerva_py.sparse.kernels.bits": (),
    "nerva_py.sparse.kernels.largest": ("keep_largest", "scan"),
    "nerva_py.engine.elementwise": (
        "columns_sum",
        "apply_kernel.apply",
        "hadamard_apply_kernel.hadamard_apply",
        "update_number",
        "update_kernel.update",
    ),
    "nerva_py.engine.rowwise": ("residual_kernel.residual", "mark_labels"),
    "nerva_py.engine.blas": ("matmul", "matmul_bias"),
    "nerva_py.sparse.dense_weight": ("affine_row",),
    "nerva_py.engine.layout": ("copy_transposed",),
}

# The files that pass layers, tapes, generators and functions on. Where one of these stands in the place of another, or of a matrix, some
# error ends the evaluation of the claim, not always in the file itself.
COMPOSITIONS = (
    "nerva_py.matrix.dense",
    "nerva_py.matrix.outer",
    "nerva_py.network.layers",
    "nerva_py.network.outputs",
    "nerva_py.network.mlp",
    "nerva_py.training.run",
    "nerva_py.training.optimizers",
)

# `ahead`, `far` and `beyond` say what `prefetch` looks at, `alike` which of two equal forms is taken: they change no result.
NO_EQUATION = ("__all__", "ahead", "far", "beyond", "last", "alike")

Edit = tuple[ast.AST, str, int | None]  # a parent, the name of its field, and the position in a field that is a list


@dataclass(frozen=True)
class Mutant:
    """One change: where, what, and the changed source. `key` does not depend on line numbers."""

    module: str
    function: str
    change: str
    source: str = field(repr=False, compare=False)

    @property
    def key(self) -> str:
        return f"{self.module.removeprefix('nerva_py.')}.{self.function}: {self.change}"

    def diff(self) -> str:
        """The lines that change."""
        before, after = read(self.module).splitlines(), self.source.splitlines()
        lines = difflib.unified_diff(before, after, lineterm="", n=0)
        return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def path_of(module: str) -> Path:
    return ROOT / (module.replace(".", "/") + ".py")


def read(module: str) -> str:
    return path_of(module).read_text(encoding="utf-8")


def mutants_of(module: str) -> list[Mutant]:
    """All mutants of a module of ours, or of the functions of it that hold equations."""
    return list(mutants(read(module), module, MODULES.get(module, ())))


def mutants(source: str, module: str, functions: tuple[str, ...] = ()) -> Iterator[Mutant]:
    """The mutants of a source text, without repetitions and without those that are the source itself."""
    tree = ast.parse(source)
    numbers = ".scalars import" in source or "prange" in source
    seen = {ast.dump(tree)}
    keys: Counter[str] = Counter()
    for node, edit, function, scope in _places(tree, Scope(numbers=numbers), ""):
        if functions and function not in functions:
            continue
        slips = statements(node, scope) if isinstance(node, ast.stmt) else expressions(node, edit[0], scope)
        for other in slips:
            # With a name or a number, the expression that it stands in is shown.
            context = edit[0] if isinstance(node, ast.Name | ast.Constant) and isinstance(edit[0], ast.expr) else None
            before = ast.unparse(context or node)
            _put(edit, other)
            after, dump = ast.unparse(context or other), ast.dump(tree)
            _put(edit, node)
            if dump in seen:
                continue
            seen.add(dump)
            change = f"{before} -> {after}"
            keys[f"{function}: {change}"] += 1
            if (number := keys[f"{function}: {change}"]) > 1:
                change += f" ({number})"
            yield Mutant(module, function, change, edited(source, node, other, dump))


def _put(edit: Edit, node: ast.AST) -> None:
    parent, name, position = edit
    if position is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[position] = node


def edited(source: str, node: ast.AST, other: ast.AST, wanted: str) -> str:
    """The source with the text of one node replaced, in brackets if it needs them; all else stays as it is."""
    lines = source.encode().splitlines(keepends=True)
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset  # type: ignore[attr-defined]
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset  # type: ignore[attr-defined]
    text = source.encode()
    for replacement in (ast.unparse(other), f"({ast.unparse(other)})"):
        result = (text[:start] + replacement.encode() + text[end:]).decode()
        try:
            if ast.dump(ast.parse(result)) == wanted:
                return result
        except SyntaxError:
            pass
    raise ValueError(f"cannot write {ast.unparse(other)!r} in the place of {ast.unparse(node)!r}")


def _places(parent: ast.AST, scope: Scope, function: str) -> Iterator[tuple[ast.AST, Edit, str, Scope]]:
    """Every node that may be changed, from the outside in, with the function that it is in."""
    for name, value in ast.iter_fields(parent):
        if name in ("decorator_list", "annotation", "returns", "bases"):
            continue
        for position, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or _is_no_equation(node):
                continue
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                inside = f"{function}.{node.name}" if function else node.name
                yield from _places(node, _scope_of(node, scope), inside)
                continue
            edit = (parent, name, position)
            if isinstance(node, ast.stmt | ast.expr):
                yield node, edit, function or "(file)", scope
            yield from _places(node, scope, function)


def _is_no_equation(node: ast.AST) -> bool:
    """Imports, docstrings, errors and the checks that raise them (`_share(...)`), assigned names; hints to the processor."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Raise):
        return True
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Call) or called(node.value).startswith(("_", "prefetch"))
    if isinstance(node, ast.If) and all(isinstance(statement, ast.Raise) for statement in node.body):
        return True
    if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id in NO_EQUATION for t in node.targets):
        return True
    return isinstance(getattr(node, "ctx", None), ast.Store) and not isinstance(node, ast.Subscript)


def _scope_of(node: ast.FunctionDef | ast.ClassDef, outer: Scope) -> Scope:
    if isinstance(node, ast.ClassDef):
        return outer
    arguments = [*node.args.posonlyargs, *node.args.args]
    results: set[int] = set()
    for statement in ast.walk(node):
        if isinstance(statement, ast.Return) and statement.value is not None:
            value = statement.value
            results.update(map(id, value.elts if isinstance(value, ast.Tuple) else [value]))
    return dataclasses.replace(
        outer,
        name=node.name,
        parameters=tuple(a.arg for a in arguments if a.arg != "self"),
        functions=frozenset(s.name for s in node.body if isinstance(s, ast.FunctionDef)),
        results=frozenset(results),
        indexed=tuple(_indexed(node)),
    )


def _indexed(function: ast.FunctionDef) -> Iterator[tuple[str, int]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            yield node.value.id, len(node.slice.elts) if isinstance(node.slice, ast.Tuple) else 1
