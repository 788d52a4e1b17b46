"""Networks to and from other libraries: PyTorch, SciPy, scikit-learn, Nerva's npz files, ONNX.

Weights, supports and biases are copied bit for bit, a kept weight whose value is 0 included; predictions agree to rounding.
Optional packages (torch, onnx) are imported when a function is called that needs them.
"""

from .masks import csr_from_mask, csr_of, mask_from_csr, weight_of
from .nerva import from_nerva, replace_weights, to_nerva
from .onnx_export import to_onnx
from .scikit_learn import from_sklearn, to_sklearn
from .scipy_matrices import from_scipy, to_scipy
from .torch_export import to_torch
from .torch_import import from_torch

__all__ = [
    "csr_from_mask",
    "csr_of",
    "from_nerva",
    "from_scipy",
    "from_sklearn",
    "from_torch",
    "mask_from_csr",
    "replace_weights",
    "to_nerva",
    "to_onnx",
    "to_scipy",
    "to_sklearn",
    "to_torch",
    "weight_of",
]
