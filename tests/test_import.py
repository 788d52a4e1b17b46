"""`import nerva_py` is quick and imports nothing that a user may not have or does not need."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys

import pytest

import nerva_py as nv

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


def in_a_new_process(program: str):
    result = subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, capture_output=True, text=True)
    return json.loads(result.stdout)


@pytest.mark.parametrize("statement", ["import nerva_py", "import nerva_py as nv; nv.mlp; nv.train; nv.load_dataset"])
def test_nothing_optional_is_imported(statement):
    imported = in_a_new_process(f"{statement}; import sys, json; print(json.dumps(list(sys.modules)))")
    assert not set(OPTIONAL) & set(imported)


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
