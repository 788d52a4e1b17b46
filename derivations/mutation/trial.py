"""Trying the proofs on changed source: in a process of its own, which imports the changed file in place of the original.

The parent has imported NumPy, SymPy and Numba and nothing of nerva_py, so that in a forked child every
`from .linear import linear` finds the changed function. Nothing is compiled: the proofs call the kernels' `.py_func`.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import io
import multiprocessing
import re
import signal
import sys
import time
import traceback
import types
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from multiprocessing.connection import Connection, wait
from typing import Any

from derivations import book

from .mutants import COMPOSITIONS, path_of, read

# Rejected by a proof; by the evaluation of the equation, in which shapes do not fit, a matrix or nothing stands where a number is
# needed, an index is no integer or does not exist, a divisor is 0 or a number too large; not rejected. "Cannot run" (another error in the equation) and "error" (one elsewhere) are no rejection either.
PROOF, EVALUATION, CANNOT_RUN, SURVIVED, ERROR = "by proof", "evaluation", "cannot run", "survived", "error"

# Seconds of CPU time, because how busy the machine is must not decide.
CLAIM_LIMIT = 15.0  # for one claim about a mutant; then the next claim is tried
# Seconds of a clock, after three times its CPU time: a child that sits in a call that does not return is killed.
HARD_LIMIT = 30.0

Place = tuple[str, int]  # of a claim: its chapter and its number there


@dataclass(frozen=True)
class Measured:
    """A claim about the unchanged equations: how long it takes and which functions it executes."""

    place: Place
    name: str
    seconds: float
    reached: frozenset[str]
    error: str = ""


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: how it was rejected and by which claim, or that it was not."""

    outcome: str
    claim: str = ""
    detail: str = ""
    place: Place | None = None
    seconds: float = 0.0


class OutOfTime(BaseException):
    """Not an Exception, so that no proof takes it for a failure of its own."""


# ------------------------------------------------------------------------------------------------------ inside of a child


class _Loader(SourceFileLoader):
    """Executes a given text as the module."""

    def __init__(self, name: str, source: str):
        super().__init__(name, str(path_of(name)))
        self.source = source

    def get_code(self, fullname: str) -> types.CodeType:
        return compile(self.source, self.path, "exec", dont_inherit=True)

    def exec_module(self, module: types.ModuleType) -> None:
        """The neighbours of a function, which the file may not import itself, are there beforehand."""
        if not module.__name__.startswith("nerva_py.matrix."):
            table = importlib.import_module("nerva_py.matrix")
            vars(module).update({name: getattr(table, name) for name in table.__all__})
        if ".scalars import" in self.source:
            scalars = importlib.import_module("nerva_py.matrix.scalars")
            vars(module).update({name: getattr(scalars, name) for name in ("exp", "log", "log1p", "sqrt", "tanh")})
        super().exec_module(module)


class _Finder:
    def __init__(self, sources: Mapping[str, str]):
        self.sources = sources

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in self.sources:
            return None
        return importlib.util.spec_from_file_location(name, path_of(name), loader=_Loader(name, self.sources[name]))


def install(sources: Mapping[str, str]) -> None:
    loaded = [name for name in sys.modules if name.startswith("nerva_py")]
    assert not loaded, f"{loaded} are imported already: a mutant could not take their place"
    sys.meta_path.insert(0, _Finder(sources))  # type: ignore[arg-type]
    warnings.simplefilter("ignore")


def _claims(chapter: str) -> list[book.Claim]:
    return list(book.claims([chapter]))


def _alarm(seconds: float) -> None:
    signal.setitimer(signal.ITIMER_PROF, max(seconds, 1e-3) if seconds else 0)


def _out_of_time(*_: object) -> None:
    raise OutOfTime


def try_claims(module: str, source: str, places: Sequence[Place], limit: float) -> Verdict:
    """The verdict on one mutant: the claims are tried in this order until one rejects it."""
    if not places:
        return Verdict(SURVIVED, detail="no claim executes this function")
    install({module: source})
    signal.signal(signal.SIGPROF, _out_of_time)
    end = time.process_time() + limit
    chapters: dict[str, list[book.Claim]] = {}
    crashes: list[tuple[bool, str]] = []
    late = 0
    for chapter, number in places:
        left = end - time.process_time()
        if left <= 0:
            late += 1
            continue
        try:
            _alarm(min(left, CLAIM_LIMIT))
            if chapter not in chapters:
                chapters[chapter] = _claims(chapter)
            one = chapters[chapter][number]
            one.prove()
            _alarm(0)
        except OutOfTime:
            late += 1
        except Exception as problem:  # noqa: BLE001  any problem is looked at
            _alarm(0)
            message = f"{type(problem).__name__}: {problem}"[:300]
            if chapter not in chapters:  # a claim of another chapter may reject it
                crashes.append((False, f"import of {chapter}: {message}"))
                continue
            kind = _kind(problem, module)
            if kind in (PROOF, EVALUATION):
                return Verdict(
                    kind, f"{chapter}: {one.equation}, {one.carrier} {one.sizes}", message, (chapter, number)
                )
            crashes.append((kind == CANNOT_RUN, f"{chapter}: {one.equation}: {message}"))
    if crashes:
        ours = all(own for own, _ in crashes)
        return Verdict(CANNOT_RUN if ours else ERROR, detail=next(text for own, text in crashes if own == ours))
    return Verdict(SURVIVED, detail=f"{late} of {len(places)} claims did not end in time" if late else "")


_SHAPES = re.compile(r"shape|size mismatch|do not fit|dimension|needs a (row|column|square)", re.IGNORECASE)
_OPERANDS = re.compile(
    r"unsupported operand type|not implemented for matrices of type|as an integer|must be integers|Cannot convert symbols to int"
    r"|not subscriptable"
)
_ON_PURPOSE = re.compile(r"depends on (the value of a maximum|it$)")


def _kind(problem: Exception, module: str) -> str:
    """How a claim failed: a failed proof, shapes or operands that do not fit, another error while the equation was evaluated; or an
    error that has nothing to do with the equation, which must not be taken for a proof."""
    if isinstance(problem, book.NotProved) or (isinstance(problem, ValueError) and _ON_PURPOSE.search(str(problem))):
        return PROOF
    files = {frame.filename for frame in traceback.extract_tb(problem.__traceback__)}
    own = str(path_of(module)) in files
    if isinstance(problem, ValueError) and _SHAPES.search(str(problem)):
        return EVALUATION
    if isinstance(problem, TypeError) and _OPERANDS.search(str(problem)):
        return EVALUATION
    if isinstance(problem, IndexError | ZeroDivisionError | OverflowError) and own:
        return EVALUATION
    if isinstance(problem, NameError | ImportError | SyntaxError):
        return ERROR
    if module in COMPOSITIONS:
        return EVALUATION
    if isinstance(problem, AssertionError):
        return ERROR
    return CANNOT_RUN if own else ERROR


def measure(chapter: str, modules: Sequence[str]) -> list[Measured]:
    """The claims of a chapter about the unchanged equations. They must hold, or nothing is shown by rejecting a mutant."""
    reached: set[str] = set()
    builtins.__reached__ = reached.add  # type: ignore[attr-defined]
    install({module: instrumented(read(module), module) for module in modules})
    claims = _claims(chapter)
    imported = frozenset(reached)
    results = []
    for number, one in enumerate(claims):
        reached.clear()
        start, error = time.perf_counter(), ""
        try:
            one.prove()
        except Exception as problem:  # noqa: BLE001
            error = f"{type(problem).__name__}: {problem}"
        name = f"{chapter}: {one.equation}, {one.carrier} {one.sizes}"
        results.append(Measured((chapter, number), name, time.perf_counter() - start, imported | reached, error))
    return results


def instrumented(source: str, module: str) -> str:
    """The source with a note at the start of each function, and of the file itself."""
    tree = ast.parse(source)

    def note(name: str) -> ast.stmt:
        return ast.parse(f"__reached__({f'{module}:{name}'!r})").body[0]

    def visit(parent: Any, outer: str) -> None:
        for node in parent.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                inside = f"{outer}.{node.name}" if outer else node.name
                visit(node, inside)
                if isinstance(node, ast.FunctionDef):
                    node.body.insert(1 if ast.get_docstring(node) and len(node.body) > 1 else 0, note(inside))
            elif hasattr(node, "body") and isinstance(node.body, list):
                visit(node, outer)

    visit(tree, "")
    tree.body.append(note("(file)"))
    return ast.unparse(ast.fix_missing_locations(tree))


# ------------------------------------------------------------------------------------------------------------ the parent


@dataclass
class _Child:
    process: Any
    job: Any
    deadline: float
    start: float = field(default_factory=time.perf_counter)


def in_children(
    jobs: Iterator[tuple[Any, Callable[..., Any], tuple[Any, ...], float]], workers: int
) -> Iterator[tuple[Any, Any, float]]:
    """Run each (name, function, arguments, seconds) in a forked process, a few at a time; yields name, result, seconds.
    The result is None of a child that died or had to be killed. `jobs` is asked for the next one when there is room."""
    context = multiprocessing.get_context("fork")
    running: dict[Connection, _Child] = {}
    exhausted = False
    while running or not exhausted:
        while not exhausted and len(running) < workers:
            job = next(jobs, None)
            if job is None:
                exhausted = True
                break
            name, function, arguments, seconds = job
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=_child, args=(there, function, arguments), daemon=True)
            process.start()
            there.close()
            running[here] = _Child(process, name, time.perf_counter() + 3 * seconds + HARD_LIMIT)
        for connection in wait(list(running), timeout=0.5):
            child = running.pop(connection)  # type: ignore[arg-type]
            try:
                result = connection.recv()  # type: ignore[union-attr]
            except EOFError:
                result = None
            child.process.join()
            yield child.job, result, time.perf_counter() - child.start
        now = time.perf_counter()
        for connection in [c for c, child in running.items() if now > child.deadline]:
            child = running.pop(connection)
            child.process.kill()
            child.process.join()
            yield child.job, None, now - child.start


def _child(connection: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        try:
            result = function(*arguments)
        except BaseException as problem:  # noqa: BLE001  told to the parent
            result = problem if isinstance(problem, Exception) else RuntimeError(repr(problem))
    connection.send(result)
    connection.close()
