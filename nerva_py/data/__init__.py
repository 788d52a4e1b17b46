"""Data sets, and the gathering of normalised mini-batches from them."""

from nerva_py.data.augmentation import CropFlip, Crops
from nerva_py.data.batches import gather, one_hot, targets
from nerva_py.data.cifar10 import load_cifar10
from nerva_py.data.dataset import Dataset, from_arrays
from nerva_py.data.generated import load_digits, make_checkerboard, make_mini
from nerva_py.data.mnist import load_mnist
from nerva_py.data.npz import load_npz, save_npz
from nerva_py.data.registry import DATASETS, load_dataset
from nerva_py.data.text import load_text

__all__ = [
    "DATASETS",
    "CropFlip",
    "Crops",
    "Dataset",
    "from_arrays",
    "gather",
    "load_cifar10",
    "load_dataset",
    "load_digits",
    "load_mnist",
    "load_npz",
    "load_text",
    "make_checkerboard",
    "make_mini",
    "one_hot",
    "save_npz",
    "targets",
]
