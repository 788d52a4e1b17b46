"""Compiled kernels on disk: damaged files, no place to keep any, processes that begin together."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core import types
from numba.core.caching import IndexDataCacheFile, NullCache

import nerva_py
from nerva_py.engine import process
from nerva_py.engine.caching import CheckedFiles, KernelCache, kernel_cache
from nerva_py.engine.compiling import FLAGS, Kernel, kernel


def double(x, y):
    for i in range(x.size):
        y[i] = x[i] + x[i]


def run() -> Kernel:
    """The kernel in a process that has not compiled it yet."""
    fresh, x, y = kernel("F1, F1")(double), np.arange(5.0), np.zeros(5)
    fresh(x, y)
    assert y.tolist() == [0, 2, 4, 6, 8]
    return fresh


def hits(one: Kernel) -> int:
    return sum(sum(version.stats.cache_hits.values()) for version in one.versions.values())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def overwritten(content: bytes) -> bytes:
    place = len(content) // 2
    return content[:place] + bytes(64) + content[place + 64 :]


DAMAGE = {
    "empty": lambda content: b"",
    "cut at its beginning": lambda content: content[:10],
    "cut in the middle": lambda content: content[: len(content) // 2],
    "without its last byte": lambda content: content[:-1],
    "longer": lambda content: content + b"\0",
    "random bytes": lambda content: random.Random(1).randbytes(len(content)),
    "bytes overwritten": overwritten,
    "one bit": lambda content: content[:-100] + bytes([content[-100] ^ 1]) + content[-99:],
    "a pickle of something else": lambda content: b"\x80\x04K\x01.",
}


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_as_good_as_none(suffix, damage, folder):
    run()
    assert hits(run()) == 1
    (file,) = folder.rglob(f"*.{suffix}")
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    assert hits(run()) == 0
    assert hits(run()) == 1, "it was written anew"


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_a_file_that_is_missing_or_a_folder(suffix, folder):
    run()
    (file,) = folder.rglob(f"*.{suffix}")
    file.unlink()
    assert hits(run()) == 0
    (file,) = folder.rglob(f"*.{suffix}")
    file.unlink()
    file.mkdir()
    process._told.clear()
    with pytest.warns(RuntimeWarning, match="cannot be kept on disk"):
        run()


def test_what_another_version_of_numba_wrote(folder, monkeypatch):
    run()
    monkeypatch.setattr(numba, "__version__", "0.0")
    assert hits(run()) == 0


def test_a_file_that_another_process_gave_the_same_name(folder):
    """Two processes that begin together both find the name free."""
    one, other = (CheckedFiles(str(folder), "name", "stamp") for _ in range(2))
    one._load_index = other._load_index = dict
    one.save("first key", "first code")
    other.save("second key", "second code")
    files = CheckedFiles(str(folder), "name", "stamp")
    assert files.load("second key") == "second code"
    files._load_index = lambda: {"first key": "name.1.nbc", "second key": "name.1.nbc"}
    assert files.load("first key") is None


def test_a_pickle_that_names_what_has_gone(folder):
    files = CheckedFiles(str(folder), "name", "stamp")
    with files._open_for_write(folder / "name.1.nbc") as file:
        file.write(b"cno_such_module\nf\n.")
    assert files._load_data("name.1.nbc") is None


def test_a_disk_that_is_full(folder, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "_open_for_write", full)
    process._told.clear()
    with pytest.warns(RuntimeWarning, match=r"cannot be kept on disk.*No space left") as told:
        run()
    run()
    assert len(told) == 1


def test_no_place_at_all_is_said_once(folder, monkeypatch):
    nowhere = folder / "file" / "below"
    nowhere.parent.touch()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(nowhere))
    monkeypatch.setattr("numba.core.caching.CompileResultCacheImpl._locator_classes", [])
    process._told.clear()
    with pytest.warns(RuntimeWarning, match="NUMBA_CACHE_DIR may name a folder") as told:
        run()
    assert isinstance(kernel_cache(double, FLAGS), NullCache)
    assert len(told) == 1


@pytest.mark.parametrize("name", [*FLAGS, "parallel"])
def test_the_key_holds_every_option(name, folder):
    options = {**FLAGS, "parallel": False}
    codegen = numba.core.registry.cpu_target.target_context.codegen()
    signature = (types.float64[::1],)
    keys = {
        KernelCache(double, changed)._index_key(signature, codegen)
        for changed in (options, {**options, name: {"nnan"} if name == "fastmath" else "another value"})
    }
    assert len(keys) == 2


READ_ONLY = """
import numpy as np
import nerva_py as nv
network = nv.mlp("ReLU;Linear", [6, 5, 3], overall_density=0.5, seed=1)
print(nv.__file__, network.predict(np.ones((2, 6), np.float32)).shape)
"""


def test_an_installation_that_cannot_be_written_to(tmp_path):
    """Nor can the home of the user. (A folder's mode says nothing to root, so there are files where folders would be made.)"""
    shutil.copytree(Path(nerva_py.__path__[0]), tmp_path / "nerva_py", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [tmp_path / "nerva_py", *(tmp_path / "nerva_py").rglob("*/")]:
        if folder.is_dir():
            (folder / "__pycache__").touch()
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    environment |= {"HOME": os.devnull, "XDG_CACHE_HOME": os.devnull, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", READ_ONLY],
        env=environment, check=True, capture_output=True, text=True, timeout=200, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout == f"{tmp_path / 'nerva_py' / '__init__.py'} (2, 3)\n"
    assert done.stderr.count("RuntimeWarning: compiled kernels cannot be kept on disk") == 1


def test_a_number_of_threads_that_is_set_too_late(folder, monkeypatch):
    numba.get_num_threads()  # they have been started
    monkeypatch.setenv("NUMBA_NUM_THREADS", str(numba.config.NUMBA_NUM_THREADS + 1))
    process._told.clear()
    with pytest.warns(RuntimeWarning, match="comes too late") as told:
        run()
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run()
    assert os.environ["NUMBA_NUM_THREADS"] == str(numba.config.NUMBA_NUM_THREADS + 1)
