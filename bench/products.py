"""GFLOP/s of the three products of a sparse layer.

    python bench/products.py [--threads 2] [--short] [--json FILE] [--plot FILE]

Y = X Wᵀ, DX = DY W and DW = DYᵀ X on the support of W, float32, W (K, D) with a uniformly random support, N samples;
each takes 2·N·nnz operations, and GFLOP/s counts these alone, also of those who compute more. The contenders:

- nerva_py: the products as layers call them, inside `workspace()`, all of Python's overhead included;
- MKL: `mkl_sparse_s_mm` (`_mv` for N = 1) on a handle that is kept, after its hint and `mkl_sparse_optimize`, so neither
  handles nor Python count: the best that it can do. MKL has no product on a support: DW is its `sgemm` followed by a
  gather of the support, as in Nerva's C++;
- sparse_dot_mkl: `dot_product_mkl(csr, dense, out=...)`, which makes a handle a call; for DX of a CSR copy of Wᵀ whose
  making and refreshing does not count. The time to make and destroy a handle stands in a table of its own;
- torch CSR: `torch.mm(csr, dense, out=...)`, for DX of such a copy, and `torch.sparse.sampled_addmm(..., out=...)`;
- SciPy: `csr @ dense`, one thread; no DW, for which it has no function;
- dense BLAS: NumPy's `matmul(..., out=...)` of full matrices, DW included.

All have the batch adjacent in memory (dense is a C-contiguous (D, N)), preallocated outputs where their interface takes
them, the same threads, a process each. Every result is compared with float64. In a pass over all cases the contenders take
turns, with a pause between them, as threads of Intel's OpenMP spin for 0.2 s after their last call. Passes follow one another,
so that what disturbs the machine for seconds does not meet a case in all of them; reported are the fastest call, and the
median of the passes' medians.
"""

from __future__ import annotations

import time
from typing import Any

import harness
from products_contenders import CONTENDERS
from products_report import (
    BATCH,
    BATCH_DENSITY,
    PRODUCTS,
    plot,
    print_bar,
    print_handles,
    print_rates,
    united,
)

SHAPES = ((1024, 3072), (512, 1024), (4096, 4096), (10, 512))
DENSITIES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
BATCHES = (1, 10, 32, 100, 128, 512)
BATCH_DENSITIES = (BATCH_DENSITY, 0.1)  # at which all batch sizes are measured; at the others only `BATCH`
PAUSE = 0.25  # seconds
TOLERANCE = 1e-4  # of float32 sums, relative to the largest element


def measure(
    workers: dict[str, harness.Process], shape: tuple[int, int], density: float, N: int
) -> list[dict[str, Any]]:
    """A row for each product: one turn of every contender."""
    nnz = max(worker.ask("case", shape=shape, density=density, N=N) for worker in workers.values())
    handle = workers["MKL"].ask("handle_seconds") if "MKL" in workers else None
    seconds: dict[str, dict[str, harness.Times]] = {product: {} for product in PRODUCTS}
    for name, worker in workers.items():
        time.sleep(PAUSE)
        for product in worker.ask("offers"):
            if not (error := worker.ask("error", product=product)) < TOLERANCE:
                raise SystemExit(f"{name}: {PRODUCTS[product]} is wrong, relative error {error:.2g}")
            seconds[product][name] = worker.ask("time", product=product)
    case = {"shape": shape, "density": density, "N": N, "nnz": nnz, "mkl_handle_seconds": handle}
    return [{**case, "product": product, "seconds": times} for product, times in seconds.items()]


def main(
    threads: harness.Threads = 2,
    short: harness.Short = False,
    json_file: harness.JsonFile = None,
    plot_file: harness.PlotFile = None,
) -> None:
    """GFLOP/s of the three products over densities, batch sizes and shapes."""
    shapes = SHAPES[1:2] if short else SHAPES
    densities = (0.01, 0.1) if short else DENSITIES
    batches = (1, BATCH) if short else BATCHES
    rounds = 2 if short else 3
    facts = harness.heading(threads)
    workers = harness.processes(__file__, list(CONTENDERS), threads)
    names = list(workers)
    cases = [
        (shape, density, N)
        for shape in shapes
        for density in densities
        for N in (batches if density in BATCH_DENSITIES else (BATCH,))
    ]
    passes: list[list[dict[str, Any]]] = []
    for _ in range(rounds):
        passes.append([row for case in cases for row in measure(workers, *case)])
        harness.write_json(json_file, facts, rows=united(passes))
    rows = united(passes)
    print_rates([row for row in rows if row["N"] == BATCH], names, "density")
    print_rates([row for row in rows if row["density"] == BATCH_DENSITY], names, "N")
    print_bar(rows)
    if "MKL" in workers:
        print_handles(rows)
    for worker in workers.values():
        worker.close()
    harness.write_json(json_file, facts, rows=rows)
    if plot_file:
        plot(plot_file, rows, names)


if __name__ == "__main__":
    harness.run(main, CONTENDERS)
