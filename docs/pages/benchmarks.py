"""The committed results of `bench/` as tables: each is printed by the very script that measured it.

A file whose form the script no longer knows is shown as it is, a column for each number.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import itertools
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

BENCH = Path(__file__).parents[2] / "bench"
RESULTS = BENCH / "results"
# In the order of the page: the file, its title, the script that wrote it.
EXPERIMENTS = {
    "epoch": ("Seconds an epoch", "epoch"),
    "phases": ("Where the time of a step goes", "phases"),
    "products": ("The three sparse products", "products"),
    "dense_end": ("The dense end: density 0.4 to 0.95", "dense_end"),
    "inference": ("Inference", "inference"),
    "memory": ("Memory", "memory"),
    "width": ("Wide networks", "width"),
    "threads": ("Threads", "threads"),
    "scale": ("As many neurons as fit", "scale"),
    "distributed": ("Several ranks", "distributed"),
    "topology": ("Changing the topology", "topology"),
    "sparse_inputs": ("Sparse inputs", "sparse_inputs"),
    "estimators": ("scikit-learn estimators", "estimators"),
    "accuracy_dynamic": ("Accuracy on CIFAR-10", "accuracy"),
    "accuracy_mnist": ("Accuracy on MNIST", "accuracy"),
    "kill_and_resume": ("Killed and resumed", "kill_and_resume"),
}
FACTS = ("processor", "cores", "system", "python", "threads", "binding", "versions", "commit", "machine")


def files() -> list[Path]:
    """Those that there are: in the order above, then the others."""
    found = {path.stem: path for path in sorted(RESULTS.glob("*.json"))}
    return [found[name] for name in sorted(found, key=lambda n: list(EXPERIMENTS).index(n) if n in EXPERIMENTS else 99)]


def index() -> str:
    """All sections, for the page that is written by hand."""
    return "\n".join(itertools.chain.from_iterable(section(path) for path in files())) + "\n"


def copy_pictures(folder: Path) -> None:
    """The pictures beside the results."""
    for picture in RESULTS.glob("*.png"):
        shutil.copy(picture, folder / picture.name)


def section(path: Path) -> Iterator[str]:
    """What was measured, how, on what machine, the tables, and the picture if there is one."""
    title, script = EXPERIMENTS.get(path.stem, (path.stem.replace("_", " ").capitalize(), path.stem))
    results = json.loads(path.read_text(encoding="utf-8"))
    yield from (f"## {title}", "")
    module = load(script)
    if module:
        yield from description(module)
    yield from ("", f"`bench/results/{path.name}`{facts(results)}", "")
    yield tables(script, module, results)
    if (RESULTS / f"{path.stem}.png").exists():
        yield from ("", f"![{title}](generated/{path.stem}.png)", "")


def load(script: str) -> ModuleType | None:
    """The script as a module; scripts import one another by name."""
    if not (BENCH / f"{script}.py").exists():
        return None
    if str(BENCH) not in sys.path:
        sys.path.append(str(BENCH))
    return importlib.import_module(script)


def description(module: ModuleType) -> Iterator[str]:
    """The docstring; the command line in it becomes a block."""
    for paragraph in (inspect.getdoc(module) or "").split("\n\n"):
        if paragraph.startswith("    "):
            yield from ("```", inspect.cleandoc(paragraph), "```", "")
        else:
            yield from (paragraph, "")


def facts(results: dict[str, Any]) -> str:
    """The machine, in one sentence."""
    machine = results.get("machine", results)
    if "processor" not in machine:
        return "."
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    system = machine["system"].partition("-")[0]
    return (
        f": {machine['processor']}, {machine['cores']} cores, {system}, Python {machine['python']}, "
        f"{machine['threads']} threads, {machine['binding']}; {versions}; commit {machine['commit']}."
    )


# --------------------------------------------------------------------------------------------------------------- tables


def _products(module: ModuleType, results: dict[str, Any]) -> None:
    rows = results["rows"]
    names = list(dict.fromkeys(name for row in rows for name in row["seconds"]))
    module.print_rates([row for row in rows if row["N"] == module.BATCH], names, "density")
    module.print_rates([row for row in rows if row["density"] == module.BATCH_DENSITY], names, "N")
    module.print_bar(rows)


def _dense_end(module: ModuleType, results: dict[str, Any]) -> None:
    module.print_rows(results["rows"])
    module.print_granet(results["granet"])


def _phases(module: ModuleType, results: dict[str, Any]) -> None:
    """Two of the sparsities: each is a long table."""
    rows = results["phases"]
    chosen = [row for row in rows if row["sparsity"] in (0.9, 0.99)] or rows[:1]
    for row in chosen:
        module.show(row)
    print(f"Shown are {len(chosen)} of the {len(rows)} sparsities in the file.")


def _inference(module: ModuleType, results: dict[str, Any]) -> None:
    module.print_rows(results["rows"], list(results["rows"][0]["seconds"]))


def _threads(module: ModuleType, results: dict[str, Any]) -> None:
    module.print_scaling(results["scaling"])
    module.print_stalls(results["steps"])


def _topology(module: ModuleType, results: dict[str, Any]) -> None:
    print("```text", module.table(results), "```", sep="\n")


def _estimators(module: ModuleType, results: dict[str, Any]) -> None:
    module.print_overhead(results["overhead"])
    for data, group in itertools.groupby(results["scores"], key=lambda row: row["data"]):
        rows = list(group)
        print(f"{data}: {rows[0]['samples']:,} samples, {rows[0]['features']} features\n")
        head = ["", "weights", rows[0]["kind"], "fit", "epochs", "an epoch"]
        module.harness.table(head, [module.cells(row) for row in rows])


def _kill_and_resume(module: ModuleType, results: dict[str, Any]) -> None:
    print(
        f"{results['kills']} kills in {results['runs']} runs, {results['during_writing']} of them while a checkpoint was being "
        f"written, {results['before_first_checkpoint']} before the first one; every run ended as the one that went through."
    )


def _scale(module: ModuleType, results: dict[str, Any]) -> None:
    module.print_lung(results["lung"])
    print()
    module.print_rows(results["rows"])


def _distributed(module: ModuleType, results: dict[str, Any]) -> None:
    module.print_all(results["rows"], results["fitted"], results["predicted"]["steps"], results["cores"])


SHOW: dict[str, Callable[[ModuleType, dict[str, Any]], Any]] = {
    "epoch": lambda module, results: module.show(results["rows"]),
    "phases": _phases,
    "products": _products,
    "dense_end": _dense_end,
    "inference": _inference,
    "memory": lambda module, results: module.print_rows(results["rows"]),
    "width": lambda module, results: module.print_rows(results["rows"]),
    "threads": _threads,
    "scale": _scale,
    "distributed": _distributed,
    "topology": _topology,
    "sparse_inputs": lambda module, results: module.print_rows(results["rows"]),
    "estimators": _estimators,
    "accuracy": lambda module, results: print(module.table(results["runs"])),
    "kill_and_resume": _kill_and_resume,
}


def tables(script: str, module: ModuleType | None, results: dict[str, Any]) -> str:
    """What the script prints about these results, as Markdown."""
    if module and script in SHOW:
        printed = io.StringIO()
        with contextlib.suppress(KeyError, TypeError), contextlib.redirect_stdout(printed):
            SHOW[script](module, results)
            return markdown(printed.getvalue())
    return "\n\n".join(plain({key: value for key, value in results.items() if key not in FACTS}))


def markdown(printed: str) -> str:
    """An empty line before and after each table, which a table of Markdown needs."""
    lines: list[str] = []
    for line in printed.splitlines():
        if lines and lines[-1] and lines[-1].startswith("|") != line.startswith("|") and not fenced(lines):
            lines.append("")
        lines.append(line.replace("~", r"\~") if line.startswith("|") else line)
    return "\n".join(lines)


def fenced(lines: list[str]) -> bool:
    """Whether the lines end within a block of code."""
    return sum(line.startswith("```") for line in lines) % 2 == 1


def plain(results: dict[str, Any]) -> Iterator[str]:
    """A table of each list of rows, a line of each other value."""
    for key, value in results.items():
        if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            rows = [flat(row) for row in value]
            head = list(dict.fromkeys(name for row in rows for name in row))
            body = [[row.get(name, "") for name in head] for row in rows]
            yield "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *body])
        else:
            yield f"{key.replace('_', ' ')}: {text(value)}"


def flat(row: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Columns of one row; lists of single measurements are left out."""
    found: dict[str, str] = {}
    for key, value in row.items():
        name = f"{prefix}{key}".replace("_", " ").replace("nerva py", "nerva_py")
        if isinstance(value, dict):
            found |= flat(value, f"{name}, ")
        elif not isinstance(value, list):
            found[name] = text(value)
    return found


def text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
