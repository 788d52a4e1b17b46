"""The same network in PyTorch, written with PyTorch's own functions, differentiated by its autograd."""

from __future__ import annotations

from typing import Any

import numpy as np

from nerva_py.network import MLP, BatchNormLayer, DropoutLayer, LinearLayer
from nerva_py.sparse import SparseWeight


def torch_gradients(network: MLP, tapes: list[Any], X: np.ndarray, T: np.ndarray, loss: str) -> list[np.ndarray]:
    """Gradients of all parameters, as the vectors that the network has; the masks are those of a forward pass's tapes."""
    import torch

    leaves: list[Any] = []
    Y = torch.tensor(X)
    for layer, tape in zip(network.layers, tapes, strict=True):
        own = [torch.tensor(_array(parameter.value), requires_grad=True) for parameter in layer.parameters]
        leaves += own
        Y = _layer(torch, layer, tape, own, Y)
    _loss(torch, loss, Y, torch.tensor(T)).backward()
    parameters = list(network.parameters())
    return [_vector(parameter.value, leaf.grad.numpy()) for parameter, leaf in zip(parameters, leaves, strict=True)]


def _array(value: Any) -> np.ndarray:
    return value.copy() if isinstance(value, np.ndarray) else value.toarray()


def _vector(value: Any, gradient: np.ndarray) -> np.ndarray:
    """The part of a dense gradient that belongs to stored weights, in their order."""
    if isinstance(value, SparseWeight):
        return gradient[value.support.mask() == 1]
    mask = getattr(value, "mask", None)
    return (gradient if mask is None else gradient * mask).reshape(-1)


def _layer(torch: Any, layer: Any, tape: Any, own: list[Any], X: Any) -> Any:
    if isinstance(layer, DropoutLayer):
        return X * torch.tensor(tape)
    if isinstance(layer, BatchNormLayer):
        gamma, beta = own
        return torch.nn.functional.batch_norm(X, None, None, gamma[0], beta[0], training=True, eps=layer.epsilon)
    assert isinstance(layer, LinearLayer)
    W, b, *shape = own
    if tape.R is not None:
        W = W * torch.tensor(tape.R.toarray())
    return _output(torch, layer.output, torch.nn.functional.linear(X, W, b[0]), shape)


def _output(torch: Any, output: Any, Z: Any, shape: list[Any]) -> Any:
    if output.name == "SReLU":
        al, tl, ar, tr = shape[0][0]
        return torch.where(tl >= Z, tl + al * (Z - tl), torch.where(tr <= Z, tr + ar * (Z - tr), Z))
    functions = {
        "Linear": lambda Z: Z,
        "ReLU": torch.relu,
        "LeakyReLU": lambda Z, alpha: torch.nn.functional.leaky_relu(Z, alpha),
        "AllReLU": lambda Z, alpha: torch.nn.functional.leaky_relu(Z, alpha),
        "TReLU": lambda Z, epsilon: torch.nn.functional.threshold(Z, epsilon, 0.0),
        "Sigmoid": torch.sigmoid,
        "HyperbolicTangent": torch.tanh,
        "Softmax": lambda Z: torch.softmax(Z, dim=1),
        "LogSoftmax": lambda Z: torch.log_softmax(Z, dim=1),
    }
    parameters = output.f.parameters if hasattr(output, "f") else ()
    return functions[output.name](Z, *parameters)


def _loss(torch: Any, name: str, Y: Any, T: Any) -> Any:
    F = torch.nn.functional
    losses = {
        "SquaredError": lambda: F.mse_loss(Y, T, reduction="sum"),
        "HalfSquaredError": lambda: F.mse_loss(Y, T, reduction="sum") / 2,
        "MeanSquaredError": lambda: F.mse_loss(Y, T),
        "CrossEntropy": lambda: F.nll_loss(torch.log(Y), T.argmax(dim=1), reduction="sum"),
        "SoftmaxCrossEntropy": lambda: F.cross_entropy(Y, T, reduction="sum"),
        "LogisticCrossEntropy": lambda: -(T * F.logsigmoid(Y)).sum(),
        "BinaryCrossEntropy": lambda: F.binary_cross_entropy_with_logits(Y, T, reduction="sum"),
        "PoissonLikelihood": lambda: F.poisson_nll_loss(Y, T, reduction="sum"),
        "NegativeLogLikelihood": lambda: F.nll_loss(torch.log(Y), T.argmax(dim=1), reduction="sum"),
    }
    return losses[name]()
