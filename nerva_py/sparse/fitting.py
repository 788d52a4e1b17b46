"""Whether matrices fit a weight: kind, shape and element type. What does not is refused before a kernel sees it."""

from __future__ import annotations

from typing import Any

import numpy as np

from nerva_py.errors import ShapeError


def check_product(X: Any, columns: int, W: Any, what: str, kind: type = np.ndarray) -> None:
    """Refuse a matrix that does not fit W: wrong kind, number of columns, or element type."""
    right = isinstance(X, kind)
    if not right or len(X.shape) != 2 or X.shape[1] != columns:
        given = f"shape {X.shape}" if right else f"type {type(X).__name__}"
        raise ShapeError(f"{what}: expected a matrix with {columns} columns for W {W.shape}, got {given}")
    if X.dtype != W.dtype:
        raise ShapeError(f"{what}: element types differ, {X.dtype} and {W.dtype} (W); convert one of them with astype")


def check_linear(X: Any, W: Any, b: np.ndarray, kind: type = np.ndarray) -> None:
    """Refuse X that does not fit W, and a bias that is not a row (1, K) of W's element type."""
    check_product(X, W.shape[1], W, "X @ W.T", kind)
    if b.shape != (1, W.shape[0]) or b.dtype != W.dtype:
        raise ShapeError(f"b must be {W.dtype} of shape {(1, W.shape[0])} for W {W.shape}, not {b.dtype} {b.shape}")


def check_factors(A: Any, B: Any, W: Any, kind: type = np.ndarray) -> None:
    """Refuse factors whose product does not have the shape of W."""
    check_product(A.T, W.shape[0], W, "product_on, the transpose of A")
    check_product(B, W.shape[1], W, "product_on, B", kind)
    if A.shape[1] != B.shape[0]:
        raise ShapeError(f"product_on: A {A.shape} and B {B.shape} do not fit together")
