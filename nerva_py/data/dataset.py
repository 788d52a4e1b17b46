"""A data set: training and test samples in rows, their targets, and the normalisation that the former define."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array, issparse

from nerva_py.data.checks import Samples, as_samples, as_targets, check_samples, check_targets
from nerva_py.data.normalization import Normalization, scale_and_shift_of
from nerva_py.errors import DataError


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples u in rows, of which x = u · scale + shift is the normalised form that a network sees.

    Xtrain, Xtest: (M, D) of uint8, float32 or float64, C-contiguous; the test set may be empty. Or both a `csr_array` of
    float32 or float64: samples of which only the nonzeros are stored, and batches of them too; shift is 0. Arrays are only
    read, so they may be read-only.
    Ttrain, Ttest: (M,) of int64, class labels in 0..num_classes-1; or, for a regression, where num_classes is None,
    (M, K) of float32 or float64.
    scale, shift: (D,) of float64.
    image_shape: (channels, height, width) if a row is an image, channel after channel and line after line.

    Everything is checked; raises DataError. `from_arrays` makes a data set from less.
    """

    name: str
    Xtrain: Samples
    Ttrain: np.ndarray
    Xtest: Samples
    Ttest: np.ndarray
    num_classes: int | None
    scale: np.ndarray
    shift: np.ndarray
    image_shape: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        if self.num_classes is not None and self.num_classes < 1:
            raise DataError(f"num_classes: {self.num_classes}; 1 and more, or None for a regression, are allowed")
        check_samples("Xtrain", self.Xtrain)
        M, D = self.Xtrain.shape
        if M == 0 or D == 0:
            raise DataError(f"Xtrain: shape {self.Xtrain.shape}; at least one sample of at least one feature is needed")
        if self.sparse != issparse(self.Xtest):
            kinds = {True: "sparse", False: "dense"}
            raise DataError(
                f"Xtest: {kinds[not self.sparse]}, but Xtrain is {kinds[self.sparse]}; both or neither are allowed"
            )
        check_samples("Xtest", self.Xtest)
        check_targets("Ttrain", self.Ttrain, self.num_classes)
        check_targets("Ttest", self.Ttest, self.num_classes)
        if self.Xtest.shape[1] != D:
            raise DataError(f"Xtest: shape {self.Xtest.shape}; Xtrain has {D} features, so (M, {D}) is allowed")
        if self.Ttest.shape[1:] != self.Ttrain.shape[1:]:
            raise DataError(f"Ttest: shape {self.Ttest.shape}; Ttrain has shape {self.Ttrain.shape}")
        if len(self.Ttrain) != M:
            raise DataError(f"Ttrain: {len(self.Ttrain)} targets; Xtrain has {M} samples")
        if len(self.Ttest) != self.Xtest.shape[0]:
            raise DataError(f"Ttest: {len(self.Ttest)} targets; Xtest has {self.Xtest.shape[0]} samples")
        for name, vector in (("scale", self.scale), ("shift", self.shift)):
            if vector.shape != (D,) or vector.dtype != np.float64 or not np.isfinite(vector).all():
                got = f"shape {vector.shape}, dtype {vector.dtype}"
                raise DataError(f"{name}: {got}; ({D},) of finite float64 is allowed")
        if self.sparse and self.shift.any():
            raise DataError("shift: not 0 everywhere; sparse samples can be scaled only, a shift would make them dense")
        shape = self.image_shape
        if shape is not None and (len(shape) != 3 or min(shape) < 1 or math.prod(shape) != D):
            raise DataError(f"image_shape: {shape}; (channels, height, width) with a product of {D} is allowed")

    def normalized(self, normalization: Normalization) -> Dataset:
        """The same samples, normalised as `from_arrays` does with this `normalization`. Raises NervaError, DataError."""
        channels = 1 if self.image_shape is None else self.image_shape[0]
        scale, shift = scale_and_shift_of(self.Xtrain, channels, normalization)
        return replace(self, scale=scale, shift=shift)

    @property
    def sparse(self) -> bool:
        """Whether only the nonzeros of the samples are stored."""
        return issparse(self.Xtrain)

    @property
    def num_features(self) -> int:
        """D, the width of the network's input."""
        return self.Xtrain.shape[1]

    @property
    def num_outputs(self) -> int:
        """K, the width of the network's output: the number of classes, or of regression targets."""
        return self.Ttrain.shape[1] if self.num_classes is None else self.num_classes

    @property
    def augmentable(self) -> bool:
        """Whether the samples are images of bytes, which a batch can crop and mirror while it gathers them."""
        return self.image_shape is not None and self.Xtrain.dtype == np.uint8

    def describe(self) -> str:
        """One line: how many samples, of what kind, and what is to be learnt."""
        shape = "" if self.image_shape is None else f" ({'×'.join(map(str, self.image_shape))})"
        target = f"{self.num_outputs} targets" if self.num_classes is None else f"{self.num_classes} classes"
        stored = ""
        if isinstance(self.Xtrain, csr_array):
            stored = f", {self.Xtrain.nnz / math.prod(self.Xtrain.shape):.3g} of them stored"
        return (
            f"{self.name}: {len(self.Ttrain):,} training and {len(self.Ttest):,} test samples, "
            f"{self.num_features:,} {self.Xtrain.dtype} features{shape}{stored}, {target}"
        )


def from_arrays(
    Xtrain: ArrayLike | csr_array,
    Ttrain: ArrayLike,
    Xtest: ArrayLike | csr_array | None = None,
    Ttest: ArrayLike | None = None,
    *,
    name: str = "arrays",
    num_classes: int | None = None,
    image_shape: tuple[int, int, int] | None = None,
    normalization: Normalization | None = None,
) -> Dataset:
    """The data set of these arrays; arrays that have the right type and layout already are not copied.

    X is (M, D): uint8, float32 and float64 are kept, other numbers become float32. Targets that are integers are class
    labels (of `num_classes` classes, or of as many as the largest training label tells); floating-point numbers, (M,)
    or (M, K), are a regression. `normalization` is "feature" (mean 0 and variance 1 of each feature), "channel" (of
    each channel of an image, or of all features together) or "none"; bytes default to "channel", floating-point values
    to "none". Only the training samples define it.

    X may be a SciPy sparse matrix of any format, which is kept as a `csr_array`: batches of it are sparse, too. It is never
    centred, because that would make it dense: "feature" and "channel" divide by the standard deviation only, as
    scikit-learn's StandardScaler(with_mean=False) does. Raises DataError.
    """
    if (Xtest is None) != (Ttest is None):
        missing = "Xtest" if Xtest is None else "Ttest"
        raise DataError(f"{missing}: None; a test set is both Xtest and Ttest, or neither")
    X, T = as_samples("Xtrain", Xtrain), as_targets("Ttrain", Ttrain)
    X_test = X[:0].copy() if Xtest is None else as_samples("Xtest", Xtest)
    T_test = T[:0].copy() if Ttest is None else as_targets("Ttest", Ttest)
    if num_classes is None and T.dtype == np.int64 and T.size:
        num_classes = max(1, int(T.max()) + 1)
        if T.min() > 0:
            warnings.warn(
                f"Ttrain has labels from {T.min()} to {T.max()}, and none is 0: that is a class without samples. Take "
                f"Ttrain - {T.min()}, or num_classes={num_classes} if it is meant",
                stacklevel=2,
            )
    D = X.shape[-1]
    # Checked before the statistics are computed, so that these see finite values of the right shape.
    unscaled = Dataset(name, X, T, X_test, T_test, num_classes, np.ones(D), np.zeros(D), image_shape)
    return unscaled.normalized(normalization or ("channel" if X.dtype == np.uint8 else "none"))
