"""Weights as npz files: those of Nerva, and those in which a sparse layer is stored as it is.

Keys, l = 1, 2, ... the number of the linear layer: `Wl` (K, D) of a layer that is written dense; `Wl.shape`, `Wl.indptr`,
`Wl.indices` and `Wl.data` of one in CSR, of which neither writing nor reading makes a dense matrix; `bl` (K,); `sreluL` of a
trained SReLU. Of the m-th batch normalisation: `gammam`, `betam`, `meanm`, `variancem`. Vectors may be stored as rows or
columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import csr_array

from nerva_py.errors import DataError, NervaError
from nerva_py.files import reading, write_atomically
from nerva_py.network import MLP, BatchNormLayer, mlp
from nerva_py.sparse import DenseWeight, SparseWeight, Weight
from nerva_py.sparse.storage import stored

from .arguments import checked_network

CSR = ("shape", "indptr", "indices", "data")
Arrays = dict[str, np.ndarray]


def from_nerva(
    path: str | PathLike[str],
    layers: str | Sequence[str],
    *,
    drop_zeros: bool = True,
    dtype: DTypeLike = np.float32,
    backend: str = "numba",
) -> MLP:
    """The network whose weights are in the file: one of Nerva's, or of `to_nerva`.

    `layers`: "ReLU;ReLU;Linear" as in `mlp`, which no weight file tells; the sizes are those of the file. Of a layer that is
    stored as a dense array the nonzeros are the support, and one without any zero is dense; with `drop_zeros=False`, for
    files of `to_nerva(..., sparse=True)`, all of its positions are weights. Raises DataError and NervaError.
    """
    sizes = layer_sizes(path)
    with np.load(path, allow_pickle=False) as file:
        stored_dense = [f"W{number}" in file.files for number in range(1, len(sizes))]
    network = mlp(
        layers,
        sizes,
        # The file decides which weights exist: a layer that stands for a sparse one has none before.
        layer_densities=[float(dense and not drop_zeros) for dense in stored_dense],
        weights="Zero",
        dtype=dtype,
        backend=backend,
    )
    replace_weights(network, path, backend)
    return network


def to_nerva(network: MLP, path: str | PathLike[str], *, sparse: bool = False) -> None:
    """Write the weights as Nerva reads them: dense `Wl` (K, D) and `bl` (K,), l = 1, 2, ...

    A kept weight of value 0 cannot be told from an absent one in such a file, and needs K·D numbers a layer. With `sparse`
    a sparse layer is written as its support and values, and batch normalisation and trained activations are, too: a file
    for `from_nerva` and `--load-weights`, not for Nerva. The old file stays whole if writing fails. Raises NervaError for
    layers that a file of Nerva's has no place for, DataError if writing fails.
    """
    linear, plain = checked_network(network).linear_layers, list(_plain(network))
    if not sparse and len(plain) > len(linear):
        raise NervaError(
            f"Nerva's files hold weights and biases only, not all of {network!r}; with sparse=True the file is one of ours, "
            "which holds everything, as do those of save"
        )
    arrays = {key: getattr(owner, attribute)[0] for key, owner, attribute in plain}
    for number, layer in enumerate(linear, 1):
        W = layer.W.value
        arrays |= _csr_arrays(f"W{number}", W) if sparse and not W.full else {f"W{number}": W.toarray()}
    write_atomically(Path(path), lambda file: np.savez(file, **arrays))


def replace_weights(network: MLP, path: str | PathLike[str], backend: str = "numba") -> None:
    """Replace the network's parameters by those in the file, converted to its element type.

    The file decides which weights of a sparse layer exist; if it holds such a layer as a dense array, the nonzeros do.
    Everything is checked before anything is changed. Raises DataError, which names the file.
    """
    path = Path(path)
    with reading(path):
        arrays = _read(path)
        weights: list[Weight] = []
        for number, layer in enumerate(checked_network(network).linear_layers, 1):
            weights.append(_weight(arrays, f"W{number}", layer.W.value, backend))
        plain = [(owner, attribute, _like(arrays, key, getattr(owner, attribute)))
                 for key, owner, attribute in _plain(network)]  # fmt: skip
        if arrays:
            raise DataError(f"has {', '.join(sorted(arrays))}, for which the network has no place: {network!r}")
        for layer, W in zip(network.linear_layers, weights, strict=True):
            layer.W.value = W
        for owner, attribute, value in plain:
            setattr(owner, attribute, value)


def layer_sizes(path: str | PathLike[str]) -> list[int]:
    """The sizes of the layers whose weights are in the file: inputs, hidden layers, outputs. Raises DataError."""
    path = Path(path)
    with reading(path):
        arrays = _read(path)
        shapes: list[tuple[int, ...]] = []
        while f"W{len(shapes) + 1}" in arrays or f"W{len(shapes) + 1}.shape" in arrays:
            key = f"W{len(shapes) + 1}"
            shape = arrays[key].shape if key in arrays else tuple(arrays[f"{key}.shape"].tolist())
            if len(shape) != 2 or (shapes and shape[1] != shapes[-1][0]):
                raise DataError(f"{key} has shape {shape}; a (K, D) that fits to the layers before is needed: {shapes}")
            shapes.append(shape)
        if not shapes:
            raise DataError(f"has no W1 or W1.shape; its keys are {', '.join(arrays) or 'none'}")
        return [int(shapes[0][1]), *(int(K) for K, _ in shapes)]
    raise AssertionError  # `reading` ends in a result or an error


def _plain(network: MLP) -> Iterator[tuple[str, Any, str]]:
    """(key, owner, attribute) of every array (1, K) beside the weight matrices."""
    batch_norms = (layer for layer in network.layers if isinstance(layer, BatchNormLayer))
    for number, layer in enumerate(network.linear_layers, 1):
        yield f"b{number}", layer.b, "value"
        for parameter in layer.output.parameters:
            yield f"{parameter.name}{number}", parameter, "value"
    for number, norm in enumerate(batch_norms, 1):
        yield f"gamma{number}", norm.gamma, "value"
        yield f"beta{number}", norm.beta, "value"
        yield f"mean{number}", norm, "mean"
        yield f"variance{number}", norm, "variance"


def _csr_arrays(key: str, W: Weight) -> Arrays:
    return {
        f"{key}.shape": np.array(W.shape), f"{key}.indptr": W.support.indptr,
        f"{key}.indices": W.support.indices, f"{key}.data": W.data,
    }  # fmt: skip


def _read(path: Path) -> Arrays:
    """All arrays of the file. Pickled objects are refused."""
    try:
        with path.open("rb") as file:  # opened here, because np.load leaves the file open when it finds no zip archive
            npz = np.load(file, allow_pickle=False)
            if not hasattr(npz, "files"):
                raise DataError("a single array; an npz file with W1, b1, ... is needed")
            return {key: npz[key] for key in npz.files}
    except DataError:
        raise
    except (ValueError, RuntimeError, MemoryError) as error:  # no zip archive or an odd one, a bad header, or objects
        raise DataError(f"not an npz file of numeric arrays ({error})") from None


def _weight(arrays: Arrays, key: str, W: Weight, backend: str) -> Weight:
    """The weight matrix that takes the place of W; its arrays are taken out of `arrays`."""
    if key in arrays:
        array = _like(arrays, key, np.broadcast_to(W.dtype.type(0), W.shape))
        return DenseWeight(array, backend) if W.full else _stored(csr_array(array), backend)
    missing = [f"{key}.{part}" for part in CSR if f"{key}.{part}" not in arrays]
    if missing:
        raise DataError(f"has no {key} and no {', '.join(missing)}; its keys are {', '.join(arrays) or 'none left'}")
    shape, indptr, indices = (_integers(arrays, f"{key}.{part}") for part in CSR[:3])
    data = _floats(arrays, f"{key}.data", W.dtype)
    K, D = W.shape
    if tuple(shape.tolist()) != (K, D):
        raise DataError(f"{key}.shape is {shape.tolist()}; the network has {(K, D)}")
    if indptr.shape != (K + 1,) or indptr[0] != 0 or (np.diff(indptr) < 0).any() or indptr[-1] != indices.size:
        raise DataError(f"{key}.indptr: {K + 1} numbers that rise from 0 to the number of indices are needed")
    if data.shape != indices.shape:
        raise DataError(f"{key}.data has {data.size} values for {indices.size} indices")
    if indices.size and not 0 <= indices.min() <= indices.max() < D:
        raise DataError(f"{key}.indices: {indices.min()} to {indices.max()}; 0 to {D - 1} are allowed")
    return _stored(csr_array((data, indices, indptr), shape=(K, D)), backend)


def _stored(matrix: csr_array, backend: str) -> Weight:
    """In CSR or, if every position is there, as a dense array."""
    try:
        W = SparseWeight.from_scipy(matrix, matrix.dtype, backend)
        return stored(W.support, W.data, backend)
    except NervaError as error:
        raise DataError(str(error)) from None


def _like(arrays: Arrays, key: str, old: np.ndarray) -> np.ndarray:
    """The array under the key, in the shape and type of the old one; a vector may be stored as row or column."""
    if key not in arrays:
        raise DataError(f"has no {key}; its other keys are {', '.join(arrays) or 'none'}")
    array = _floats(arrays, key, old.dtype)
    if array.shape != old.shape and not (1 in old.shape and array.size == old.size and array.ndim in (1, 2)):
        raise DataError(f"{key} has shape {array.shape}; the network has {old.shape}")
    return np.require(array.reshape(old.shape), requirements=("C", "W", "O"))


def _floats(arrays: Arrays, key: str, dtype: np.dtype) -> np.ndarray:
    array = arrays.pop(key)
    if array.dtype.kind not in "fiu":
        raise DataError(f"{key} has dtype {array.dtype}; real numbers are needed")
    with np.errstate(over="ignore"):
        array = array.astype(dtype)
    if not np.isfinite(array).all():
        raise DataError(f"{key} has values that are not finite in {dtype}")
    return array


def _integers(arrays: Arrays, key: str) -> np.ndarray:
    array = arrays.pop(key)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise DataError(f"{key} has shape {array.shape}, dtype {array.dtype}; a vector of integers is needed")
    return array.astype(np.int64)
