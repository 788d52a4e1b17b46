"""nerva_py: multilayer perceptrons whose verified equations are the executed equations, truly sparse on a CPU.

import nerva_py as nv

data = nv.load_dataset("digits")
network = nv.mlp("ReLU;ReLU;Linear", [64, 256, 128, 10], overall_density=0.1, seed=1)
history = nv.train(network, data, epochs=20, learning_rate=0.05, seed=1)
"""

from __future__ import annotations

import importlib
from typing import Any

# Name -> module. Imported when first used, so that `import nerva_py` is quick and never imports an optional package.
_EXPORTS = {
    "load": "nerva_py.checkpoints",
    "save": "nerva_py.checkpoints",
    "CropFlip": "nerva_py.data",
    "Dataset": "nerva_py.data",
    "from_arrays": "nerva_py.data",
    "load_dataset": "nerva_py.data",
    "load_npz": "nerva_py.data",
    "save_npz": "nerva_py.data",
    "DivergedError": "nerva_py.errors",
    "NervaError": "nerva_py.errors",
    "DenseWeight": "nerva_py.sparse",
    "SparseBatch": "nerva_py.engine",
    "batch_empty": "nerva_py.engine",
    "batch_layout": "nerva_py.engine",
    "from_nerva": "nerva_py.exchange",
    "from_scipy": "nerva_py.exchange",
    "from_sklearn": "nerva_py.exchange",
    "from_torch": "nerva_py.exchange",
    "to_nerva": "nerva_py.exchange",
    "to_onnx": "nerva_py.exchange",
    "to_scipy": "nerva_py.exchange",
    "to_sklearn": "nerva_py.exchange",
    "to_torch": "nerva_py.exchange",
    "MLP": "nerva_py.network",
    "ActivationLayer": "nerva_py.network",
    "BatchNormLayer": "nerva_py.network",
    "DropoutLayer": "nerva_py.network",
    "LinearLayer": "nerva_py.network",
    "load_weights": "nerva_py.network",
    "mlp": "nerva_py.network",
    "save_weights": "nerva_py.network",
    "SparseWeight": "nerva_py.sparse",
    "Support": "nerva_py.sparse",
    "erdos_renyi": "nerva_py.sparse",
    "CSVLogger": "nerva_py.training",
    "Callback": "nerva_py.training",
    "GradientCheck": "nerva_py.training",
    "JSONLinesLogger": "nerva_py.training",
    "ProgressBar": "nerva_py.training",
    "TensorBoardLogger": "nerva_py.training",
    "TerminateOnNaN": "nerva_py.training",
    "EarlyStopping": "nerva_py.training",
    "History": "nerva_py.training",
    "ModelCheckpoint": "nerva_py.training",
    "evaluate": "nerva_py.training",
    "read_checkpoint": "nerva_py.training",
    "train": "nerva_py.training",
    "register": "nerva_py.parts",
    "SparseMLPClassifier": "nerva_py.estimators",
    "SparseMLPRegressor": "nerva_py.estimators",
    "DynamicTopology": "nerva_py.topology",
    "method": "nerva_py.topology",
}
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
