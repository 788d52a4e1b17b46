"""What is trained on each data set if the command line does not say otherwise: one row a data set."""

from __future__ import annotations

from dataclasses import dataclass

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TEXT = (
    "matplotlib",
    "numba",
    "numpy",
    "scipy",
    "sklearn",
    "sympy",
)  # as in nerva_py.data.text, whose import would take half a second


@dataclass(frozen=True)
class Defaults:
    """Hidden layers, density, initial weights, epochs, batch size, the first learning rate (divided by 10 after half and
    three quarters of the epochs), how far images are shifted by `--augment` and whether a mirror image is of the same
    class, names of the classes."""

    hidden: tuple[int, ...] = (256, 128)
    density: float = 0.2
    weights: str = "SparseHe"
    epochs: int = 20
    batch_size: int = 50
    learning_rate: float = 0.01
    pad: int = 4
    flip: bool = False
    classes: tuple[str, ...] = ()

    def __str__(self) -> str:
        hidden = ";".join(map(str, self.hidden))
        return (
            f"{hidden}, density {self.density:g}, {self.weights}, {self.epochs} epochs, batch {self.batch_size}, "
            f"rate {self.learning_rate:g}"
        )


DEFAULTS = {
    "digits": Defaults((256, 128), 0.1, "SparseHe", 20, 20, 0.02, pad=1),
    "mnist": Defaults((1024, 512), 0.1, "Xavier", 20, 100, 0.1, pad=2),
    "cifar10": Defaults((1024, 512), 0.05, "Xavier", 20, 100, 0.03, pad=4, flip=True, classes=CIFAR10),
    "checkerboard": Defaults((256, 256), 0.2, "SparseHe", 30, 100, 0.1),
    "text": Defaults((64,), 0.05, "SparseHe", 8, 50, 0.02, classes=TEXT),
    "mini": Defaults((64, 32), 0.2, "SparseHe", 20, 50, 0.02),
}
OTHER = Defaults()


def defaults_for(name: str) -> Defaults:
    """The row of a data set; another one for data that only the user knows."""
    return DEFAULTS.get(name, OTHER)
