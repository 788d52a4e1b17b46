"""A PyTorch module as a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import csr_array

from nerva_py.equations import activations
from nerva_py.errors import NervaError
from nerva_py.network import MLP, ActivationLayer, BatchNormLayer, DropoutLayer, Layer, LinearLayer
from nerva_py.network.outputs import LogSoftmax, Output, Pointwise, Softmax, TrainedSReLU
from nerva_py.sparse import Weight

from .masks import csr_from_mask, weight_of
from .packages import needed
from .scipy_matrices import bias_of

KNOWN = "Linear, ReLU, LeakyReLU, Sigmoid, Tanh, Softmax, LogSoftmax, BatchNorm1d, Dropout, Flatten, Identity"
SAMPLES = 7  # rows on which module and network are compared


def from_torch(
    module: Any,
    *,
    drop_zeros: bool = False,
    dtype: DTypeLike | None = None,
    backend: str = "numba",
    check: bool = True,
) -> MLP:
    """The network of a `torch.nn.Sequential`, or of any module that calls its children in the order in which they are made.

    Children may be Linear, ReLU, LeakyReLU, Sigmoid, Tanh, Softmax, LogSoftmax, BatchNorm1d, Dropout, Flatten, Identity,
    containers of these, and the modules that `to_torch` makes. The support of a Linear is: the mask that
    `torch.nn.utils.prune` put on it (a kept weight of value 0 stays); what a sparse tensor stores; else all positions, or
    with `drop_zeros` those whose weight is not 0 (in masks and sparse tensors, too).

    `dtype`: float64 if a weight is, else float32. Numbers are copied, to the CPU. A Linear without bias gets zeros, a
    BatchNorm1d without γ and β ones and zeros, which training here would change. With `check` module and network are
    compared on a random batch in evaluation mode, as an F.relu in a `forward` is no child. Raises NervaError, which
    names the child.
    """
    torch = needed("torch", "from_torch")
    if not isinstance(module, torch.nn.Module):
        raise NervaError(f"module must be a torch.nn.Module, not {type(module).__name__}")
    leaves = list(_leaves(torch, module, ""))
    linear = [leaf for _, leaf in leaves if _is_linear(torch, leaf)]
    if not linear:
        raise NervaError(f"module must have at least one torch.nn.Linear, not only {_listed(leaves) or 'nothing'}")
    double = any(_trained(leaf).dtype == torch.float64 for leaf in linear)
    chosen = np.dtype(dtype or (np.float64 if double else np.float32))
    layers: list[Layer] = []
    for name, leaf in leaves:
        try:
            _append(torch, layers, leaf, chosen, backend, drop_zeros)
        except NervaError as error:
            raise NervaError(f"module {name or 'itself'} ({type(leaf).__name__}): {error}") from None
    for layer in layers:
        layer.astype(chosen)
    network = MLP(layers)
    if check:
        _compare(torch, module, network)
    return network


def _leaves(torch: Any, module: Any, path: str) -> Iterator[tuple[str, Any]]:
    """(path, module) of all that computes something, in order. A Sequential may hold the same module several times."""
    nn = torch.nn
    if _is_linear(torch, module) or isinstance(module, (*_activations(torch), nn.BatchNorm1d, nn.Dropout)):
        yield path, module
        return
    if isinstance(module, nn.Identity | nn.Flatten):
        return
    children = (
        [(str(number), child) for number, child in enumerate(module)]
        if isinstance(module, nn.Sequential | nn.ModuleList)
        else list(module.named_children())
    )
    if not children and not isinstance(module, nn.Sequential | nn.ModuleList):
        raise NervaError(
            f"module {path or 'itself'} is a {type(module).__name__}, which is unknown here. Known: {KNOWN}"
        )
    for name, child in children:
        yield from _leaves(torch, child, f"{path}.{name}" if path else name)


def _append(torch: Any, layers: list[Layer], leaf: Any, dtype: np.dtype, backend: str, drop_zeros: bool) -> None:
    """Add the layer of a leaf; an activation becomes part of a linear layer that it directly follows."""
    if _is_linear(torch, leaf):
        W = _weight(torch, leaf, dtype, backend, drop_zeros)
        bias = None if leaf.bias is None else _array(leaf.bias)
        layers.append(LinearLayer(W, bias_of(bias, W.shape[0], dtype, "bias"), dropout=_weight_dropout(leaf)))
    elif isinstance(leaf, torch.nn.BatchNorm1d):
        layers.append(_batch_norm(leaf, dtype))
    elif isinstance(leaf, torch.nn.Dropout):
        layers.append(DropoutLayer(leaf.p))
    else:
        kind = next(kind for kind in _activations(torch) if isinstance(leaf, kind))
        output = _activations(torch)[kind](leaf)
        last = layers[-1] if layers else None
        if isinstance(last, LinearLayer) and type(last.output) is Output:
            last.output = output
        else:
            layers.append(ActivationLayer(output))


def _trained(leaf: Any) -> Any:
    """The weight that is trained. In a module that has been pruned the attribute `weight` is what its last call computed, of
    the type and on the device that the module had then."""
    return getattr(leaf, "weight_orig", leaf.weight)


def _is_linear(torch: Any, module: Any) -> bool:
    from .torch_modules import SparseLinear

    return isinstance(module, torch.nn.Linear | SparseLinear)


def _weight_dropout(leaf: Any) -> float:
    from .torch_modules import WeightDropoutLinear

    return leaf.p if isinstance(leaf, WeightDropoutLinear) else 0.0


def _activations(torch: Any) -> dict[Any, Any]:
    """What makes the output of a layer from a module, by the type of the module; derived types come before their bases."""
    from .torch_modules import AllReLU, SReLU, TReLU

    nn = torch.nn
    return {
        nn.ReLU: lambda leaf: Pointwise(activations.ReLU()),
        AllReLU: lambda leaf: Pointwise(activations.AllReLU(leaf.negative_slope)),
        nn.LeakyReLU: lambda leaf: Pointwise(activations.LeakyReLU(leaf.negative_slope)),
        TReLU: lambda leaf: Pointwise(activations.TReLU(leaf.epsilon)),
        SReLU: lambda leaf: TrainedSReLU(*_array(leaf.shape).tolist()),
        nn.Sigmoid: lambda leaf: Pointwise(activations.Sigmoid()),
        nn.Tanh: lambda leaf: Pointwise(activations.HyperbolicTangent()),
        nn.Softmax: lambda leaf: _by_rows(leaf, Softmax),
        nn.LogSoftmax: lambda leaf: _by_rows(leaf, LogSoftmax),
    }


def _by_rows(leaf: Any, kind: type[Output]) -> Output:
    if leaf.dim not in (1, -1, None):  # None means 1 for a matrix
        raise NervaError(f"dim={leaf.dim}; 1 (or -1), the outputs of a sample, is allowed")
    return kind()


def _weight(torch: Any, leaf: Any, dtype: np.dtype, backend: str, drop_zeros: bool) -> Weight:
    matrix: csr_array | np.ndarray
    if hasattr(leaf, "weight_mask") and hasattr(leaf, "weight_orig"):
        mask = _array(leaf.weight_mask.float())
        matrix = csr_from_mask(_array(leaf.weight_orig) * mask, mask)
    elif leaf.weight.layout == torch.strided:
        matrix = _array(leaf.weight)
        if drop_zeros and not matrix.all():
            matrix = csr_array(matrix)
    else:
        matrix = _csr(torch, leaf.weight.detach())
    if drop_zeros and isinstance(matrix, csr_array):
        matrix = matrix.copy()  # the indices that are there may be those of a support, which nobody can write to
        matrix.eliminate_zeros()
    return weight_of(matrix, dtype, backend)


def _csr(torch: Any, weight: Any) -> csr_array:
    """Of a sparse tensor of any layout. No dense array is formed."""
    if weight.layout == torch.sparse_coo:
        weight = weight.coalesce()
        rows, columns = weight.indices().cpu().numpy()
        return csr_array((_array(weight.values()), (rows, columns)), shape=tuple(weight.shape))
    if weight.layout != torch.sparse_csr:
        weight = weight.to_sparse_csr()
    parts = (_array(weight.values()), weight.col_indices().cpu().numpy(), weight.crow_indices().cpu().numpy())
    return csr_array(parts, shape=tuple(weight.shape))


def _batch_norm(leaf: Any, dtype: np.dtype) -> BatchNormLayer:
    if leaf.running_mean is None:
        raise NervaError("track_running_stats=False; evaluation needs running statistics")
    if leaf.momentum is None:
        raise NervaError("momentum=None, the mean over all batches; a number in (0, 1] is allowed")
    layer = BatchNormLayer(leaf.num_features, dtype, leaf.eps, leaf.momentum)
    layer.mean, layer.variance = (_array(part).reshape(1, -1) for part in (leaf.running_mean, leaf.running_var))
    if leaf.affine:
        layer.gamma.value, layer.beta.value = (_array(part).reshape(1, -1) for part in (leaf.weight, leaf.bias))
    return layer


def _array(tensor: Any) -> np.ndarray:
    """A copy in NumPy; half precision, of which NumPy knows one kind only, becomes float32."""
    if hasattr(tensor, "materialize"):
        raise NervaError("it has no numbers yet, as a lazy module before its first batch")
    tensor = tensor.detach().cpu()
    if not tensor.is_floating_point():
        raise NervaError(f"numbers of {tensor.dtype}; real floating point is needed")
    array: np.ndarray = (tensor if tensor.itemsize >= 4 else tensor.float()).numpy().copy()
    return array


def _compare(torch: Any, module: Any, network: MLP) -> None:
    """Raise NervaError if the module computes something else than its children in order."""
    weight = next(_trained(leaf) for _, leaf in _leaves(torch, module, "") if _is_linear(torch, leaf))
    X = np.random.default_rng(0).standard_normal((SAMPLES, network.sizes[0]))
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with torch.no_grad():
            Y = module(torch.from_numpy(X).to(weight.dtype).to(weight.device))
    except (RuntimeError, TypeError, ValueError, NotImplementedError, IndexError) as error:
        raise NervaError(
            f"module cannot be called on a batch of shape {X.shape} to compare it with the network "
            f"({type(error).__name__}: {error}); check=False does without"
        ) from None
    finally:
        for part, training in modes.items():
            part.training = training
    if not torch.is_tensor(Y) or tuple(Y.shape) != (SAMPLES, network.sizes[-1]):
        raise NervaError(_different(f"{tuple(Y.shape) if torch.is_tensor(Y) else type(Y).__name__} comes out of it"))
    expected, predicted = _array(Y), network.predict(X)
    largest = np.abs(expected).max(initial=0.0, where=np.isfinite(expected))
    tolerance = 1e-4 if weight.itemsize >= 4 and network.dtype.itemsize >= 4 else 3e-2
    if not np.allclose(predicted, expected, rtol=tolerance, atol=tolerance * largest, equal_nan=True):
        difference = np.nanmax(np.abs(predicted - expected))
        raise NervaError(_different(f"outputs differ by up to {difference:.3g}, and are up to {largest:.3g}"))


def _different(what: str) -> str:
    return (
        f"module does not compute what its children do in order ({what} on a random batch): has its forward an activation "
        "that is no child, such as F.relu, a child that is used twice, or another order? check=False does not look"
    )


def _listed(leaves: list[tuple[str, Any]]) -> str:
    return ", ".join(type(leaf).__name__ for _, leaf in leaves)
