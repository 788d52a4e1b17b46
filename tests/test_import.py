"""`import nerva_py` is quick and imports nothing that a user may not have or does not need."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys

import pytest

import nerva_py as nv
from tests import optional
from tests.optional import missing

OPTIONAL = [
    "sympy",
    "torch",
    "onnx",
    "matplotlib",
    "sklearn",
    "mkl",
    "sparse_dot_mkl",
    "typer",
    "rich",
    "pooch",
    "tqdm",
    "pandas",
    "tensorboardX",
]


def in_a_new_process(program: str, *arguments: str):
    command = [sys.executable, "-W", "error", "-c", program, *arguments]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(result.stdout)


@pytest.mark.parametrize("statement", ["import nerva_py", "import nerva_py as nv; nv.mlp; nv.train; nv.load_dataset"])
def test_nothing_optional_is_imported(statement):
    imported = in_a_new_process(f"{statement}; import sys, json; print(json.dumps(list(sys.modules)))")
    assert not set(OPTIONAL) & set(imported)


HIDING = """
import importlib, json, pkgutil, sys
import derivations, nerva_py
from nerva_py.errors import MissingBackendError
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())  # as if they were not installed
refused = {}
for package in (nerva_py, derivations):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except MissingBackendError as error:
                refused[module.name] = str(error)
print(json.dumps(refused))
"""
# The modules that exist for an optional package alone, with the extra that brings it.
EXIST_FOR = {"nerva_py.exchange.torch_modules": "torch", "nerva_py.sparse.kernels.mkl_backend": "mkl"}
HIDDEN = {
    "torch": ["torch"],
    "mkl": ["mkl", "sparse_dot_mkl"],
    "mpi": ["mpi4py"],
    "onnx": ["onnx", "onnxruntime"],
    "pandas": ["pandas"],
    "tensorboard": ["tensorboardX", "tensorboard"],
}


@pytest.mark.parametrize("extra", [*HIDDEN, "all"])
def test_every_module_can_be_imported_without_an_extra_or_names_it(extra):
    hidden = HIDDEN.get(extra) or [package for packages in HIDDEN.values() for package in packages]
    refused = in_a_new_process(HIDING, *hidden)
    expected = {module for module, needed in EXIST_FOR.items() if extra in (needed, "all")}
    installed = {module for module, needed in EXIST_FOR.items() if not missing(needed)}
    assert expected <= set(refused) <= expected | (set(EXIST_FOR) - installed)
    for module, message in refused.items():
        assert f"pip install 'nerva-py[{EXIST_FOR[module]}]'" in message


def test_every_extra_is_hidden():
    assert set(HIDDEN) == set(optional.EXTRAS)


def test_an_import_takes_less_than_a_second():
    """Of a core's time, as other processes run too; the best of three."""
    program = (
        "import time; t = time.process_time(); import nerva_py as nv; nv.mlp; nv.train; print(time.process_time() - t)"
    )
    assert min(in_a_new_process(program) for _ in range(3)) < 1


@pytest.mark.parametrize("name", sorted(set(nv.__all__) - {"__version__"}))
def test_every_name_of_the_root_exists(name):
    assert getattr(nv, name) is not None
    assert name in dir(nv)


def test_the_version_is_that_of_the_installed_package():
    try:
        installed = importlib.metadata.version("nerva-py")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("nerva-py runs from its source directory")
    assert nv.__version__ == installed


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'sparsity'"):
        nv.sparsity  # noqa: B018
