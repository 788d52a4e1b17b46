r"""# Whole networks

The chapters before show that each equation is right. Here the composition that *trains* is executed on symbols: the `MLP` of the library,
its layers, losses and optimizers, and `Run.step`, which is one step of training. SymPy differentiates the mean loss of the mini-batch by
every weight, bias and parameter; what the step computed must be that, and what it did with it the optimizer's update.

**A stack of any depth.** Let $F_1, \dots, F_n$ be layers, $Y = F_n(\cdots F_1(X))$, and let the backward equation of each be right for a
generic cotangent: from any $\mathrm{D}Y$ it gives $\mathrm{D}X = \mathrm{D}Y\, J_l$ and $\mathrm{D}\theta_l = \mathrm{D}Y\, G_l$ with the
Jacobians $J_l = \partial F_l/\partial X$, $G_l = \partial F_l/\partial \theta_l$ of that layer at its input. Then the gradients of the stack
are right, by induction over $n$. For $n = 1$ there is nothing to show. For $n + 1$ layers, `backward` asks the last layer first, with
$\mathrm{D}Y$: its $\mathrm{D}\theta$ is right, and its $\mathrm{D}X$ is the gradient of the loss with respect to what the first $n$ layers
compute, so a cotangent like any other. What it does from there on is what it does in the stack of the first $n$ layers, whose gradients are
right for every cotangent. That `backward` has this form, for every depth the same few lines, is the claim on layers of which nothing is
known but $J_l$ and $G_l$.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import sympy as sp

from derivations.book import CONCRETE, INDEXED, NUMBERS, NotProved, claim
from derivations.linear import any_function
from derivations.proving import EVERY_SIZE, N, confirm_equal, confirm_gradients
from nerva_py.equations.losses import LOSSES
from nerva_py.matrix import Outer
from nerva_py.network import MLP, ActivationLayer, BatchNormLayer, DropoutLayer, Layer, LinearLayer
from nerva_py.network.outputs import OUTPUTS, Output, Pointwise, as_output, make_output
from nerva_py.training import Batch, Callback, Run
from nerva_py.training.optimizers import SMET, Adam, AdamW, GradientDescent, Momentum, Nesterov, Optimizer
from nerva_py.verify import concrete
from nerva_py.verify.indexed import IndexedMatrix, sparse
from nerva_py.verify.prover import inner_product

SAMPLES, INPUTS, HIDDEN, CLASSES = 2, 2, 2, 2
HALF = sp.Rational(1, 2)


class Symbols:
    """In the place of a random generator: each number that is drawn for a mask is a symbol."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def symbol(self) -> sp.Symbol:
        return sp.Symbol(f"r_{next(self._numbers)}", real=True)

    def matrix(self, rows: Any, columns: Any) -> IndexedMatrix:
        return IndexedMatrix.symbol(f"R{next(self._numbers)}", rows, columns)


def linear_layer(number: int, D: int, K: int, output: Output, dropout: Any = 0) -> LinearLayer:
    """A linear layer of symbols; W has a position without a weight."""
    W = concrete.matrix(f"W{number}", K, D, lambda i, j: (i, j) != (K - 1, 0))
    if output.parameters:
        output.shape.value = sp.Matrix([sp.symbols("a_l t_l a_r t_r", real=True)])  # type: ignore[attr-defined]
    return LinearLayer(W, concrete.matrix(f"b{number}", 1, K), output, dropout)


def batch_norm(D: int) -> BatchNormLayer:
    """A batch normalization of symbols."""
    layer = BatchNormLayer(D, momentum=sp.Rational(1, 10))
    layer.epsilon = sp.Symbol("epsilon", positive=True)
    layer.gamma.value, layer.beta.value = concrete.matrix("gamma", 1, D), concrete.matrix("beta", 1, D)
    layer.mean, layer.variance = concrete.matrix("mean", 1, D), concrete.matrix("variance", 1, D)
    return layer


def hidden(name: str, *arguments: Any) -> Callable[[], list[Layer]]:
    """A hidden layer with that output, and a linear one."""
    return lambda: [
        linear_layer(1, INPUTS, HIDDEN, as_output(OUTPUTS[name](*arguments))),
        linear_layer(2, HIDDEN, CLASSES, make_output("Linear")),
    ]


def between(layer: Callable[[], Layer], output: str = "Linear") -> Callable[[], list[Layer]]:
    """A layer between two linear ones."""
    return lambda: [
        linear_layer(1, INPUTS, HIDDEN, make_output(output)),
        layer(),
        linear_layer(2, HIDDEN, CLASSES, make_output("Linear")),
    ]


SLOPE = sp.Symbol("alpha", real=True)
NETWORKS: dict[str, tuple[Callable[[], list[Layer]], str]] = {
    "Linear;Linear": (hidden("Linear"), "SquaredError"),
    "ReLU;Linear": (hidden("ReLU"), "SoftmaxCrossEntropy"),
    "LeakyReLU;Linear": (hidden("LeakyReLU", SLOPE), "SquaredError"),
    "AllReLU;Linear": (hidden("AllReLU", SLOPE), "SquaredError"),
    "TReLU;Linear": (hidden("TReLU", SLOPE), "SquaredError"),
    "Sigmoid;Linear": (hidden("Sigmoid"), "SquaredError"),
    "HyperbolicTangent;Linear": (hidden("HyperbolicTangent"), "SquaredError"),
    "SReLU;Linear": (hidden("SReLU"), "SquaredError"),
    "Softmax;Linear": (hidden("Softmax"), "SquaredError"),
    "LogSoftmax;Linear": (hidden("LogSoftmax"), "SquaredError"),
    "Linear;Dropout;Linear": (between(lambda: DropoutLayer(HALF)), "SoftmaxCrossEntropy"),
    "Linear;ActivationLayer(ReLU);Linear": (between(lambda: ActivationLayer(make_output("ReLU"))), "SquaredError"),
    "ReLU;Linear, dropout on the weights of both": (
        lambda: [
            linear_layer(1, INPUTS, HIDDEN, make_output("ReLU"), HALF),
            linear_layer(2, HIDDEN, CLASSES, make_output("Linear"), HALF),
        ],
        "SquaredError",
    ),
    "Dropout;ReLU;ReLU;Linear": (
        lambda: [
            DropoutLayer(HALF),
            linear_layer(1, INPUTS, HIDDEN, make_output("ReLU")),
            linear_layer(2, HIDDEN, HIDDEN, make_output("ReLU")),
            linear_layer(3, HIDDEN, CLASSES, make_output("Linear")),
        ],
        "SquaredError",
    ),
    "BatchNorm;Linear": (
        lambda: [batch_norm(INPUTS), linear_layer(1, INPUTS, CLASSES, make_output("Linear"))],
        "SquaredError",
    ),
}


class Seen(Callback):
    """What a step shows: the gradients, asked for on the support, before the update."""

    def __init__(self) -> None:
        self.gradients: dict[Any, Any] = {}

    def on_gradients(self, run: Run, layer: Layer, tape: Any, gradients: tuple[Any, ...]) -> None:
        for parameter, gradient in zip(layer.parameters, gradients, strict=True):
            asked = gradient.on(parameter.value) if isinstance(gradient, Outer) else gradient
            self.gradients[parameter] = asked


def run_of(network: MLP, loss: str, optimizer: Optimizer, *callbacks: Callback) -> Run:
    """A run of the library on symbols: no data set, and nothing drawn but symbols."""
    nothing: Any = None
    run = Run(
        network, nothing, LOSSES[loss], dict.fromkeys(network.layers, optimizer), nothing, 1, SAMPLES,
        list(callbacks), seed=0, order_rng=nothing, augmentation_rng=nothing, rng=nothing,
        seeds=np.random.SeedSequence(0), pool=np.arange(SAMPLES),
    )  # fmt: skip
    run.rng = Symbols()  # type: ignore[assignment]
    run.learning_rate = sp.Symbol("eta", positive=True)
    return run


def mean_loss(network: MLP, loss: str, X: Any, T: Any) -> sp.Expr:
    """L(Y, T) / N of the forward pass in training, with the masks that a step draws."""
    Y, _ = network.forward(X, Symbols())
    return LOSSES[loss].total(Y, T) / SAMPLES


@claim("Run.step of {case}: every gradient is that of the mean loss", CONCRETE, "2×2×2×2", cases=NETWORKS)
def test_gradients_of_a_step(name: str) -> None:
    layers, loss = NETWORKS[name]
    network = MLP(layers())
    X, T = concrete.matrix("X", SAMPLES, INPUTS), concrete.matrix("T", SAMPLES, CLASSES)
    values = {parameter: parameter.value for parameter in network.parameters()}
    L = mean_loss(network, loss, X, T)
    seen = Seen()
    run_of(network, loss, GradientDescent(), seen).step(Batch(X, T, None, SAMPLES))
    if set(seen.gradients) != set(values):
        raise NotProved(f"gradients of {len(seen.gradients)} of {len(values)} parameters")
    confirm_gradients(L, [(values[parameter], gradient) for parameter, gradient in seen.gradients.items()])


OPTIMIZERS = (
    GradientDescent(sp.Rational(1, 100)),
    Momentum(sp.Rational(9, 10), sp.Rational(1, 100)),
    Nesterov(sp.Rational(9, 10), sp.Rational(1, 100)),
    Adam(sp.Rational(9, 10), sp.Rational(99, 100), sp.Rational(1, 1000), sp.Rational(1, 100)),
    AdamW(sp.Rational(9, 10), sp.Rational(99, 100), sp.Rational(1, 1000), sp.Rational(1, 100)),
    replace(SMET(), constants=lambda t: sp.symbols("beta_1 beta_2 epsilon l_1 l_2 T_w", positive=True)),
)


@claim(
    "Run.step with {case}: θ, s = update(θ, Dθ, s, η, λ, ...); weight decay on weights alone",
    CONCRETE,
    "2×2×2×2",
    cases=OPTIMIZERS,
)
def test_update_of_a_step(optimizer: Optimizer) -> None:
    layers, loss = NETWORKS["ReLU;Linear"]
    network = MLP(layers())
    X, T = concrete.matrix("X", SAMPLES, INPUTS), concrete.matrix("T", SAMPLES, CLASSES)
    before = {}
    for number, parameter in enumerate(network.parameters()):
        rows, columns = parameter.value.shape
        parameter.states = [
            concrete.matrix(f"s{number}{k}", rows, columns, positive=True) for k in range(optimizer.states)
        ]
        before[parameter] = parameter.value, list(parameter.states)
    seen = Seen()  # of gradients, which the claim before shows to be right
    run = run_of(network, loss, optimizer, seen)
    run.step(Batch(X, T, None, SAMPLES))
    for parameter, (value, states) in before.items():
        decay = optimizer.weight_decay if parameter.name == "W" else 0
        rate = run.learning_rate if optimizer.scale is None else run.learning_rate * optimizer.scale(parameter)
        for k, d in np.ndindex(value.shape):
            if value[k, d] == 0:
                expected: tuple[Any, ...] = (0, *(state[k, d] for state in states))
            else:
                numbers = value[k, d], seen.gradients[parameter][k, d], *(state[k, d] for state in states)
                result = optimizer.update(*numbers, rate, decay, *optimizer.constants(1))
                expected = result if states else (result,)
            given = parameter.value[k, d], *(state[k, d] for state in parameter.states)
            if given != expected:
                raise NotProved(f"{parameter.name}, number ({k + 1}, {d + 1}): should be {expected}, is {given}")


@claim("Run.step with sample weights and a part of a mini-batch: gradients of Σ w L / total", CONCRETE, "2×2×2×2")
def test_weights_of_samples() -> None:
    layers, loss = NETWORKS["Linear;Linear"]
    network = MLP(layers())
    X, T = concrete.matrix("X", SAMPLES, INPUTS), concrete.matrix("T", SAMPLES, CLASSES)
    w, total = concrete.matrix("w", SAMPLES, 1, positive=True), sp.Symbol("total", positive=True)
    Y, _ = network.forward(X)
    L = LOSSES[loss].total(Y, T, w) / total
    values = {parameter: parameter.value for parameter in network.parameters()}
    seen = Seen()
    run_of(network, loss, GradientDescent(), seen).step(Batch(X, T, w, total))
    confirm_gradients(L, [(values[parameter], gradient) for parameter, gradient in seen.gradients.items()])


@claim("Run.step: the running mean and variance of batch normalization", CONCRETE, "2×2×2")
def test_running_statistics() -> None:
    layers, loss = NETWORKS["BatchNorm;Linear"]
    network = MLP(layers())
    X, T = concrete.matrix("X", SAMPLES, INPUTS), concrete.matrix("T", SAMPLES, CLASSES)
    norm: Any = network.layers[0]
    mean, variance = norm.mean, norm.variance
    run_of(network, loss, GradientDescent()).step(Batch(X, T, None, SAMPLES))
    average = sp.ones(1, SAMPLES) * X / SAMPLES
    spread = (X - sp.ones(SAMPLES, 1) * average).applyfunc(lambda x: x**2)
    confirm_equal(norm.mean, sp.Rational(9, 10) * mean + average / 10)
    confirm_equal(norm.variance, sp.Rational(9, 10) * variance + sp.ones(1, SAMPLES) * spread / (SAMPLES - 1) / 10)


@claim("A network of two layers, sparse, any activation: gradients for a generic cotangent", INDEXED, "all N, D, H, K")
def test_two_layers_of_every_size() -> None:
    s, H = EVERY_SIZE, sp.Symbol("H", integer=True, positive=True)
    f, derivatives = any_function(s)
    X, W1, b1 = s.matrix("X", N, s.D), sparse("W1", H, s.D), s.matrix("b1", 1, H)
    W2, b2 = sparse("W2", s.K, H), s.matrix("b2", 1, s.K)
    network = MLP([LinearLayer(W1, b1, Pointwise(f)), LinearLayer(W2, b2)])
    Y, tapes = network.forward(X)
    DY = s.matrix("DY", N, s.K)
    gradients = network.gradients(tapes, DY)
    confirm_gradients(inner_product(DY, Y), zip((W1, b1, W2, b2), gradients, strict=True), derivatives)


@claim(
    "Linear, batch normalization in training mode, Linear, sparse: gradients for a generic cotangent",
    INDEXED,
    "all N, D, H, K",
)
def test_batch_normalization_of_every_size() -> None:
    s, H = EVERY_SIZE, sp.Symbol("H", integer=True, positive=True)
    X, W1, b1 = s.matrix("X", N, s.D), sparse("W1", H, s.D), s.matrix("b1", 1, H)
    W2, b2 = sparse("W2", s.K, H), s.matrix("b2", 1, s.K)
    norm: Any = batch_norm(1)
    for attribute in ("gamma", "beta"):
        getattr(norm, attribute).value = s.matrix(attribute, 1, H)
    norm.mean, norm.variance = s.matrix("mean", 1, H), s.matrix("variance", 1, H)
    network = MLP([LinearLayer(W1, b1), norm, LinearLayer(W2, b2)])
    Y, tapes = network.forward(X)
    DY = s.matrix("DY", N, s.K)
    values = [parameter.value for parameter in network.parameters()]
    confirm_gradients(inner_product(DY, Y), zip(values, network.gradients(tapes, DY), strict=True))


class Opaque(LinearLayer):
    """A layer of which nothing is known but its Jacobians, J with respect to its input and G to its parameter."""

    def __init__(self, number: int):
        super().__init__(sp.Matrix([[sp.Symbol(f"w{number}")]]), sp.Matrix([[sp.Symbol(f"b{number}")]]))
        self.J, self.G = sp.symbols(f"J{number} G{number}", commutative=False)

    def forward(self, X: Any, rng: Any = None) -> tuple[Any, Any]:
        return X, self

    def backward(self, tape: Any, DY: Any, needs_DX: bool = True) -> tuple[Any, tuple[Any, ...]]:
        if tape is not self:
            raise NotProved("a layer got the tape of another one")
        return DY * self.J if needs_DX else None, (DY * self.G,)


@claim("MLP.backward: from the last layer to the first, Dθ_l = DY J_n ⋯ J_(l+1) G_l", NUMBERS, "1 to 6 layers")
def test_induction() -> None:
    D = sp.Symbol("DY", commutative=False)
    for depth in range(1, 7):
        layers = [Opaque(number) for number in range(depth)]
        _, tapes = MLP(layers).forward(None)
        steps = list(MLP(layers).backward(tapes, D))
        if [layer for layer, _, _ in steps] != layers[::-1]:
            raise NotProved("the layers do not come from the last to the first")
        cotangent: Any = D
        for layer, _, (gradient,) in steps:
            if gradient != cotangent * layer.G:
                raise NotProved(f"should be {cotangent * layer.G}, is {gradient}")
            cotangent = cotangent * layer.J
        # What follows the last layer is what the stack without it does from that layer's DX.
        if depth > 1:
            _, tapes = MLP(layers[:-1]).forward(None)
            rest = list(MLP(layers[:-1]).backward(tapes, D * layers[-1].J))
            if [(layer, gradients) for layer, _, gradients in steps[1:]] != [(layer, g) for layer, _, g in rest]:
                raise NotProved("the stack does not go on as the stack without its last layer")
