"""Downloads from a server on this machine: checked, cached, and nothing left behind when they fail."""

from __future__ import annotations

import gzip
import hashlib
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pooch
import pytest

from nerva_py.data import cifar10, load_cifar10, load_mnist, mnist
from nerva_py.errors import DataError
from tests.data import formats


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    return tmp_path / "cache" / "nerva_py"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A directory, and the address at which a server offers its files; `requests` lists what was asked for."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    directory = tmp_path / "www"
    directory.mkdir()

    requests = []

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=directory)

        def log_message(self, format, *arguments):
            requests.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield directory, f"http://127.0.0.1:{http.server_port}/", requests
        http.shutdown()
        thread.join()


def files_in(directory):
    return sorted(path.name for path in directory.rglob("*") if path.is_file())


def offer_mnist(server, monkeypatch, rng):
    directory, url, _ = server
    arrays = formats.mnist_arrays(rng)
    formats.write_mnist(directory, arrays)
    monkeypatch.setattr(mnist, "URL", url)
    for name in mnist.MD5:
        monkeypatch.setitem(mnist.MD5, name, hashlib.md5((directory / f"{name}.gz").read_bytes()).hexdigest())
    return arrays


def test_mnist_is_downloaded_once(server, cache, monkeypatch, rng, capfd):
    arrays = offer_mnist(server, monkeypatch, rng)
    for _ in range(2):
        assert np.array_equal(load_mnist().Xtrain, arrays["Xtrain"].reshape(7, -1))
    assert len(server[2]) == 4
    assert files_in(cache / "mnist") == sorted(f"{name}.gz" for name in mnist.MD5)
    assert capfd.readouterr() == ("", "")


def test_cifar10_is_downloaded_once(server, cache, monkeypatch, rng):
    directory, url, requests = server
    arrays = formats.cifar10_arrays(rng)
    archive = formats.tar(formats.cifar10_files(arrays, python=False))
    (directory / "cifar-10-binary.tar.gz").write_bytes(archive)
    monkeypatch.setattr(cifar10, "URL", f"{url}cifar-10-binary.tar.gz")
    monkeypatch.setattr(cifar10, "MD5", hashlib.md5(archive).hexdigest())
    for _ in range(2):
        assert np.array_equal(load_cifar10().Xtest, arrays["test_batch"][0])
    assert len(requests) == 1


def test_a_wrong_checksum_leaves_nothing_behind(server, cache, monkeypatch, rng):
    offer_mnist(server, monkeypatch, rng)
    name = "train-images-idx3-ubyte"
    (server[0] / f"{name}.gz").write_bytes(gzip.compress(b"something else"))
    with pytest.raises(
        DataError, match=rf"{name}.gz: cannot be downloaded .*does not match.*--data-dir DIR, or path=DIR"
    ):
        load_mnist()
    assert files_in(cache) == []


def test_a_damaged_file_in_the_cache_is_downloaded_again(server, cache, monkeypatch, rng):
    arrays = offer_mnist(server, monkeypatch, rng)
    load_mnist()
    (cache / "mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    assert np.array_equal(load_mnist().Ttest, arrays["Ttest"])


def test_a_file_that_the_server_does_not_have(server, cache, monkeypatch):
    monkeypatch.setattr(mnist, "URL", server[1])
    with pytest.raises(DataError, match=r"cannot be downloaded .*HTTPError.*404.*--data-dir DIR"):
        load_mnist()
    assert files_in(cache) == []


def test_no_server(cache, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(cifar10, "URL", "http://127.0.0.1:9/cifar-10-binary.tar.gz")  # the port that discards
    with pytest.raises(DataError, match=r"cannot be downloaded .*ConnectionError.*--data-dir DIR"):
        load_cifar10()
    assert files_in(cache) == []


def test_a_cache_that_cannot_be_made(cache, monkeypatch):
    cache.parent.mkdir()
    cache.write_text("a file where the directory should be")
    with pytest.raises(DataError, match=r"cannot be downloaded .*--data-dir DIR"):
        load_cifar10()
