"""nerva_py: multilayer perceptrons whose verified equations are the executed equations, truly sparse on a CPU.

import nerva_py as nv

data = nv.load_dataset("digits")
network = nv.mlp("ReLU;ReLU;Linear", [64, 256, 128, 10], overall_density=0.1, seed=1)
history = nv.train(network, data, epochs=20, learning_rate=0.05, seed=1)
"""

from __future__ import annotations

import importlib
from typing import Any

# What people do, in groups: names, and the package that has them. Everything else is reached through its package, such as
# `nv.training.CSVLogger`. A name is imported when it is first used, so that `import nerva_py` is quick and never imports an
# optional package.
_GROUPS = {
    # data
    "nerva_py.data": ("Dataset", "from_arrays", "load_dataset", "load_npz"),
    # a network, and its file
    "nerva_py.network": ("MLP", "mlp"),
    "nerva_py.checkpoints": ("load", "save"),
    # training
    "nerva_py.training": (
        "Callback", "EarlyStopping", "History", "ModelCheckpoint", "ProgressBar", "evaluate", "train",
    ),
    # sparse weights
    "nerva_py.sparse": ("SparseWeight", "Support"),
    # dynamic sparse training
    "nerva_py.topology": ("DynamicTopology", "method"),
    # proofs about a layer of one's own
    "nerva_py.verify": ("check_layer",),
    # scikit-learn
    "nerva_py.estimators": ("SparseMLPClassifier", "SparseMLPRegressor"),
    # to and from other libraries
    "nerva_py.exchange": ("from_sklearn", "from_torch", "to_onnx", "to_sklearn", "to_torch"),
    # a part of one's own, by name
    "nerva_py.parts": ("register",),
    # what a user can do wrong
    "nerva_py.errors": ("NervaError",),
}  # fmt: skip
_EXPORTS = {name: package for package, names in _GROUPS.items() for name in names}
_MODULES = {
    "checkpoints", "data", "distributed", "engine", "equations", "errors", "estimators", "exchange", "matrix", "network",
    "parts", "plots", "sparse", "threads", "topology", "training", "verify",
}  # fmt: skip

__all__ = [*_EXPORTS, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"nerva_py.{name}")
    if name == "__version__":
        from importlib.metadata import version

        return version("nerva-py")
    raise AttributeError(f"module 'nerva_py' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
