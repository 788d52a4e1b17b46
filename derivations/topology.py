r"""# Changing the topology

When a network changes which positions of $W$ have a weight, nothing is computed: numbers are moved. Where they are moved to is decided by
kernels on integers: which positions are free, where one is stored, how the kept positions and the new ones become one sorted set, which
positions have ever had a weight, and where $|G| = |\mathrm{D}Z^\top X|$ is largest. There is nothing here to be differentiated, so the claims
are of another kind: the loop that is compiled, `kernel.py_func`, is run on **every** small case, and compared with the definition
in sets of pairs $(k, d)$. A position of a small grid is stored or not, chosen or not, inserted or not; all combinations are tried, each with one of
several ways to cut the rows into parts, empty parts included.

What carries numbers runs on symbols: `merge` followed by `move` is

$$W'_{kd} = W_{kd} \text{ where it is kept}, \quad F_{kd} \text{ where it is inserted}, \quad 0 \text{ elsewhere.}$$

`largest_products` computes $|G|$ in blocks, forgets all but some candidates, and promises that the largest are among them. It runs on matrices
of small integers, so that products are exact and ties abound, with constants so small that candidates are thrown away many times; the
definition is a sort of the whole dense $G$. That is no proof for every matrix, as the other chapters have, but a comparison on many.

The mutation tool changes the kernels on positions and on bits, and of the search for the largest what collects candidates and throws them away
(`scan`, `keep_largest`). It leaves out `kth_largest`, where most slips never end, and `search`, which hands blocks to BLAS: of these two it is
not known whether the claims would reject every slip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import product
from typing import Any
from unittest import mock

import numpy as np

from derivations.book import KERNEL, NotProved, claim
from derivations.kernels import garbage, loop, symbols, writes
from nerva_py.sparse.kernels import bits, largest, positions

Position = tuple[int, int]

# Two rows cut into parts. Five ways, so that which one is used does not go with any position's kind.
PARTS = [np.array(cuts) for cuts in ([0, 2], [0, 1, 2], [0, 0, 1, 2], [0, 0, 2], [0, 2, 2])]


def divisions(D: int, kinds: int) -> Iterator[tuple[list[list[Position]], np.ndarray]]:
    """Every way to give each position of a 2×D grid one of so many kinds: the positions of each kind; and parts."""
    grid = list(np.ndindex(2, D))
    for n, of in enumerate(product(range(kinds), repeat=len(grid))):
        yield [[x for x, kind in zip(grid, of, strict=True) if kind == one] for one in range(kinds)], PARTS[n % 5]


def csr(chosen: Iterable[Position], K: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """indptr and indices of a set of positions."""
    chosen = sorted(chosen)
    indptr = [sum(k < row for k, _ in chosen) for row in range(K + 1)]
    return np.array(indptr), np.array([d for _, d in chosen], int)


def confirm(name: str, computed: Any, expected: Any, case: object) -> None:
    """Two vectors of integers are the same."""
    if list(computed) != list(expected):
        raise NotProved(f"{name}: should be {list(expected)}, is {list(computed)}; {case}")


# ------------------------------------------------------------------------------------------------------------- positions


@claim("free_columns: rank r is the (r + 1)-th position that is not stored", KERNEL, "all choices in all sets, 2×4")
def test_free_columns() -> None:
    for (stored, chosen, others), parts in divisions(4, 3):
        free = sorted(chosen + others)
        indptr, columns = csr(chosen)
        computed = np.full(len(chosen), -7)
        ranks = np.array([free.index(x) for x in chosen], int)
        positions.free_columns.py_func(parts, *csr(stored), 4, indptr, ranks, computed)
        confirm("columns", computed, columns, (stored, chosen, parts))


@claim("block_bounds: where each row enters each block of columns", KERNEL, "all sets, 2×4, blocks of 1 to 4 columns")
def test_block_bounds() -> None:
    for (_, stored), _ in divisions(4, 2):
        indptr, columns = csr(stored)
        for width in (1, 2, 3, 4):
            blocks = -(-4 // width)
            computed = np.full((blocks + 1, indptr.size - 1), -7)
            positions.block_bounds.py_func(indptr, columns, width, computed)
            rows = [columns[indptr[k] : indptr[k + 1]] for k in range(indptr.size - 1)]
            expected = [
                [indptr[k] + int((row < b * width).sum()) for k, row in enumerate(rows)] for b in range(blocks + 1)
            ]
            confirm("bounds", computed.tolist(), expected, (stored, width))


@claim("find: the place at which a position is stored, −1 if it is not", KERNEL, "all pairs of sets, 2×3")
def test_find() -> None:
    for (_, stored, wanted, both), parts in divisions(3, 4):
        inside, outside = sorted(stored + both), sorted(wanted + both)
        places = np.full(len(outside), -7)
        positions.find.py_func(parts, *csr(inside), *csr(outside), places)
        confirm("places", places, [inside.index(x) if x in inside else -1 for x in outside], (inside, outside, parts))


@claim("merge: the union, sorted, and the source of each place; a position that is both kept and inserted is reported",
       KERNEL, "all pairs of sets, 2×3")  # fmt: skip
def test_merge() -> None:
    """The conflict that a part reports is one of its own rows; then the rest is not used."""
    for (_, kept, inserted, both), parts in divisions(3, 4):
        survivors, new = sorted(kept + both), sorted(inserted + both)
        places = 10 + 3 * np.arange(len(survivors))
        indices, source, conflicts = merged(survivors, places, new, parts)
        for part, conflict in enumerate(conflicts):
            possible = {places[survivors.index(x)] for x in both if parts[part] <= x[0] < parts[part + 1]} or {-1}
            if conflict not in possible:
                raise NotProved(f"part {part}: {conflict} is reported, not one of {possible}; {survivors}, {new}")
        if not both:
            union = sorted(survivors + new)
            expected = [places[survivors.index(x)] if x in survivors else -1 - new.index(x) for x in union]
            confirm("indices", indices, csr(union)[1], (survivors, new, parts))
            confirm("source", source, expected, (survivors, new, parts))


def merged(survivors: list[Position], places: np.ndarray, new: list[Position], parts: np.ndarray) -> list[np.ndarray]:
    """indices, source and conflicts of the two sets."""
    (kept_indptr, kept), (inserted_indptr, inserted) = csr(survivors), csr(new)
    outputs = [np.full(n, -7) for n in (kept.size + inserted.size, kept.size + inserted.size, parts.size - 1)]
    indptr = kept_indptr + inserted_indptr
    positions.merge.py_func(parts, kept_indptr, places, kept, inserted_indptr, inserted, indptr, *outputs)
    return outputs


@claim("transpose: column by column the rows, rising, and the place of each", KERNEL, "all sets, 2×4 and 4×2")
def test_transpose() -> None:
    for K, D in ((2, 4), (4, 2)):
        grid = list(np.ndindex(K, D))
        for chosen in product((False, True), repeat=len(grid)):
            stored = [x for x, is_stored in zip(grid, chosen, strict=True) if is_stored]
            by_column = sorted(stored, key=lambda x: x[::-1])
            first = np.array([sum(d < column for _, d in stored) for column in range(D)])
            ends = np.array([sum(d <= column for _, d in stored) for column in range(D)])
            rows, perm = np.full(len(stored), -7), np.full(len(stored), -7)
            positions.transpose.py_func(*csr(stored, K), first, rows, perm)
            confirm("rows", rows, [k for k, _ in by_column], stored)
            confirm("places", perm, [stored.index(x) for x in by_column], stored)
            confirm("ends", first, ends, stored)


@claim("move after merge: W′ is W where it is kept, F where it is inserted, 0 elsewhere", KERNEL, "all changes, 2×3")
def test_move() -> None:
    """A position is dropped, kept, inserted where it was free, or dropped and inserted again, with a number that is new."""
    W, F = symbols("w", 2, 3), symbols("f", 2, 3)
    for (dropped, kept, new, again), parts in divisions(3, 4):
        stored, new = sorted(dropped + kept + again), sorted(new + again)
        old, fresh = (np.array([matrix[x] for x in chosen], object) for matrix, chosen in ((W, stored), (F, new)))
        places = np.array([stored.index(x) for x in kept], int)
        _, source, _ = merged(kept, places, new, parts)
        numbers = np.full(source.size, -7)
        positions.move.py_func(source, 100 + np.arange(old.size), 200 + np.arange(fresh.size), numbers)
        confirm("numbers", numbers, [100 + s if s >= 0 else 199 - s for s in source], (stored, kept, new))
        moved = garbage(source.size)
        positions.move.py_func(source, old, fresh, moved)
        confirm("W′", moved, [W[x] if x in kept else F[x] for x in sorted(kept + new)], (stored, kept, new))


# ------------------------------------------------------------------------------------------------------------------ bits


def bitset(chosen: Iterable[Position], D: int) -> np.ndarray:
    """Bit d of row k is set at these positions."""
    mask = np.zeros((2, D), np.uint8)
    for x in chosen:
        mask[x] = 1
    return np.packbits(mask, axis=1, bitorder="little")


def spread(chosen: Iterable[Position], columns: tuple[int, ...]) -> list[Position]:
    """The same positions in columns that lie in several bytes."""
    return [(k, columns[d]) for k, d in chosen]


@claim("mark: the union in bits, and how many of each row are new", KERNEL, "all pairs of sets, 2×3 in two bytes")
def test_mark() -> None:
    for kinds, parts in divisions(3, 4):
        _, before, added, both = (spread(kind, (1, 7, 8)) for kind in kinds)
        found, new = bitset(before + both, 10), np.full(2, -7)
        bits.mark.py_func(parts, *csr(added + both), found, new)
        confirm("bits", found.ravel(), bitset(before + added + both, 10).ravel(), (before, added, both))
        confirm("new", new, [sum(k == row for k, _ in added) for row in range(2)], (before, added, both))


@claim(
    "unset_columns: rank r is the (r + 1)-th unset bit of its row", KERNEL, "all choices in all sets, 2×4 in two bytes"
)
def test_unset_columns() -> None:
    """The other bits of a row are set or not in turn."""
    columns, D = (1, 6, 8, 11), 12
    around = [(k, d) for k, d in np.ndindex(2, D) if d not in columns]
    for n, (kinds, _) in enumerate(divisions(4, 3)):
        stored, chosen, others = (spread(kind, columns) for kind in kinds)
        more = around[n % 3 :: 1 + n % 2]
        free = sorted(chosen + others + [x for x in around if x not in more])
        indptr, expected = csr(chosen)
        ranks = np.array([[y for y in free if y[0] == x[0]].index(x) for x in chosen], int)
        computed = np.full(len(chosen), -7)
        bits.unset_columns.py_func(bitset(stored + more, D), D, indptr, ranks, computed)
        confirm("columns", computed, expected, (stored, chosen, more))


# --------------------------------------------------------------------------------------------------------------- largest


class Counted(np.ndarray):
    """A histogram that may be cleared so many times: the digits of a key come to an end."""

    left = 0

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, slice):
            self.left -= 1
            if self.left < 0:
                raise NotProved("kth_largest looks at more digits than there are")
        super().__setitem__(key, value)


def histogram(digits: int) -> Any:
    """Workspace for keys of so many digits."""
    array = np.full(1 << largest.DIGIT, 7).view(Counted)
    array.left = digits
    return array


SMALL = partial(mock.patch.multiple, largest, CHUNK=2, DIGIT=2, STRETCH=3)


@claim("kth_largest: the k-th of the keys in falling order", KERNEL, "all k; all three keys of 3 bits; nine of 31 bits")
def test_kth_largest() -> None:
    """Behind the n keys there are others, which do not count."""
    rng = np.random.default_rng(0)
    few = ((3, np.array([*keys, 7, 7], np.int32)) for keys in product(range(8), repeat=3))
    many = ((31, rng.integers(0, 2**31, 11, np.int32) & ~rng.integers(0, 2**31, dtype=np.int32)) for _ in range(5))
    with SMALL():
        for width, keys in (*few, *many):
            n = keys.size - 2
            for k in range(1, n + 1):
                found = largest.kth_largest(keys, n, k, width, histogram(-(-width // 2)))
                confirm("key", [found], [sorted(keys[:n], reverse=True)[k - 1]], (keys, k))


@claim(
    "keep_largest: the k largest in their order, of equal ones the first, and the k-th",
    KERNEL,
    "all k, all four keys < 4",
)
def test_keep_largest() -> None:
    with SMALL():
        for given in product(range(4), repeat=4):
            for k in range(1, 5):
                keys, rows, columns = np.array([*given, 3], np.int32), 10 + np.arange(5), 20 + np.arange(5)
                best = sorted(range(4), key=lambda i: -given[i])[:k]
                threshold = largest.keep_largest(keys, rows, columns, 4, k, 3, histogram(2))
                confirm("keys", keys[:k], [given[i] for i in sorted(best)], (given, k))
                confirm("rows", rows[:k], [10 + i for i in sorted(best)], (given, k))
                confirm("columns", columns[:k], [20 + i for i in sorted(best)], (given, k))
                confirm("threshold", [threshold], [given[best[-1]]], (given, k))


@claim("scan: appends what is above the threshold and not marked", KERNEL, "all five keys ≤ 3, of which 3 is the mark")
def test_scan() -> None:
    """A key has a sign bit, which does not count."""
    with SMALL():
        for n, given in enumerate(product(range(4), repeat=5)):
            keys = np.array([*given, 2, 2], np.int8)
            keys[n % 5] |= ~3  # all bits but the two of the mark
            found, rows, columns = np.full((3, 7), -7)
            threshold = n % 4 - 1
            count = largest.scan(keys, 30, 5, 9, threshold, np.int8(3), 1, found, rows, columns)
            wanted = [i for i in range(5) if threshold < given[i] < 3]
            confirm("keys", found[:count], [-7, *(given[i] for i in wanted)], (keys, threshold))
            confirm("rows", rows[:count], [-7, *(9 for _ in wanted)], (keys, threshold))
            confirm("columns", columns[:count], [-7, *(30 + i for i in wanted)], (keys, threshold))


def bits_of(x: Any, dtype: Any = np.float32) -> np.ndarray:
    """Numbers as integers of their bits."""
    return np.asarray(x, dtype).view(f"i{np.dtype(dtype).itemsize}")


def problem(seed: int, dtype: Any = np.float32) -> dict[str, Any]:
    """DY and X of small integers, a support of which a row is empty and a row is full, and some of the rows."""
    rng = np.random.default_rng(seed)
    N, K, D = 1 + seed % 3, 6, 5 + seed % 4
    DY, X = (rng.integers(-2, 3, (size, N)).astype(dtype).T for size in (K, D))
    stored = [(k, d) for k, d in np.ndindex(K, D) if k == 4 or (k != 1 and rng.random() < 0.3)]
    rows = np.flatnonzero(rng.random(K) < 0.9) if seed % 2 else np.arange(K)
    return {"DY": DY, "X": X, "stored": stored, "rows": rows, "count": 1 + int(rng.integers(4)), "block": 1 + seed % 2}


def largest_arguments(
    DY: Any, X: Any, stored: Any, rows: Any, count: int, block: int, parts: int, at_least: int
) -> Any:
    """As `gradient_growth` calls it; the outputs and the workspace, the last eight, hold garbage."""
    (N, K), D, dtype = DY.shape, X.shape[1], X.dtype
    G = np.full((parts, block * D), 9e9, dtype)
    capacity = 2 * count + 2 * largest.STRETCH
    found, found_rows, found_columns = (np.full((parts, capacity), -7, t).T for t in (f"i{dtype.itemsize}", int, int))
    packed, histograms = np.full((parts, N * block), 9e9, dtype).T, np.full((parts, 1 << largest.DIGIT), -7).T
    return (
        0, rows, *csr(stored, K), DY, X, count, block, at_least,
        packed, G.T, G.view(f"i{dtype.itemsize}").T, found, found_rows, found_columns, np.full(parts, -7), histograms,
    )  # fmt: skip


@claim("largest_products: the largest |G| outside the support are among its candidates; {case}", KERNEL, "6×5 to 6×8, 60 cases",
       cases=("float32", "float64"))  # fmt: skip
def test_largest_products(dtype: str) -> None:
    """All candidates are free, above the threshold, and come with the bits of their |G|; none comes twice."""
    with SMALL(), np.errstate(over="ignore"):  # of int64, in 2⁶³ − 1
        for seed in range(20):
            case = problem(seed, dtype)
            G = np.abs(case["DY"].T @ case["X"])
            for parts, least in ((1, None), (2, seed % 4 / 2), (3, None)):
                at_least = -1 if least is None else int(bits_of(least, dtype))
                arguments = largest_arguments(**case, parts=parts, at_least=at_least)
                largest.largest_products.py_func(*arguments)
                *_, keys, rows, columns, counts, _ = arguments
                found = {
                    (int(rows[i, p]), int(columns[i, p])): int(keys[i, p])
                    for p in range(parts)
                    for i in range(counts[p])
                }
                eligible = {
                    (k, d): int(bits_of(G[k, d], dtype))
                    for k in case["rows"].tolist()
                    for d in range(G.shape[1])
                    if (k, d) not in case["stored"] and (least is None or G[k, d] > least)
                }
                if len(found) != counts.sum() or not found.items() <= eligible.items():
                    raise NotProved(f"{seed}: {found} is not a part of {eligible}")
                first = [sorted(some, key=lambda x: (-some[x], x))[: case["count"]] for some in (found, eligible)]
                confirm("the largest", *first, (seed, parts, least))


# ----------------------------------------------------------------------------------------------------------- parallelism


STORED, OTHER, THREE = [(0, 1), (0, 3), (2, 0), (2, 2)], [(0, 0), (1, 1), (1, 3), (2, 3)], np.array([0, 1, 2, 3])


def merge_arguments() -> tuple[Any, ...]:
    (kept_indptr, kept), (inserted_indptr, inserted) = csr(STORED, 3), csr(OTHER, 3)
    outputs = garbage(8), garbage(8), garbage(3)
    return THREE, kept_indptr, np.arange(4), kept, inserted_indptr, inserted, kept_indptr + inserted_indptr, *outputs


def free_arguments() -> tuple[Any, ...]:
    return THREE, *csr(STORED, 3), 4, np.array([0, 2, 5, 6]), np.array([0, 1, 3, 4, 5, 7]), garbage(6)


# A kernel, its arguments, how many of the last of them it writes to, and how many of these are not workspace.
LOOPS: dict[str, tuple[Any, Callable[[], tuple[Any, ...]], int, slice]] = {
    "free_columns": (positions.free_columns, free_arguments, 1, slice(None)),
    "block_bounds": (positions.block_bounds, lambda: (*csr(STORED, 3), 2, garbage(3, 3)), 1, slice(None)),
    "find": (positions.find, lambda: (THREE, *csr(STORED, 3), *csr(OTHER, 3), garbage(4)), 1, slice(None)),
    "merge": (positions.merge, merge_arguments, 3, slice(None)),
    "move": (positions.move, lambda: (np.array([1, -1, 0, -2]), *symbols("w", 2, 2), garbage(4)), 1, slice(None)),
    "mark": (bits.mark, lambda: (THREE, *csr(STORED, 3), np.zeros((3, 1), np.uint8), garbage(3)), 2, slice(1, None)),
    "unset_columns": (
        bits.unset_columns,
        lambda: (bitset([(0, 1), (1, 0)], 4), 4, np.array([0, 2, 3]), np.array([0, 2, 1]), garbage(3)),
        1,
        slice(None),
    ),
    "largest_products": (
        largest.largest_products,
        lambda: largest_arguments(**problem(2), parts=3, at_least=-1),
        8,
        slice(6, 7),
    ),
}


@claim("No two iterations of a parallel loop write one element: {case}", KERNEL, "3 rows or parts", cases=LOOPS)
def test_parallel_writes(name: str) -> None:
    """What is no workspace and no set that grows is written completely."""
    kernel, arguments, outputs, complete = LOOPS[name]
    with SMALL():
        writers = writes(lambda prange: loop(kernel, prange=prange), arguments, outputs)
    if any((w > 1).any() for w in writers) or any((w != 1).any() for w in writers[complete]):
        raise NotProved(f"{name}: the elements are written by so many iterations: {[w.tolist() for w in writers]}")
