"""What PyTorch computes with a network is what we compute, and there and back changes no bit."""

from __future__ import annotations

import copy
import io
import subprocess
import sys
import tracemalloc
import warnings
from collections.abc import Callable

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.errors import NervaError

from ..optional import Lazy, needs
from .networks import SPECS, assert_same, assert_same_weights, network, samples

pytestmark = needs("torch")
torch, nn = Lazy("torch"), Lazy("torch.nn")


def outputs(module, X: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return module(torch.tensor(X)).numpy()


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SPECS)
def test_predictions_agree_and_the_way_back_is_exact(name: str, dtype: type, sparse: bool) -> None:
    source = network(name, dtype)
    module, X = nv.to_torch(source, sparse), samples(dtype=dtype)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(outputs(module, X), source.predict(X), rtol=tolerance, atol=tolerance)
    assert_same(source, nv.from_torch(module))


def test_sparse_modules_hold_sparse_tensors_and_no_other_weights() -> None:
    source = network("activations")
    module = nv.to_torch(source, sparse=True)
    linear = [part for part in module if hasattr(part, "in_features")]
    assert [part.weight.layout for part in linear] == [torch.sparse_csr] * 2 + [torch.strided] + [torch.sparse_csr] * 2
    sizes = sum(parameter.numel() for parameter in module.parameters())
    assert sizes == source.nnz + sum(source.sizes[1:])


def test_a_sparse_module_forms_no_dense_array() -> None:
    """Neither here, nor in its forward pass, nor on the way back; a byte a position would be 10 GB."""
    W = nv.SparseWeight.random((100_000, 100_000), 1e-6, np.random.default_rng(0))
    source = nv.exchange.from_scipy([W.csr])
    tracemalloc.start()
    module = nv.to_torch(source, sparse=True)
    back = nv.from_torch(module)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6
    assert_same_weights(source, back)


@pytest.mark.parametrize("sparse", [False, True])
def test_training_in_pytorch_keeps_the_support(sparse: bool) -> None:
    source = network("activations")
    module = nv.to_torch(source, sparse).train()
    optimizer = torch.optim.Adam(module.parameters(), 0.01)
    before = outputs(module.eval(), samples())
    module.train()
    for _ in range(3):
        optimizer.zero_grad()
        (module(torch.tensor(samples())) ** 2).sum().backward()
        optimizer.step()
    back = nv.from_torch(module)
    assert not np.allclose(back.predict(samples()), before)
    for one, other in zip(source.linear_layers, back.linear_layers, strict=True):
        assert one.W.value.nnz == other.W.value.nnz


def test_gradients_of_a_sparse_module_are_those_of_the_network() -> None:
    source = network("activations", np.float64)
    module = nv.to_torch(source, sparse=True)
    X, DY = samples(6, np.float64), np.random.default_rng(1).standard_normal((6, 5))
    _, tapes = source.forward(nv.engine.batch_layout(X))
    ours = source.gradients(tapes, nv.engine.batch_layout(DY))[0].data
    (module(torch.tensor(X)) * torch.tensor(DY)).sum().backward()
    theirs = module[0].values.grad.numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_a_module_is_saved_copied_and_loaded_by_pytorch() -> None:
    source = network("ours")
    for sparse in (False, True):
        module = nv.to_torch(source, sparse)
        again = nv.to_torch(
            nv.mlp(SPECS["ours"], source.sizes, layer_densities=[0.1, 0.7, 1, 0.3, 0.25], seed=9), sparse
        )
        file = io.BytesIO()
        torch.save(module.state_dict(), file)
        file.seek(0)
        again.load_state_dict(torch.load(file))
        assert_same_weights(source, nv.from_torch(again))
        assert_same_weights(source, nv.from_torch(copy.deepcopy(module)))


def test_nothing_is_shared_and_pytorchs_random_state_stays() -> None:
    source = network("between")
    state = torch.get_rng_state()
    module = nv.to_torch(source)
    back = nv.from_torch(module)
    assert torch.equal(state, torch.get_rng_state())
    before = source.predict(samples())
    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            tensor.zero_()
    assert np.array_equal(source.predict(samples()), before)
    assert np.array_equal(back.predict(samples()), before)


def test_dropout_on_weights() -> None:
    source = nv.mlp("ReLU;Linear", [9, 30, 5], layer_densities=[0.2, 1.0], dropouts=[0.4, 0.3], seed=1)
    module = nv.to_torch(source)
    np.testing.assert_allclose(outputs(module, samples()), source.predict(samples()), rtol=1e-5, atol=1e-6)
    back = nv.from_torch(module)
    assert [layer.dropout for layer in back.linear_layers] == [0.4, 0.3]
    assert_same(source, back)
    module.train()
    assert not np.array_equal(outputs(module, samples()), outputs(module, samples()))
    with pytest.raises(NervaError, match=r"dropout on weights \(p=0.4\) needs sparse=False"):
        nv.to_torch(source, sparse=True)


def pruned() -> nn.Sequential:
    """With PyTorch's own pruning; of the kept weights one is 0."""
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(9, 20), nn.ReLU(), nn.Linear(20, 5))
    Lazy("torch.nn.utils.prune").l1_unstructured(module[0], "weight", amount=0.9)
    row, column = module[0].weight_mask.nonzero()[0]
    with torch.no_grad():
        module[0].weight_orig[row, column] = 0
        module[0].weight_orig[module[0].weight_mask == 0] = 7  # what a mask hides is no weight
    return module


def test_a_module_that_is_pruned_and_converted_then() -> None:
    """Its attribute `weight` is of the old type until the next pass."""
    assert nv.from_torch(pruned().double()).dtype == np.float64


def test_a_pruned_module_becomes_sparse() -> None:
    module = pruned()
    net = nv.from_torch(module)
    W = net.linear_layers[0].W.value
    assert isinstance(W, nv.SparseWeight)
    assert np.array_equal(W.support.mask(), module[0].weight_mask.numpy())
    assert (W.nnz, np.count_nonzero(W.data)) == (18, 17)
    np.testing.assert_allclose(net.predict(samples()), outputs(module, samples()), rtol=1e-5, atol=1e-6)
    assert nv.from_torch(module, drop_zeros=True).linear_layers[0].W.value.nnz == 17
    assert nv.from_torch(module).linear_layers[1].W.value.full


@pytest.mark.parametrize("called", [False, True])
def test_a_module_that_was_pruned_and_then_converted(called: bool) -> None:
    """Its attribute `weight` has the type that it had when the module was called last."""
    module = pruned().double()
    if called:
        module(torch.zeros(1, 9, dtype=torch.float64))
    net = nv.from_torch(module)
    assert net.dtype == np.float64
    assert net.linear_layers[0].W.value.nnz == 18
    half = nv.from_torch(pruned().double().float())
    assert half.dtype == np.float32


def test_zeros_of_an_unmasked_weight_are_weights_unless_dropped() -> None:
    module = nn.Sequential(nn.Linear(9, 20), nn.ReLU(), nn.Linear(20, 5))
    with torch.no_grad():
        module[0].weight *= torch.rand(20, 9) < 0.2
    kept = int(module[0].weight.count_nonzero())
    assert nv.from_torch(module).linear_layers[0].W.value.nnz == 180
    net = nv.from_torch(module, drop_zeros=True)
    assert net.linear_layers[0].W.value.nnz == kept
    assert net.linear_layers[1].W.value.full
    np.testing.assert_allclose(net.predict(samples()), outputs(module, samples()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layout", ["to_sparse_csr", "to_sparse_csc", "to_sparse_coo"])
def test_sparse_tensors(layout: str) -> None:
    module = nn.Sequential(nn.Linear(9, 20), nn.ReLU(), nn.Linear(20, 5))
    dense = module[0].weight.detach() * (torch.rand(20, 9) < 0.2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module[0].weight = nn.Parameter(getattr(dense, layout)())
        net = nv.from_torch(module, check=layout == "to_sparse_csr")
    W = net.linear_layers[0].W.value
    assert isinstance(W, nv.SparseWeight)
    assert W.nnz == int(dense.count_nonzero())
    assert np.array_equal(W.toarray(), dense.numpy())


@pytest.mark.parametrize("bias", [True, False])
def test_linear_then_batch_norm_then_relu_in_a_module_of_ones_own(bias: bool) -> None:
    module = Lazy("tests.exchange.modules").Net(bias)
    module(torch.randn(30, 9) * 3 + 1)  # running statistics that are not 0 and 1
    net = nv.from_torch(module)
    kinds = [type(layer).__name__.removesuffix("Layer") for layer in net.layers]
    assert kinds == ["Linear", "BatchNorm", "Activation", "Dropout", "Linear", "Linear"]
    assert module.training
    assert module.body[1].training
    np.testing.assert_allclose(net.predict(samples()), outputs(module.eval(), samples()), rtol=1e-5, atol=1e-5)
    assert_same(net, nv.from_torch(nv.to_torch(net)))
    data = nv.from_arrays(samples(), np.arange(20) % 5)
    assert len(nv.train(net, data, epochs=1, batch_size=5, seed=1)) == 1


def test_the_same_activation_twice_in_a_sequential() -> None:
    relu = nn.ReLU()
    module = nn.Sequential(nn.Linear(9, 8), relu, nn.Linear(8, 8), relu, nn.Linear(8, 3))
    assert [layer.output.name for layer in nv.from_torch(module).linear_layers] == ["ReLU", "ReLU", "Linear"]


def test_a_forward_that_does_more_than_its_children_is_found_out() -> None:
    modules = Lazy("tests.exchange.modules")
    with pytest.raises(NervaError, match=r"does not compute what its children do in order \(outputs differ by up to"):
        nv.from_torch(modules.Functional())
    assert nv.from_torch(modules.Functional(), check=False).sizes == [9, 8, 3]
    with pytest.raises(NervaError, match=r"cannot be called on a batch of shape \(7, 9\).*check=False"):
        nv.from_torch(modules.Images())


def test_half_precision_and_double() -> None:
    module = nn.Sequential(nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 3))
    assert nv.from_torch(module.bfloat16()).dtype == np.float32
    assert nv.from_torch(module.double()).dtype == np.float64
    assert nv.from_torch(module, dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: nn.Sequential(nn.Linear(3, 2), nn.GELU()),
            r"module 1 is a GELU, which is unknown here. Known: Linear, ReLU",
        ),
        (lambda: nn.Sequential(nn.Sequential(nn.Conv2d(1, 1, 1)), nn.Linear(3, 2)), r"module 0\.0 is a Conv2d"),
        (lambda: nn.Sequential(nn.LazyLinear(3)), r"module 0 \(LazyLinear\): it has no numbers yet"),
        (lambda: nn.Sequential(nn.ReLU()), "at least one torch.nn.Linear, not only ReLU"),
        (lambda: nn.Sequential(), "at least one torch.nn.Linear, not only nothing"),
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.Softmax(dim=0)), r"module 1 \(Softmax\): dim=0; 1 \(or -1\)"),
        (
            lambda: nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2, momentum=None)),
            r"module 1 \(BatchNorm1d\): momentum=None",
        ),
        (
            lambda: nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2, track_running_stats=False)),
            "needs running statistics",
        ),
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.Linear(3, 2)), "one has 2 outputs, the next 3 inputs"),
        (lambda: nn.Sequential(nn.Linear(3, 2, dtype=torch.complex64)), "numbers of torch.complex64"),
        (lambda: "module.pt", "must be a torch.nn.Module, not str"),
    ],
)
def test_what_cannot_be_exchanged_is_named(make: Callable[[], object], message: str) -> None:
    with pytest.raises(NervaError, match=message):
        nv.from_torch(make())


class Plain:
    parameters = ()


def test_layers_and_activations_of_ones_own_have_no_module() -> None:
    net = network("activations")
    net.linear_layers[0].output.name = "Mish"
    with pytest.raises(NervaError, match="the activation Mish, for which there is no PyTorch module"):
        nv.to_torch(net)
    net.layers.insert(0, Plain())
    with pytest.raises(NervaError, match="a Plain, for which there is no PyTorch module"):
        nv.to_torch(net)


def test_importing_the_package_does_not_import_torch() -> None:
    program = "import sys, nerva_py.exchange; sys.exit('torch' in sys.modules or 'onnx' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
