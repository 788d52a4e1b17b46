"""A missing package is named, with the command that installs it; and what is no network is, too."""

from __future__ import annotations

import sys

import pytest

import nerva_py as nv
from nerva_py.errors import MissingBackendError, NervaError

from .networks import network


@pytest.mark.parametrize(
    ("package", "call"),
    [
        ("torch", lambda: nv.to_torch(network("ours"))),
        ("torch", lambda: nv.from_torch(None)),
        ("onnx", lambda: nv.to_onnx(network("ours"))),
    ],
)
def test_the_message_has_the_command(package: str, call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    with pytest.raises(MissingBackendError, match=rf"needs the package {package}: pip install 'nerva-py\[{package}\]'"):
        call()


@pytest.mark.parametrize(
    "function", [nv.exchange.to_scipy, nv.to_sklearn, lambda net: nv.exchange.to_nerva(net, "w.npz")]
)
def test_only_networks_are_exchanged(function) -> None:
    with pytest.raises(NervaError, match=r"network must be an MLP, as mlp\(\) makes it, not list"):
        function([])
