"""onnxruntime computes with the written file what the network does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.errors import NervaError
from nerva_py.exchange import onnx_export

from ..optional import Lazy, needs
from .networks import SPECS, network, samples

pytestmark = needs("onnx")
onnx, runtime = Lazy("onnx"), Lazy("onnxruntime")


def run(model: bytes | str, X: np.ndarray) -> np.ndarray:
    return runtime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"X": X})[0]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SPECS)
def test_predictions_agree(name: str, dtype: type, sparse: bool, tmp_path: Path) -> None:
    net = network(name, dtype)
    model = nv.to_onnx(net, tmp_path / "net.onnx", sparse)
    onnx.checker.check_model(model, full_check=not sparse)  # its type inference wants dense weights
    tolerance = 1e-5 if dtype == np.float32 else 1e-8  # ONNX has slopes and ε in float32
    for X in (samples(dtype=dtype), samples(1, dtype)):
        Y = run(str(tmp_path / "net.onnx"), X)
        assert Y.dtype == dtype
        np.testing.assert_allclose(Y, net.predict(X), rtol=tolerance, atol=tolerance)
    assert len(model.graph.sparse_initializer) == (4 if sparse else 0)


def test_layers_out_of_a_torch_module() -> None:
    norm = nv.network.BatchNormLayer(12)
    norm.mean += 1
    first = nv.exchange.from_scipy([np.random.default_rng(0).standard_normal((12, 9)).astype(np.float32)]).layers
    relu = nv.network.ActivationLayer(network("activations").linear_layers[2].output)
    net = nv.MLP([*first, norm, relu])
    np.testing.assert_allclose(run(nv.to_onnx(net).SerializeToString(), samples()), net.predict(samples()), rtol=1e-4)


def test_sparse_files_are_small(tmp_path: Path) -> None:
    W = nv.SparseWeight.random((2000, 2000), 0.001, np.random.default_rng(0))
    nv.to_onnx(nv.exchange.from_scipy([W.csr]), tmp_path / "net.onnx", sparse=True)
    assert (tmp_path / "net.onnx").stat().st_size < 4000 * 12 + 2000 * 4 + 1000


def test_what_protobuf_cannot_hold_is_refused_before_it_is_made() -> None:
    W = nv.SparseWeight.random((100_000, 100_000), 1e-7, np.random.default_rng(0))
    net = nv.exchange.from_scipy([W.csr])
    with pytest.raises(NervaError, match=r"more than the 2 GiB .*; sparse=True stores only the weights that exist"):
        nv.to_onnx(net)
    assert nv.to_onnx(net, sparse=True).graph.sparse_initializer[0].dims == [100_000, 100_000]


def test_the_limit_counts_all_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    net = nv.mlp("ReLU;ReLU;Linear", [10, 10, 10, 10], seed=1)
    needed = 3 * (10 * 10 + 10) * 4
    monkeypatch.setattr(onnx_export, "LIMIT", needed)
    nv.to_onnx(net)
    monkeypatch.setattr(onnx_export, "LIMIT", needed - 1)
    with pytest.raises(NervaError, match="2 GiB"):
        nv.to_onnx(net)


class Plain:
    parameters = ()


def test_layers_and_activations_of_ones_own_have_no_operator() -> None:
    net = network("activations")
    net.linear_layers[0].output.name = "Mish"
    with pytest.raises(NervaError, match="the activation Mish, for which there is no ONNX operator"):
        nv.to_onnx(net)
    net.layers.insert(0, Plain())
    with pytest.raises(NervaError, match="a Plain, for which there is no ONNX operator"):
        nv.to_onnx(net)
