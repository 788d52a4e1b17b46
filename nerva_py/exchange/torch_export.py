"""A network as a PyTorch module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nerva_py.errors import NervaError
from nerva_py.network import MLP, ActivationLayer, BatchNormLayer, DropoutLayer, LinearLayer
from nerva_py.network.outputs import LogSoftmax, Output, Pointwise, Softmax, TrainedSReLU

from .arguments import checked_network
from .masks import csr_of, mask_from_csr
from .packages import needed


def to_torch(network: MLP, sparse: bool = False) -> Any:
    """A `torch.nn.Sequential` of the same numbers, in evaluation mode; call its `.train()` to train it on.

    A sparse layer becomes a `torch.nn.Linear` whose support is a mask of `torch.nn.utils.prune`, so that training in PyTorch
    leaves absent weights at zero; with `sparse`, a `SparseLinear`, whose weight is a sparse CSR tensor: no dense K×D array is
    formed here or in its forward pass. What PyTorch lacks (SReLU, AllReLU, TReLU, dropout on weights) are small modules of
    `nerva_py.exchange.torch_modules`. `from_torch` goes back, bit for bit. Raises NervaError.
    """
    torch = needed("torch", "to_torch")
    modules = [module for layer in checked_network(network).layers for module in _modules(torch, layer, sparse)]
    return torch.nn.Sequential(*modules).eval()


def _modules(torch: Any, layer: Any, sparse: bool) -> Iterator[Any]:
    if isinstance(layer, LinearLayer):
        stays_dense = layer.W.value.full
        yield _sparse_linear(torch, layer) if sparse and not stays_dense else _linear(torch, layer)
        yield from _activation(torch, layer.output)
    elif isinstance(layer, ActivationLayer):
        yield from _activation(torch, layer.output)
    elif isinstance(layer, BatchNormLayer):
        yield _batch_norm(torch, layer)
    elif isinstance(layer, DropoutLayer):
        yield torch.nn.Dropout(layer.rate)
    else:
        raise NervaError(f"network has a {type(layer).__name__}, for which there is no PyTorch module here")


def _linear(torch: Any, layer: LinearLayer) -> Any:
    from torch.nn.utils.prune import custom_from_mask

    from .torch_modules import WeightDropoutLinear

    W = layer.W.value
    K, D = W.shape
    kind, named = (WeightDropoutLinear, {"p": layer.dropout}) if layer.dropout else (torch.nn.Linear, {})
    # Uninitialised, so that PyTorch's random state stays as it is.
    linear = torch.nn.utils.skip_init(kind, D, K, **named, dtype=_tensor(torch, layer.b.value).dtype)
    array, mask = (W.toarray(), None) if W.full else mask_from_csr(csr_of(W))
    with torch.no_grad():
        linear.weight.copy_(_tensor(torch, array))
        linear.bias.copy_(_tensor(torch, layer.b.value[0]))
        if mask is not None:  # without a gradient, so that `copy.deepcopy` takes the module
            custom_from_mask(linear, "weight", torch.from_numpy(mask))
    return linear


def _sparse_linear(torch: Any, layer: LinearLayer) -> Any:
    from .torch_modules import SparseLinear

    if layer.dropout:
        raise NervaError(f"sparse=True: dropout on weights (p={layer.dropout:g}) needs sparse=False")
    csr = csr_of(layer.W.value)
    crow_indices, col_indices = (torch.from_numpy(part.astype(np.int64)) for part in (csr.indptr, csr.indices))
    values, bias = _tensor(torch, csr.data), _tensor(torch, layer.b.value[0])
    return SparseLinear(crow_indices, col_indices, values, csr.shape, bias)


def _batch_norm(torch: Any, layer: BatchNormLayer) -> Any:
    norm = torch.nn.BatchNorm1d(layer.mean.size, layer.epsilon, layer.momentum, dtype=_tensor(torch, layer.mean).dtype)
    with torch.no_grad():
        norm.weight.copy_(_tensor(torch, layer.gamma.value[0]))
        norm.bias.copy_(_tensor(torch, layer.beta.value[0]))
        norm.running_mean.copy_(_tensor(torch, layer.mean[0]))
        norm.running_var.copy_(_tensor(torch, layer.variance[0]))
    return norm


def _activation(torch: Any, output: Output) -> Iterator[Any]:
    """No module for the identity, else one."""
    from .torch_modules import AllReLU, SReLU, TReLU

    nn = torch.nn
    factories = {
        "ReLU": nn.ReLU, "LeakyReLU": nn.LeakyReLU, "AllReLU": AllReLU, "TReLU": TReLU, "Sigmoid": nn.Sigmoid,
        "HyperbolicTangent": nn.Tanh,
    }  # fmt: skip
    if isinstance(output, TrainedSReLU):
        yield SReLU(_tensor(torch, output.shape.value[0]))
    elif isinstance(output, Softmax):
        yield nn.Softmax(dim=1)
    elif isinstance(output, LogSoftmax):
        yield nn.LogSoftmax(dim=1)
    elif isinstance(output, Pointwise) and output.name in factories:
        yield factories[output.name](*output.f.parameters)
    elif type(output) is not Output:
        raise NervaError(f"network has the activation {output.name}, for which there is no PyTorch module here")


def _tensor(torch: Any, array: np.ndarray) -> Any:
    """A tensor that shares no memory with the network."""
    return torch.from_numpy(array.copy())
