r"""# Layers

The chapters before are about equations. A *layer* of the library calls them: `Y, tape = layer.forward(X)` and
`DX, gradients = layer.backward(tape, DY)`. Between the two it keeps nothing; what the backward equation needs is in the tape, and nothing
else. Here each layer is executed on symbols, for every size and with the generic cotangent, as the equations were, so that between the
equation and the network no line is left without a proof. The first layer with parameters has nobody to give $\mathrm{D}X$ to, and is asked for
the other gradients alone; they must be the same.

In *evaluation* there is no tape. Batch normalization then uses running estimates, which training updates as
$\mu \leftarrow (1 - m)\, \mu + m\, \mu_B$ and $\Sigma \leftarrow (1 - m)\, \Sigma + m\, \tfrac{N}{N - 1} \Sigma_B$; of a batch of one sample, which says
nothing about a variance, the mean alone. Dropout is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

from derivations.book import CONCRETE, NotProved, claim
from derivations.linear import any_function
from derivations.network import NETWORKS, run_of
from derivations.proving import (
    EPSILON,
    EVERY_SIZE,
    Setting,
    Symbols,
    concrete_setting,
    confirm,
    confirm_equal,
    confirm_without_DX,
)
from nerva_py.equations import activations, batch_norm, softmax
from nerva_py.equations.linear import linear
from nerva_py.matrix import columns_mean, columns_sum, draw_mask, hadamard, row_repeat
from nerva_py.network import MLP, ActivationLayer, BatchNormLayer, DropoutLayer, Layer, LinearLayer
from nerva_py.network.outputs import LogSoftmax, Output, Pointwise, Softmax, TrainedSReLU, like_row
from nerva_py.training import Batch, Callback, Run
from nerva_py.training.clock import no_phases
from nerva_py.training.optimizers import GradientDescent
from nerva_py.verify import concrete
from nerva_py.verify.prover import Derivatives

HALF = sp.Rational(1, 2)
MOMENTUM = sp.Rational(1, 10)


def linear_layer(s: Setting, output: Output, dropout: Any = 0) -> LinearLayer:
    """With a sparse W."""
    return LinearLayer(s.sparse_matrix("W", s.K, s.D), s.matrix("b", 1, s.K), output, dropout)


def srelu_layer(s: Setting) -> LinearLayer:
    output = TrainedSReLU()
    output.shape.value = sp.Matrix([sp.symbols("a_l t_l a_r t_r", real=True)])
    return linear_layer(s, output)


def batch_norm_layer(s: Setting) -> BatchNormLayer:
    layer = BatchNormLayer(1, momentum=MOMENTUM)
    layer.epsilon = EPSILON  # type: ignore[assignment]
    layer.gamma.value, layer.beta.value = s.matrix("g", 1, s.D), s.matrix("b", 1, s.D)
    layer.mean, layer.variance = s.matrix("m", 1, s.D), s.matrix("v", 1, s.D)
    return layer


Made = tuple[Layer, Derivatives | None]


def with_any_f(make: Callable[[Setting, Output], Layer]) -> Callable[[Setting], Made]:
    def made(s: Setting) -> Made:
        f, derivatives = any_function(s)
        return make(s, Pointwise(f)), derivatives

    return made


LAYERS: dict[str, Callable[[Setting], Made]] = {
    "LinearLayer": lambda s: (linear_layer(s, Output()), None),
    "LinearLayer, any f": with_any_f(linear_layer),
    "LinearLayer, softmax": lambda s: (linear_layer(s, Softmax()), None),
    "LinearLayer, log-softmax": lambda s: (linear_layer(s, LogSoftmax()), None),
    "LinearLayer, trained SReLU": lambda s: (srelu_layer(s), None),
    "LinearLayer, dropout on its weights": lambda s: (linear_layer(s, Output(), HALF), None),
    "ActivationLayer, none": lambda s: (ActivationLayer(Output()), None),
    "ActivationLayer, any f": with_any_f(lambda s, output: ActivationLayer(output)),
    "ActivationLayer, softmax": lambda s: (ActivationLayer(Softmax()), None),
    "ActivationLayer, log-softmax": lambda s: (ActivationLayer(LogSoftmax()), None),
    "BatchNormLayer": lambda s: (batch_norm_layer(s), None),
    "DropoutLayer": lambda s: (DropoutLayer(HALF), None),
    "DropoutLayer of rate 0": lambda s: (DropoutLayer(0), None),
}
SMALL = concrete_setting(3, 2, 2)


@dataclass(frozen=True)
class Case:
    """A layer, and the matrices on which it is executed."""

    name: str
    setting: Setting = field(repr=False)

    carrier = property(lambda self: self.setting.carrier)
    sizes = property(lambda self: self.setting.sizes)


# The four numbers of an SReLU are no matrix of symbolic size; the equations of its gradients have their proof in another chapter.
CASES = [Case(name, s) for name in LAYERS for s in (SMALL, EVERY_SIZE) if s is SMALL or "SReLU" not in name]


@claim("{case}: DX and the gradient of each parameter; where DX is not needed, the others are the same", cases=CASES)
def test_layer(case: Case) -> None:
    s = case.setting
    layer, derivatives = LAYERS[case.name](s)
    values = [parameter.value for parameter in layer.parameters]
    X = s.matrix("X", s.N, s.D)
    Y, tape = layer.forward(X, Symbols())
    DY = s.matrix("DY", *Y.shape)
    DX, gradients = layer.backward(tape, DY)
    confirm(Y, DY, [(X, DX), *zip(values, gradients, strict=True)], derivatives)
    without, others = layer.backward(tape, DY, False)
    if values:  # a layer without parameters comes before the first one, or its DX is needed
        confirm_without_DX((DX, *gradients), (without, *others), values)
    if any(parameter.value is not value for parameter, value in zip(layer.parameters, values, strict=True)):
        raise NotProved("a pass has changed a parameter")


@claim("{case}: its tape holds of Z and Y what the backward equation needs, and nothing else", CONCRETE, "3×2×2",
       cases=[name for name in LAYERS if "Linear" in name or "Activation" in name])  # fmt: skip
def test_tape(name: str) -> None:
    layer: Any = LAYERS[name](SMALL)[0]
    _, tape = layer.forward(SMALL.matrix("X", SMALL.N, SMALL.D), Symbols())
    kept = [part for part in "ZY" if getattr(tape, part) is not None]
    if kept != [*layer.output.keeps]:
        raise NotProved(f"the tape holds {kept}, not {layer.output.keeps!r}")


@claim(
    "{case}: evaluation is the forward pass, without dropout", cases=[case for case in CASES if "Norm" not in case.name]
)
def test_evaluation(case: Case) -> None:
    s = case.setting
    layer: Any = LAYERS[case.name](s)[0]
    X = s.matrix("X", s.N, s.D)
    Y = layer.predict(X)
    if isinstance(layer, DropoutLayer):
        confirm_equal(Y, X)
    elif isinstance(layer, LinearLayer):
        confirm_equal(Y, layer.output(linear(X, layer.W.value, layer.b.value)))
    else:
        confirm_equal(Y, layer.forward(X)[0])


OUTPUTS: dict[str, tuple[Callable[[], Output], Callable[[Any], Any]]] = {
    "Linear": (Output, lambda Z: Z),
    "Pointwise(HyperbolicTangent)": (
        lambda: Pointwise(activations.HyperbolicTangent()),
        activations.HyperbolicTangent(),
    ),
    "Softmax": (Softmax, softmax.softmax),
    "LogSoftmax": (LogSoftmax, softmax.log_softmax),
}


@claim("The output {case} is that function", CONCRETE, "3×2", cases=OUTPUTS)
def test_outputs(name: str) -> None:
    make, function = OUTPUTS[name]
    Z = SMALL.matrix("Z", SMALL.N, SMALL.D)
    confirm_equal(make()(Z), function(Z))


@claim("TrainedSReLU: Y = SReLU(Z) with the values of its four parameters, in their order", CONCRETE, "3×2")
def test_srelu() -> None:
    layer: Any = srelu_layer(SMALL)
    numbers = sp.symbols("a_l t_l a_r t_r", real=True)
    Z = SMALL.matrix("Z", SMALL.N, SMALL.D)
    confirm_equal(layer.output(Z), activations.SReLU(*numbers)(Z))
    confirm_equal(like_row(layer.output.shape.value, (1, 2, 3, 4)), sp.Matrix([[1, 2, 3, 4]]))
    row = like_row(np.zeros((1, 4), np.float32), (1.0, 2.0, 3.0, 4.0))
    if row.dtype != np.float32 or row.tolist() != [[1, 2, 3, 4]]:
        raise NotProved(f"the gradient of the parameters is {row}, {row.dtype}")


@claim("Dropout: a layer draws R like its input or its weights, Y = X ⊙ R or X (W ⊙ R)ᵀ + 1 b; of rate 0, none",
       cases=(SMALL, EVERY_SIZE))  # fmt: skip
def test_dropout(s: Setting) -> None:
    X = s.matrix("X", s.N, s.D)
    R = draw_mask(Symbols(), X, HALF)
    confirm_equal(DropoutLayer(HALF).forward(X, Symbols())[0], hadamard(X, R))
    confirm_equal(DropoutLayer(0).forward(X, Symbols())[0], X)
    layer = linear_layer(s, Output(), HALF)
    W, b = layer.W.value, layer.b.value
    R = draw_mask(Symbols(), W, HALF)
    confirm_equal(layer.forward(X, Symbols())[0], linear(X, hadamard(W, R), b))
    confirm_equal(linear_layer(s, Output()).forward(X, Symbols())[0], linear(X, W, b))


@claim("BatchNormLayer: a pass leaves mean and Σ alone; its tape brings the running ones, which evaluation uses",
       cases=(concrete_setting(3, 2, 2), concrete_setting(1, 2, 2), EVERY_SIZE))  # fmt: skip
def test_running_statistics(s: Setting) -> None:
    """With three samples and two features N is not D; of one sample the running Σ stays as it is."""
    layer, X = batch_norm_layer(s), s.matrix("X", s.N, s.D)
    mean, variance = layer.mean, layer.variance
    _, tape = layer.forward(X)
    if layer.mean is not mean or layer.variance is not variance:
        raise NotProved("the pass has changed the layer")
    layer.store(tape)
    R = X - row_repeat(columns_mean(X), s.N)
    confirm_equal(layer.mean, (1 - MOMENTUM) * mean + MOMENTUM * columns_mean(X))
    if s.N == 1:
        confirm_equal(layer.variance, variance)
    else:
        confirm_equal(layer.variance, (1 - MOMENTUM) * variance + MOMENTUM * columns_sum(hadamard(R, R)) / (s.N - 1))
    new = layer.mean, layer.variance
    confirm_equal(
        layer.predict(X), batch_norm.batch_norm_evaluation(X, layer.gamma.value, layer.beta.value, *new, EPSILON)
    )


@claim("MLP.gradients: the matrices that `backward` gives, in the order of the parameters, of a weight on its support",
       CONCRETE, "3×2×2")  # fmt: skip
def test_gradients_of_a_network() -> None:
    s = SMALL
    network = MLP([linear_layer(s, Pointwise(activations.HyperbolicTangent())), batch_norm_layer(s)])
    Y, tapes = network.forward(s.matrix("X", s.N, s.D))
    DY = s.matrix("DY", *Y.shape)
    (_, _, (Dgamma, Dbeta)), (_, _, (DW, Db)) = network.backward(list(tapes), DY)
    expected = [DW.on(network.linear_layers[0].W.value), Db, Dgamma, Dbeta]
    for given, right in zip(network.gradients(tapes, DY), expected, strict=True):
        confirm_equal(given, right)


class Asked(LinearLayer):
    """Notes whether it is asked for DX."""

    def __init__(self, asked: list[Any], trained: bool = True):
        super().__init__(sp.ones(1, 1), sp.ones(1, 1))
        self.parameters = self.parameters if trained else ()
        self.asked = asked

    def backward(self, tape: Any, DY: Any, needs_DX: bool = True) -> tuple[Any, tuple[Any, ...]]:
        self.asked.append((self, needs_DX))
        return DY, ()


@claim(
    "MLP.backward: the first layer with parameters is not asked for DX, and those before it for nothing",
    CONCRETE,
    "1×1",
)
def test_what_is_not_asked_for() -> None:
    asked: list[Any] = []
    for trained in ((True,), (True, True), (True, False, True), (False, True, False, True), (False, False, True)):
        asked.clear()
        layers = [Asked(asked, one) for one in trained]
        _, tapes = MLP(layers).forward(sp.ones(1, 1))
        passed = [layer for layer, _, _ in MLP(layers).backward(tapes, sp.ones(1, 1))]
        first = trained.index(True)
        if (
            asked != [(layer, layer is not layers[first]) for layer in layers[first:][::-1]]
            or passed != layers[first:][::-1]
        ):
            raise NotProved(f"of layers that are {trained} trained, {[needs for _, needs in asked]} are asked for DX")


@claim("MLP.evaluate: one layer's evaluation after the other", CONCRETE, "3×2×2")
def test_network_in_evaluation() -> None:
    s = SMALL
    first, norm = linear_layer(s, Pointwise(activations.HyperbolicTangent()), HALF), batch_norm_layer(s)
    X = s.matrix("X", s.N, s.D)
    network = MLP([first, norm, DropoutLayer(HALF)])
    confirm_equal(network.evaluate(X), norm.predict(first.predict(X)))


# ----------------------------------------------------------------------------------------------------------- what a step does


class Entered:
    """In the place of a clock: how often it is started."""

    times = 0

    def __enter__(self) -> Entered:
        self.times += 1
        return self

    def __exit__(self, *error: object) -> None:
        pass


# Starting with the gradient of the loss, the backward pass of each layer has its time, and so has the look for another one.
TIMES = {"feedforward": 1, "backpropagate": 4, "optimize": 2}


class Noted(Callback):
    """Notes what a step shows, and in which order the layers are updated."""

    def __init__(self) -> None:
        self.shown: list[Any] = []

    def on_gradients(self, run: Run, layer: Layer, tape: Any, gradients: tuple[Any, ...]) -> None:
        self.shown.append((layer, tape, gradients, layer.parameters[0].value))

    def add(self, *arguments: Any) -> None:
        """As the running loss of an epoch is given the samples of a step."""
        self.shown.append(arguments)


@claim("Run.step: the samples' Y, T and w for the running loss; then of each layer tape and gradients, before its update",
       CONCRETE, "2×2×2×2")  # fmt: skip
def test_what_a_step_shows() -> None:
    """With a clock and without one; a step more counts as one."""
    for phases in (no_phases(), defaultdict(Entered)):
        network = MLP(NETWORKS["Linear;Linear"][0]())
        X, T, w = concrete.matrix("X", 2, 2), concrete.matrix("T", 2, 2), concrete.matrix("w", 2, 1)
        noted = Noted()
        run = run_of(network, "SquaredError", GradientDescent(), noted)
        run.running, run.phases = noted, phases  # type: ignore[assignment]
        before = [(layer.W.value, layer.b.value) for layer in network.linear_layers]
        run.step(Batch(X, T, w, 1))
        (loss, Y, *samples), *shown = noted.shown
        confirm_equal(Y, linear(linear(X, *before[0]), *before[1]))
        if loss is not run.loss or run.outputs is not Y or samples != [T, w]:
            raise NotProved("the running loss is given something else")
        if [(layer, W) for layer, _, _, W in shown] != [*zip(network.layers, (W for W, _ in before), strict=True)][
            ::-1
        ]:
            raise NotProved("a layer is updated before it is shown, or the layers come in another order")
        if any(type(tape).__name__ != "LinearTape" or len(gradients) != 2 for _, tape, gradients, _ in shown):
            raise NotProved("what is shown are not the tape and the gradients")
        times = {name: phase.times for name, phase in phases.items() if isinstance(phase, Entered)}
        if times and times != TIMES:
            raise NotProved(f"the clocks are started {times}")
        run.step(Batch(X, T, w, 1))
        if run.t != 2:
            raise NotProved(f"after two steps t is {run.t}")
