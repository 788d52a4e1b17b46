"""No damage goes unseen, nothing in a file is executed, and every error names the file."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.checkpoints import container
from nerva_py.checkpoints.generators import build_generator, generator_tree
from nerva_py.errors import DataError, NervaError

from .fuzzing import damaged, forged
from .runs import RUNS, mini, numbers, threads

# NERVA_FUZZ=10000 python -m pytest tests/checkpoints/test_damaged_files.py
FUZZ = int(os.environ.get("NERVA_FUZZ", "400"))


def other_files(tmp_path: Path) -> dict[str, tuple[bytes, str]]:
    """Contents, and what the error says."""
    network = nv.mlp("ReLU;Linear", [8, 5, 3], overall_density=0.3)
    nv.exchange.to_nerva(network, tmp_path / "w.npz", sparse=True)
    nv.data.save_npz(tmp_path / "d.npz", mini())
    np.savez_compressed(tmp_path / "c.npz", a=np.zeros(9))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("checkpoint.json", json.dumps({"format": "nerva_py checkpoint", "version": container.VERSION}))
    nv.save(network, tmp_path / "n.npz")
    good = (tmp_path / "n.npz").read_bytes()
    return {
        "weights": (
            (tmp_path / "w.npz").read_bytes(),
            "not a checkpoint .* It holds weights: read them with exchange.from_nerva",
        ),
        "data": ((tmp_path / "d.npz").read_bytes(), "not a checkpoint .* It holds a data set: read it with load_npz"),
        "npz": ((tmp_path / "c.npz").read_bytes(), "not a checkpoint of nerva_py, but an archive with the entries a"),
        "empty": (b"", "not a checkpoint, or truncated"),
        "text": (b"no zip at all" * 99, "not a checkpoint, or truncated"),
        "pickle": (pickle.dumps({"a": 1}), "not a checkpoint, or truncated"),
        "compressed": (archive.getvalue(), "'checkpoint.json' is compressed"),
        "half": (good[: len(good) // 2], "not a checkpoint, or truncated"),
        "a changed weight": (_changed(good), "corrupt|Bad CRC"),
    }


def _changed(good: bytes) -> bytes:
    place = good.index(b"network.layers.0.arguments.W.data.npy") + 300
    return good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]


@pytest.mark.parametrize(
    "name", ["weights", "data", "npz", "empty", "text", "pickle", "compressed", "half", "a changed weight"]
)
def test_other_files_are_refused(name, tmp_path):
    contents, message = other_files(tmp_path)[name]
    path = tmp_path / "file.npz"
    path.write_bytes(contents)
    network = nv.mlp("ReLU;Linear", [8, 5, 3], seed=1)
    before = [parameter.vector.copy() for parameter in network.parameters()]
    for use in (
        lambda: nv.load(path),
        lambda: nv.training.read_checkpoint(path),
        lambda: nv.train(network, mini(), epochs=1, resume=path),
    ):
        with pytest.raises(DataError, match=message) as raised:
            use()
        assert str(raised.value).startswith(str(path))
    for parameter, old in zip(network.parameters(), before, strict=True):
        np.testing.assert_array_equal(parameter.vector, old)


def test_a_missing_file_and_a_directory(tmp_path):
    with pytest.raises(DataError, match=r"x\.npz: no such file"):
        nv.load(tmp_path / "x.npz")
    with pytest.raises(DataError, match=r"cannot be read.*[Ii]s a directory"):
        nv.load(tmp_path)


@pytest.mark.parametrize(
    ("version", "cure"), [(7, "update it"), (2, "save_weights of the older one writes what exchange.from_nerva")]
)
def test_another_format(version, cure, tmp_path, monkeypatch):
    """The error says which nerva_py can read the file: the one that has written it."""
    path, network = tmp_path / "n.npz", nv.mlp("ReLU;Linear", [8, 5, 3])
    monkeypatch.setattr(container, "VERSION", version)
    nv.save(network, path)
    monkeypatch.undo()
    written = (
        rf"n\.npz: has format version {version}, as nerva_py '{nv.__version__}' wrote it; this one reads 3: {cure}"
    )
    for use in (nv.load, nv.training.read_checkpoint, lambda path: nv.train(network, mini(), epochs=1, resume=path)):
        with pytest.raises(DataError, match=written):
            use(path)


def test_pickled_objects_are_not_executed(tmp_path):
    marker = tmp_path / "executed"

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(marker),)

    evil = io.BytesIO()
    np.save(evil, np.array([Evil()], dtype=object), allow_pickle=True)
    path = tmp_path / "n.npz"
    nv.save(nv.mlp("ReLU;Linear", [8, 5, 3]), path)
    with zipfile.ZipFile(path) as good:
        entries = {name: good.read(name) for name in good.namelist()}
    for name in [n for n in entries if n.endswith(".npy")][:3]:
        with zipfile.ZipFile(path, "w") as bad:
            for entry, contents in entries.items():
                bad.writestr(entry, evil.getvalue() if entry == name else contents)
        with pytest.raises(DataError, match="no numeric array"):
            nv.load(path)
    assert not marker.exists()


@pytest.mark.parametrize("shape", ["(99999999999999,)", "(3, 99999999999, 99999999999)", "(-3,)", "3", "(" * 4000])
def test_a_header_that_claims_too_much(shape, tmp_path):
    path = tmp_path / "n.npz"
    nv.save(nv.mlp("ReLU;Linear", [8, 5, 3]), path)
    with zipfile.ZipFile(path) as good:
        entries = {name: good.read(name) for name in good.namelist()}
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    entries["network.layers.0.arguments.b.npy"] = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    with zipfile.ZipFile(path, "w") as bad:
        for entry, contents in entries.items():
            bad.writestr(entry, contents)
    with pytest.raises(DataError, match="corrupt"):
        nv.load(path)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "9" * 9999, "\\ud800", "nan", "{}", "[1]", '"x"'])
def test_a_description_that_is_none(text, tmp_path):
    path = tmp_path / "n.npz"
    with zipfile.ZipFile(path, "w") as bad:
        bad.writestr("checkpoint.json", text)
        bad.writestr("sha256", "0" * 64)
    with pytest.raises(DataError, match=r"corrupt|not a checkpoint"):
        nv.load(path)


def test_the_checksum_sees_what_the_archive_does_not(tmp_path):
    """Contents of another checkpoint, or in another order: each entry is whole by itself."""
    path, other = tmp_path / "n.npz", tmp_path / "m.npz"
    nv.save(nv.mlp("ReLU;Linear", [8, 5, 3], seed=1), path)
    nv.save(nv.mlp("ReLU;Linear", [8, 5, 3], seed=2), other)
    with zipfile.ZipFile(path) as one, zipfile.ZipFile(other) as two:
        entries, others = ({name: file.read(name) for name in file.namelist()} for file in (one, two))
    name = "network.layers.0.arguments.W.array.npy"
    swapped = [n for n in entries if n.endswith(".b.npy")]
    for changed in (
        entries | {name: others[name]},
        {n: entries[n] for n in ["checkpoint.json", *sorted(set(entries) - {"checkpoint.json", "sha256"})[::-1], "sha256"]},
        {n: contents for n, contents in entries.items() if n != swapped[0]},
        entries | {"sha256": others["sha256"]},
    ):  # fmt: skip
        with zipfile.ZipFile(path, "w") as bad:
            for n, contents in changed.items():
                bad.writestr(n, contents)
        with pytest.raises(DataError, match="corrupt: its checksum is that of other contents"):
            nv.load(path)


LAYER = ("network", "layers", 0)
W = (*LAYER, "arguments", "W")
NORM = ("network", "layers", 1)


def put(position, value):
    def change(array):
        array = array.copy()
        array[position] = value
        return array

    return change


@pytest.mark.parametrize(
    ("place", "change", "message"),
    [
        ((*W, "indices"), put(0, -1), "indices from -1 to"),
        ((*W, "indices"), put(-1, 64), "indices from .* to 64; 0 to 63 are allowed"),
        ((*W, "indices"), lambda a: a[::-1], "the indices of a row must rise"),
        ((*W, "indices"), lambda a: a.astype(np.float32), "indices has shape .* dtype float32"),
        ((*W, "indices"), lambda a: a[:-1], "indptr must rise from 0 to the number of weights|data has shape"),
        ((*W, "indptr"), put(1, 10**6), "indptr must rise"),
        ((*W, "indptr"), put(0, 1), "indptr must rise"),
        ((*W, "indptr"), lambda a: a[:-1], "indptr has shape"),
        ((*W, "data"), put(0, np.nan), "data has values that are not finite"),
        ((*W, "data"), lambda a: a.astype(np.float64), "its parameters are of float32, float64"),
        ((*W, "shape"), lambda a: [40, 2**40, 3], "shape is"),
        ((*W, "shape"), lambda a: [40, 0], "shape is"),
        ((*W, "shape"), lambda a: [41, 64], "indptr has shape"),
        ((*W, "storage"), lambda a: "dense", "has no 'array'"),
        ((*W, "backend"), lambda a: "cuda", "unknown backend 'cuda'"),
        ((*LAYER, "kind"), lambda a: "conv", "unknown layer 'conv'"),
        ((*LAYER, "arguments", "dropout"), lambda a: 1.5, "a dropout rate must be"),
        ((*LAYER, "arguments", "dropout"), lambda a: "half", "malformed: Linear with W, b, output, dropout"),
        ((*LAYER, "arguments", "output", "name"), lambda a: "__import__", "unknown output '__import__'"),
        ((*LAYER, "arguments", "output", "arguments"), lambda a: {"0": 1, "1": 2}, "malformed: ReLU with"),
        ((*LAYER, "arguments"), lambda a: a | {"code": "print(1)"}, "malformed: Linear with"),
        ((*LAYER, "arguments", "b"), lambda a: a[:, 1:], "b must have shape"),
        ((*LAYER, "arguments", "b"), put((0, 0), np.inf), "b has values that are not finite"),
        ((*NORM, "parameters", 0), lambda a: a[:, 1:], "gamma has shape"),
        ((*NORM, "parameters"), lambda a: a[1:], "with other parameters or buffers"),
        ((*NORM, "buffers", "mean"), lambda a: a[:, 1:], "mean has shape"),
        ((*NORM, "buffers"), lambda a: a | {"__class__": a["mean"]}, "with other parameters or buffers"),
        ((*NORM, "arguments", "epsilon"), lambda a: -1.0, "epsilon > 0"),
        (("network", "layers"), lambda a: a[1:], "layer|inputs"),
        (("network", "layers"), lambda a: [], "no layer with weights"),
        (("data", "scale"), lambda a: a[1:], "shift has shape"),
        (("data",), lambda a: {**a, "scale": a["scale"][1:], "shift": a["shift"][1:]}, "images of|63 features"),
        (("training", "history", 0, "epoch"), lambda a: 2, "epoch 1 of its history"),
        (("notes",), lambda a: 5, "its training or its notes"),
    ],
    ids=lambda value: "change" if callable(value) else str(value),
)  # fmt: skip
def test_nothing_in_a_file_is_believed(run, data, tmp_path, place, change, message):
    """With the right checksum, as of somebody who knows how."""
    path = tmp_path / "run.npz"
    RUNS["RigL"].train(RUNS["RigL"].network(), data, [nv.ModelCheckpoint(path)], epochs=1)
    tree = container.read(path)
    holder = tree
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = change(holder[place[-1]])
    container.write(path, tree)
    with pytest.raises(NervaError, match=message) as raised:
        nv.training.read_checkpoint(path)
    assert str(raised.value).startswith(str(path))


OPTIMIZER = ("training", "optimizers", 0, "vectors")
STOPPING, RIGL = (("training", "callbacks", number, "state") for number in (1, 0))


@pytest.mark.parametrize(
    ("place", "change", "message"),
    [
        (("training", "rng", "bit_generator"), lambda a: "os.system", "a random generator of 'os.system'"),
        (("training", "rng", "state"), lambda a: {"state": -1, "inc": 2}, "the state of a random generator"),
        (("training", "order", "bit_generator"), lambda a: "os.system", "a random generator of 'os.system'"),
        (("training", "augmentation", "state"), lambda a: {}, "the state of a random generator"),
        (("training", "seeds", "children"), lambda a: -1, "children is -1"),
        (("training", "step_of_epoch"), lambda a: 10, "step 10 of epoch 2"),
        (("training", "epoch"), lambda a: 4, "step 4 of epoch 4"),
        (("training", "t"), lambda a: 1.5, "t is 1.5"),
        (("training", "stop"), lambda a: 0, "stop is 0; true or false is needed"),
        (OPTIMIZER, lambda a: [a[0][:-1]], "0 has shape"),
        (OPTIMIZER, lambda a: [a[0].astype(np.float64)], "the optimizer state of W"),
        (OPTIMIZER, lambda a: [*a, a[0]], "the optimizer state of W"),
        (OPTIMIZER, lambda a: [np.full_like(a[0], np.nan)], "0 has values that are not finite"),
        (("training", "optimizers"), lambda a: a[1:], "8 optimizer states for 9 parameters"),
        ((*RIGL, "layers", 0, "batches", 0, 0), lambda a: a[:, 1:], "a batch of W1 of"),
        ((*RIGL, "layers", 0, "batches", 0, 1), lambda a: a[1:], "a batch of W1 of"),
        ((*RIGL, "rng", "bit_generator"), lambda a: "os.system", "a random generator of 'os.system'"),
        ((*STOPPING, "kept", "buffers"), lambda a: a[1:], "a kept network that is not of this kind"),
        ((*STOPPING, "kept", "buffers", 1), lambda a: {"mean": a["mean"]}, "a kept network that is not of this kind"),
        ((*STOPPING, "kept", "buffers", 1, "mean"), lambda a: a * np.inf, "mean has values that are not finite"),
        ((*STOPPING, "kept", "values"), lambda a: a[::-1], "a kept network that is not of this kind"),
    ],
    ids=lambda value: "change" if callable(value) else str(value),
)  # fmt: skip
def test_nothing_from_which_a_run_goes_on_is_believed(run, data, tmp_path, place, change, message):
    original, _ = run
    tree, path = container.read(original), tmp_path / "run.npz"
    holder = tree
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = change(holder[place[-1]])
    container.write(path, tree)
    one, network = RUNS["RigL"], RUNS["RigL"].network()
    with pytest.raises(NervaError, match=message) as raised:
        one.train(network, data, [nv.EarlyStopping("test_loss")], resume=path)
    assert str(raised.value).startswith(str(path))
    assert all(parameter.states == [] for parameter in network.parameters())


def test_places_in_the_buffer_of_a_generator_are_checked():
    """NumPy would read beyond its end."""
    for kind, path in ((np.random.MT19937, ("state", "pos")), (np.random.Philox, ("buffer_pos",))):
        rng = np.random.Generator(kind(1))
        rng.random(3)
        tree = generator_tree(rng)
        np.testing.assert_array_equal(build_generator(tree).random(5), rng.random(5))
        for place in (-1, 10**6):
            bad = copy.deepcopy(tree)
            holder = bad if len(path) == 1 else bad[path[0]]
            holder[path[-1]] = place
            with pytest.raises(DataError, match="pos"):
                build_generator(bad)


def read_or_error(path):
    """What is in the file, or the text of the only kind of error that is allowed."""
    try:
        return nv.training.read_checkpoint(path)
    except DataError as error:
        return str(error)


def test_every_damage_is_an_error_or_changes_nothing(run, data, tmp_path):
    """Whatever happens to the bytes: an error that names the file, or the very network and run."""
    original, contents = run
    expected = [a.copy() for a in numbers(nv.load(original))]
    tree = container.read(original)["training"]
    path, rng, same = tmp_path / "damaged.npz", random.Random(1), 0
    for _ in range(FUZZ):
        path.write_bytes(damaged(contents, rng))
        found = read_or_error(path)
        if isinstance(found, str):
            assert found.startswith(str(path))
            continue
        same += 1
        for one, other in zip(numbers(found.network), expected, strict=True):
            assert one.tobytes() == other.tobytes()
        assert all(found.training[key] == tree[key] for key in ("epoch", "step_of_epoch", "t", "rng", "order", "seeds"))
    assert same < FUZZ / 10, "most places matter"


def test_every_forgery_is_an_error_or_harmless(run, data, tmp_path):
    """Whatever values somebody writes with the right checksum: an error, or a network that predicts and a run that goes on."""
    original, _ = run
    tree = container.read(original)
    path, rng, refused = tmp_path / "forged.npz", random.Random(2), 0
    before, seen = threads(1), set()
    try:
        for _ in range(max(FUZZ // 4, 50)):
            forged(tree, path, rng)
            try:
                checkpoint = nv.training.read_checkpoint(path)
                checkpoint.network.predict(np.zeros((3, checkpoint.network.sizes[0])))
                RUNS["RigL"].train(
                    RUNS["RigL"].network(),
                    data,
                    [nv.EarlyStopping("test_loss")],
                    resume=path,
                    epochs=2,
                    statistics=True,
                )
            except NervaError as error:
                refused += 1
                seen.add(type(error).__name__)
    finally:
        threads(before)
    assert refused > 20
    assert "DataError" in seen
