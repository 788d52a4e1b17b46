"""What things are called: the names of the root, and modules of which no two have one name by accident."""

from __future__ import annotations

import ast
import importlib
from collections import defaultdict
from pathlib import Path

import pytest

import nerva_py as nv
from docs.pages import reference

PACKAGE = Path(nv.__file__).parent
PAGES = reference.pages()

# What people do. A name more must be worth more than those that are here.
ROOT_NAMES = {
    "data": {"Dataset", "from_arrays", "load_dataset", "load_npz"},
    "network": {"MLP", "mlp"},
    "checkpoints": {"load", "save"},
    "training": {"train", "evaluate", "Callback", "EarlyStopping", "History", "ModelCheckpoint", "ProgressBar"},
    "sparse": {"SparseWeight", "Support"},
    "topology": {"DynamicTopology", "method"},
    "verify": {"check_layer"},
    "estimators": {"SparseMLPClassifier", "SparseMLPRegressor"},
    "exchange": {"from_torch", "to_torch", "from_sklearn", "to_sklearn", "to_onnx"},
    "parts": {"register"},
    "errors": {"NervaError"},
}
# Modules of one name in different packages, or of the name of a package: the same thing at two levels.
AT_TWO_LEVELS = {
    "scalars": ({"matrix", "engine"}, "functions of one number, and what is compiled for them"),
    "passes": ({"engine", "network"}, "what is registered as compiled: for primitives, and for equations"),
    "plan": ({"sparse", "cli"}, "which kernels a layer takes, and the option that prints it"),
    "distributed": ({"", "cli"}, "the package, and its options"),
    "doctor": ({"", "cli"}, "the package, and the command that shows what it finds"),
    "topology": ({"", "cli"}, "the package, and its options"),
    "verify": ({"", "cli"}, "the package, and the command that proves"),
}


def modules() -> dict[str, set[str]]:
    """Where each name of a module or package is found: "" is the root, which has the packages."""
    found = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        place = path.parent if path.name == "__init__.py" else path.with_suffix("")
        if place.name not in ("__main__", PACKAGE.name):
            found[place.name].add(place.parent.relative_to(PACKAGE).as_posix().removeprefix("."))
    return found


def test_a_module_has_its_name_alone_unless_it_is_one_thing_at_two_levels() -> None:
    shared = {name: places for name, places in modules().items() if len(places) > 1}
    assert shared == {name: places for name, (places, _) in AT_TWO_LEVELS.items()}


def test_product_on_is_a_primitive_and_what_a_carrier_does_for_it() -> None:
    places = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and "product_on" in node.name
    }
    carriers = {"matrix/symbolic.py", "sparse/dense_weight.py", "sparse/weight.py", "verify/indexed.py"}
    assert places == {"matrix/primitives.py", *carriers}


# ------------------------------------------------------------------------------------------------------------- the root


def test_the_root_has_these_names_and_no_others() -> None:
    assert set(nv.__all__) == set().union(*ROOT_NAMES.values()) | {"__version__"}
    assert len(nv.__all__) == len(set(nv.__all__))


@pytest.mark.parametrize(
    ("package", "name"), [(package, name) for package, names in ROOT_NAMES.items() for name in sorted(names)]
)
def test_a_name_of_the_root_is_that_of_its_package_and_documented(package: str, name: str) -> None:
    owner = importlib.import_module(f"nerva_py.{package}")
    assert getattr(nv, name) is getattr(owner, name)
    assert name in getattr(owner, "__all__", vars(owner))
    assert f":: nerva_py.{package}.{name}\n" in PAGES[f"api/{package}.rst"]
    assert f"`nv.{name} <nerva_py.{package}.{name}>`" in PAGES["api/nerva_py.rst"]


@pytest.mark.parametrize("name", ["CSVLogger", "LinearLayer", "from_scipy", "save_weights", "batch_layout"])
def test_what_has_a_package_of_its_own_is_not_in_the_root(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"^module 'nerva_py' has no attribute '{name}'$"):
        getattr(nv, name)
