"""The picture of `epoch.py`: seconds an epoch against density, both logarithmic, a line a contender."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import harness

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours; our backends share a colour, and so do the contenders that train all weights.
STYLES: dict[str, dict[str, Any]] = {
    "nerva_py": {"color": "#D55E00", "marker": "o", "linewidth": 2.4, "zorder": 4},
    "nerva_py-mkl": {"color": "#D55E00", "marker": "s", "linestyle": "--", "markerfacecolor": "white"},
    "nerva_py-scipy": {"color": "#D55E00", "marker": "v", "linestyle": ":", "markerfacecolor": "white"},
    "torch-csr": {"color": "#009E73", "marker": "^", "linewidth": 1.8},
    "pytorch-masked": {"color": "#0072B2", "marker": "D", "linewidth": 1.8},
    "scipy": {"color": "#CC79A7", "marker": "v", "linestyle": ":"},
    "pytorch-dense": {"color": "#000000", "marker": "D", "linestyle": "none"},
    "scikit-learn": {"color": "#000000", "marker": "P", "linestyle": "none"},
    "nerva-numpy": {"color": "#000000", "marker": "X", "linestyle": "none"},
}
LABELS = {
    "nerva_py": "nerva_py (Numba)",
    "nerva_py-mkl": "nerva_py, MKL backend",
    "nerva_py-scipy": "nerva_py, SciPy backend",
    "torch-csr": "torch CSR, written by hand",
    "pytorch-masked": "masked PyTorch",
    "scipy": "SciPy, written by hand",
    "pytorch-dense": "PyTorch, dense",
    "scikit-learn": "scikit-learn, dense",
    "nerva-numpy": "nerva-numpy, dense",
}
ANNOTATED = 0.99  # sparsity


def draw(rows: list[dict[str, Any]], facts: dict[str, Any]) -> Figure:
    """Medians with bars from the fastest to the slowest epoch. Contenders without a ratio are not drawn."""
    figure = harness.new_figure(7.6, 4.8)
    ax = figure.add_subplot()
    for name, style in STYLES.items():
        found = sorted(
            (row["density"], *(row["contenders"][name][key] for key in ("median", "minimum", "maximum")))
            for row in rows
            if name in row["contenders"] and name not in row["refused"]
        )
        if found:
            density, median, low, high = zip(*found, strict=True)
            below = [m - least for m, least in zip(median, low, strict=True)]
            above = [most - m for m, most in zip(median, high, strict=True)]
            ax.errorbar(
                density, median, [below, above], label=LABELS[name], markersize=5.5, capsize=2, elinewidth=0.8, **style
            )
    annotate(ax, rows)
    ax.set_xscale("log")
    ax.set_yscale("log")
    densities = sorted({row["density"] for row in rows})
    ax.set_xticks(densities, [percent(density) for density in densities], fontsize=8)
    ax.set_xticks([], minor=True)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set_xlabel("density (share of weights that are not zero)")
    ax.set_ylabel("seconds an epoch")
    sizes = "-".join(map(str, facts["sizes"]))
    ax.set_title(f"Training {sizes} on {facts['data']}, batch 100, {facts['threads']} threads", fontsize=10, loc="left")
    harness.bare(ax)
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    return figure


def annotate(ax: Any, rows: list[dict[str, Any]]) -> None:
    """Arrows from nerva_py to both rivals at 99 % sparsity, with the ratios of the medians."""
    row = next((row for row in rows if row["sparsity"] == ANNOTATED), None)
    for base, shift in (("pytorch-masked", 1.0), ("torch-csr", 1.0)):
        ratio = row and row["ratios"].get(base, {}).get("nerva_py")
        if not row or not ratio:
            continue
        x = row["density"] * shift
        ours, theirs = (row["contenders"][name]["median"] for name in ("nerva_py", base))
        ax.annotate("", (x, ours), (x, theirs), arrowprops={"arrowstyle": "<->", "color": "0.35", "linewidth": 0.9})
        ax.annotate(
            f"{ratio['medians']:.1f} ×", (x, (ours * theirs) ** 0.5), (4, 0), textcoords="offset points", fontsize=9
        )


def percent(density: float) -> str:
    return f"{100 * density:.2g} %" if density < 0.995 else "100 %"
