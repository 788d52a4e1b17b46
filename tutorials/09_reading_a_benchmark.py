# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Reading a benchmark
#
# **What you'll do**: time the same function three hundred times and wonder; look for threads that stall; draw the
# roofline of your machine; repeat the figure of seconds an epoch against sparsity in small; and read files of
# measurements like a sceptic.
#
# **What you'll learn**: which figure to report of many, what makes a baseline fair, what limits a sparse product, why a
# hundredth of the weights does not take a hundredth of the time, and how to test the claims of a README on its own
# data.
#
# **What you'll need**: notebooks [6](06_sparse_matrices.ipynb) and [7](07_training_a_sparse_network.ipynb). Nothing is
# downloaded. The cells run in about a minute. All times here are those of *your* machine, so the text does not tell you
# what they are.

# %%
import json
import os
import statistics
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import nerva_py as nv
from nerva_py.doctor import advice, regions
from nerva_py.doctor.machine import processor
from nerva_py.doctor.speed import dense_rate, product_rates
from nerva_py.doctor.timing import seconds
from nerva_py.equations.linear import linear
from nerva_py.equations.updates import nesterov
from nerva_py.matrix import updated
from nerva_py.verify import check_function

SHORT = os.environ.get("NERVA_TUTORIALS") == "short"  # smaller settings, for tests
LEAST = 0.03 if SHORT else 0.2  # seconds for which each thing is timed
rng = np.random.default_rng(0)
print(processor(), "-", nv.threads.available_cores(), "cores")

# %% [markdown]
# ## One call is not a measurement
#
# The product $X W^\top$ of a sparse layer, three hundred times. Nothing changes from one call to the next.

# %%
W, b = nv.SparseWeight.random((1024, 3072), 0.01, rng), np.zeros((1, 1024), np.float32)
X = nv.engine.batch_layout(rng.standard_normal((100, 3072), np.float32))
times = []
for _ in range(300):
    start = time.perf_counter()
    linear(X, W, b)
    times.append(1e6 * (time.perf_counter() - start))
first, later = times[0], np.array(times[1:])
print(f"first call: {first:.0f} µs (it may have to compile, or to load what was compiled before)")
figures = {
    "minimum": later.min(), "median": np.median(later), "mean": later.mean(), "99th percentile": np.percentile(later, 99),
}  # fmt: skip
for name, value in figures.items():
    print(f"{name:16s} {value:8.1f} µs")
assert figures["minimum"] <= figures["median"] <= figures["99th percentile"]

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained", sharey=True, width_ratios=(2, 1))
left.plot(later, ".", markersize=3, color="0.5")
right.hist(later, bins=np.geomspace(later.min(), later.max() * 1.01, 40), orientation="horizontal", color="0.6")
colours = ("#228833", "#4477aa", "#ee6677", "#aa3377")
for (name, value), colour, style in zip(figures.items(), colours, ("-", "--", "-.", ":"), strict=True):
    left.axhline(value, color=colour, linestyle=style, label=name)
left.set(xlabel="call", ylabel="µs (logarithmic)", yscale="log")
right.set(xlabel="number of calls")
legend = left.legend(frameon=False, ncols=2, fontsize=8)

# %% [markdown]
# The distribution has a hard edge below and a long tail above: nothing makes a computation faster than the machine
# allows, but many things delay it. So
#
# - the **minimum** is nearest to what the code costs, and the most repeatable; good for comparing two codes;
# - the **median** is what a user usually gets;
# - the **mean** mixes the code with whatever else happened, and one stall can double it;
# - a high **percentile** matters where somebody waits for each answer.
#
# Report at least two of them. If minimum and median are far apart, the machine was busy, and the comparison is worth
# little. The stopwatch of the library, `seconds`, drops the first call and returns minimum and median.

# %%
print({name: f"{1e6 * value:.1f} µs" for name, value in seconds(lambda: linear(X, W, b), LEAST).items()})

# %% [markdown]
# ## Threads that stall
#
# A sparse layer computes for tens of microseconds, and then its threads wait for each other. If two of them have been
# put on the same core, or another program keeps one core busy, a thread that is to wait for microseconds may wait for
# the scheduler's next tick: 4 or 8 *milli*seconds. Then few calls are hit, but nearly all the time passes in them. The
# library's doctor starts a tiny piece of work in parallel, again and again, and looks how long that takes:

# %%
found = regions.measure(LEAST)
print(found)
print(f"{found.stalled:.1%} of the time passed in calls that lasted longer than a millisecond")
for warning in advice.warnings(found, None, os.environ, {}, nv.threads.available_cores(), []):
    print("warning:", warning.problem, "\ncure:   ", warning.cure)

# %% [markdown]
# The usual cure is to bind each thread to a core, by the environment variable `OMP_PROC_BIND=true`, which must be set
# *before* Python starts; the command line `nerva-py` does that itself, a notebook cannot. A benchmark must set the same
# binding and the same number of threads **for all contenders**: an unbound rival is easily ten times slower, and such a
# ratio says nothing about its code. If you saw a warning, the times in this notebook will be erratic; end Jupyter and
# start it again with
#
# ```
# OMP_PROC_BIND=true jupyter lab
# ```
#
# ## Do they compute the same?
#
# Before times are compared, results must be. Here are two mistakes that have been made in comparisons with masked dense
# training (notebook 7); neither shows in the times.
#
# **The mask comes too early.** The gradient of a dense array has entries everywhere, so the optimizer moves the absent
# weights, too. If the mask is applied *before* its step, the next forward pass uses weights that should not exist.


# %%
def masked_training(W, mask, gradients, when):
    """A few Nesterov steps of the library, η = 0.1, μ = 0.9, with the mask before or after each."""
    W, velocity = W * mask, np.zeros_like(W)
    for G in gradients:
        if when == "before":
            W = W * mask
        W, velocity = nesterov(W, G, velocity, 0.1, 0.0, 0.9)
        if when == "after":
            W = W * mask
    return W


start, mask = rng.standard_normal((100, 100)), (rng.random((100, 100)) < 0.01).astype(float)
gradients = rng.standard_normal((3, 100, 100))
for when in ("before", "after"):
    wrong = np.count_nonzero(masked_training(start, mask, gradients, when)[mask == 0])
    print(f"mask {when:6} the step: {wrong:5} of {int((mask == 0).sum())} weights exist that should not")
    assert (wrong == 0) == (when == "after")

# %% [markdown]
# **The mask is drawn twice**: once when the weights are made, and again for the training. Then a weight survives only
# if both masks have it, so a density of 0.01 becomes 0.0001.

# %%
again = (rng.random((100, 100)) < 0.01).astype(float)
print(f"weights under one mask: {int(mask.sum())}, under both: {int((mask * again).sum())}, of 10,000")
assert (mask * again).sum() < mask.sum() / 10

# %% [markdown]
# A rival that is crippled in such a way learns worse, and whoever beats it has proved nothing. The cheap protection is
# to start all contenders from the same weights, to show them the samples in the same order, and to compare the losses
# of the first steps, to all digits that rounding leaves. In `bench/epoch.py` no ratio is reported for a contender whose
# losses differ.
#
# ## What limits a product: the roofline
#
# A machine can do so many operations a second, and move so many bytes a second. A computation that does $I$ operations
# for each byte that it has to move can therefore not be faster than
#
# $$\min(\text{peak}, \; I \cdot \text{bandwidth}).$$
#
# Drawn over $I$, with both axes logarithmic, that is a *roof*: a slope and a ceiling. For the peak we take what a dense
# product reaches; for the bandwidth, the optimizer's update of a vector too long for the caches: for each weight it
# reads the weight, its gradient and its velocity, and writes weight and velocity, 20 bytes in all.

# %%
n = 2_000_000 if SHORT else 8_000_000


def update_of_a_long_vector():
    W, G, velocity = np.zeros((1, n), np.float32), np.ones((1, n), np.float32), np.zeros(n, np.float32)
    return lambda: updated(nesterov, W, G, [velocity], (1e-3, 0.0, 0.9))  # in place


bandwidth = 20e-9 * n / seconds(update_of_a_long_vector(), LEAST)["minimum"]
peak = dense_rate(least=LEAST)
print(
    f"peak {peak:.0f} GFLOP/s, bandwidth {bandwidth:.1f} GB/s, so the roof bends at {peak / bandwidth:.1f} operations a byte"
)

# %% [markdown]
# Now the sparse product $X W^\top$, $W$ 1024×3072. It does $2 N n$ operations for $N$ samples and $n$ weights, and has
# to move at least the values and their columns, $8n$ bytes, the batch and the result, $4 N (K + D)$ bytes.

# %%
K, D = 1024, 3072
points = []
for density in (0.1, 0.01):
    for N in (1, 10, 100):
        nnz = round(density * K * D)
        intensity = 2 * N * nnz / (8 * nnz + 4 * N * (K + D))
        rate = product_rates("numba", (K, D), density, N, LEAST)["Y"]
        points.append((density, N, intensity, rate))
        print(f"density {density:5}, N = {N:3}: {intensity:6.2f} operations a byte, {rate:7.2f} GFLOP/s")
assert all(intensity < 2 * N / 8 for _, N, intensity, _ in points)  # 2 N / 8, if only the weights had to be moved

# %%
figure, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
x = np.geomspace(0.05, 100, 200)
ax.plot(x, np.minimum(peak, bandwidth * x), color="black", label="roof: memory (slope), arithmetic (ceiling)")
for density, marker, colour in ((0.1, "o", "#4477aa"), (0.01, "s", "#ee6677")):
    chosen = [point for point in points if point[0] == density]
    ax.plot([p[2] for p in chosen], [p[3] for p in chosen], marker, color=colour, label=f"X Wᵀ, density {density}")
    for _, N, intensity, rate in chosen:
        ax.annotate(f"N = {N}", (intensity, rate), (5, -11), textcoords="offset points", fontsize=8)
ax.set(xscale="log", yscale="log", xlabel="operations a byte", ylabel="GFLOP/s")
ax.yaxis.set_minor_formatter("")
ax.grid(alpha=0.25)
legend = ax.legend(frameon=False, fontsize=8)

# %% [markdown]
# How to read it:
#
# - **One sample** does at most a quarter of an operation a byte: each weight is fetched, with its column, for a single
#   multiplication and addition. No arithmetic trick helps; fewer or smaller weights do.
# - **A batch** uses each weight $N$ times, and moves to the right, towards the ceiling. There the quality of the loop
#   counts, and the layout of the batch (notebook 6).
# - A point **above the slope**, if you see one, has broken no law. The bandwidth is that of the main memory; the
#   weights of a product that is repeated stay in the cache, which is faster. Is that so in your application, too? A
#   benchmark that repeats one product answers for the repeated product only.
#
# ## Seconds an epoch against sparsity
#
# The figure that everybody wants to see, in small: 1024-512-256-10, batches of 100, Nesterov. The samples are random
# bytes, because the time does not depend on them. The contenders have the same weights: the library's CSR, the same
# network as dense arrays with masks (as in notebook 7), and the backend `scipy`, which computes the same products with SciPy. They take
# turns, so that a disturbance does not hit one of them only.

# %%
M = 300 if SHORT else 4000
SIZES = [1024, 512, 256, 10]
noise = nv.from_arrays(rng.integers(0, 256, (M, SIZES[0]), np.uint8), rng.integers(0, 10, M), num_classes=10)
sparsities = (0.5, 0.99) if SHORT else (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
ROUNDS = 2 if SHORT else 4


class Masked(nv.Callback):
    """W ← W ⊙ M after each step; M are the weights with which training begins."""

    def on_train_begin(self, run):
        self.masks = [layer.W.value.toarray() != 0 for layer in run.network.linear_layers]

    def on_step_end(self, run):
        for layer, mask in zip(run.network.linear_layers, self.masks, strict=True):
            layer.W.value.array *= mask


def contender(name, sparsity):
    backend = "scipy" if name == "SciPy" else "numba"
    network = nv.mlp(
        "ReLU;ReLU;Linear", SIZES, overall_density=1 - sparsity, weights="SparseHe", backend=backend, seed=1
    )
    if name == "dense with masks":
        for layer in network.linear_layers:
            layer.W.value = nv.sparse.DenseWeight(layer.W.value.toarray())
    return network


NAMES = ("nerva_py, CSR", "dense with masks", "SciPy")
measured = {name: [] for name in NAMES}
losses = {name: [] for name in NAMES}
for sparsity in sparsities:
    networks = {name: contender(name, sparsity) for name in NAMES}
    epochs = {name: [] for name in NAMES}
    for turn in range(ROUNDS):
        for name, network in networks.items():
            callbacks = [Masked()] if name == "dense with masks" else []
            run = nv.train(
                network, noise, epochs=1, learning_rate=1e-3, seed=1, statistics=turn == 0, callbacks=callbacks
            )
            epochs[name].append(run[0].seconds)
            if turn == 0:
                losses[name].append(run[0].train_loss)
    for name in NAMES:
        measured[name].append(epochs[name])
for name in NAMES:
    assert np.allclose(losses[name], losses[NAMES[0]], rtol=1e-3)  # first of all: do they compute the same?

# %%
figure, ax = plt.subplots(figsize=(6.6, 4), layout="constrained")
density = 1 - np.array(sparsities)
for name, style in zip(NAMES, ("o-", "s--", "v:"), strict=True):
    median, low, high = (np.array([f(t) for t in measured[name]]) for f in (statistics.median, min, max))
    ax.errorbar(density, median, [median - low, high - median], fmt=style, capsize=3, label=name)
ax.set(xscale="log", yscale="log", xlabel="density, 1 − sparsity", ylabel="seconds an epoch")
ax.set_title("median, from the fastest to the slowest epoch", fontsize="medium")
ax.grid(alpha=0.25)
legend = ax.legend(frameon=False)

# %%
print("sparsity      CSR, ms  masked, ms   ratio of medians   ratio of minima")
for sparsity, ours, theirs in zip(sparsities, measured[NAMES[0]], measured[NAMES[1]], strict=True):
    print(
        f"{sparsity:8} {1e3 * statistics.median(ours):12.2f} {1e3 * statistics.median(theirs):10.2f}"
        f" {statistics.median(theirs) / statistics.median(ours):14.1f} × {min(theirs) / min(ours):15.1f} ×"
    )

# %% [markdown]
# Three questions to such a picture, also when you meet it in a paper:
#
# 1. **Does the dense line stay level?** It should: masked training does the same work at every sparsity.
# 2. **What is the slope of the sparse line?** Between two points, time in proportion to the number of weights is a
#    slope of 1 in this picture. It flattens to the left.
# 3. **Where does it flatten, and why?** What remains at density 0 is work that sparsity does not touch. A straight line
#    through the times, $t \approx a + b \cdot \text{density}$, separates the two.

# %%
ours = np.array([min(t) for t in measured[NAMES[0]]])
slope, fixed = np.polyfit(density, ours, 1, w=1 / ours)  # so that relative errors count, not those of the slowest
masked = min(map(min, measured[NAMES[1]]))
print(f"an epoch takes about {1e3 * fixed:.1f} ms + {1e3 * slope:.1f} ms × density")
if fixed > 0:
    print(f"so about {masked / fixed:.0f} times faster than with masks at most, however sparse the network is")
else:
    print("the noise is larger than the fixed part; run this cell again on a quieter machine")

# %% [markdown]
# That is *Amdahl's law*. (The authors of Nerva publish their logs; those fit 2.3 s + 51 s × density for CIFAR-10 on
# their machine. The fixed 2.3 s come from a gradient that is computed as a dense product, of which the wanted entries
# are then picked. Such a line tells where to look in the code.) Where does the fixed part come from here?
# `train(..., timer=True)` adds up the phases of a step:

# %%
sparsest = contender(NAMES[0], sparsities[-1])
run = nv.train(sparsest, noise, epochs=ROUNDS, learning_rate=1e-3, seed=1, statistics=False, timer=True)
everything = sum(epoch.seconds for epoch in run)
for phase, spent in run.phases.items():
    print(f"{phase:14s} {1e3 * spent / ROUNDS:8.2f} ms an epoch, {spent / everything:5.1%}")
assert sum(run.phases.values()) <= everything

# %% [markdown]
# Gathering a mini-batch, 100 samples of 1,024 bytes that become numbers in the order that the products want, does not
# care how sparse the network is.
#
# ## Reading a committed result
#
# The project keeps its measurements as JSON files in `bench/results`, beside the scripts that made them. Let us read
# one as if we did not believe it: `inference.json`, the time of a prediction.


# %%
def results(name):
    """A file of bench/results, in a folder above this notebook or beside the package."""
    places = [Path.cwd(), *Path.cwd().parents, Path(nv.__file__).resolve().parents[1]]
    for place in places:
        if (path := place / "bench" / "results" / name).is_file():
            return json.loads(path.read_text())
    raise FileNotFoundError(f"{name}: run this notebook in a copy of the project's repository, which has bench/results")


inference = results("inference.json")
for fact in ("processor", "cores", "threads", "binding", "commit", "versions"):
    print(f"{fact:10s} {inference[fact]}")

# %% [markdown]
# **First: could I repeat it?** Processor, threads, binding, versions and the commit are there. Where one of them is
# missing, a ratio is an anecdote. (And if the commit says "with changes", you cannot check it out.)
#
# **Second: minimum and median.** Both are in the file. A claim that holds for both is sturdier than one that holds for
# the nicer of them.

# %%
rows = inference["rows"]
print("one sample        predict, µs            masked PyTorch, µs      ratio of")
print("sparsity        minimum  (median)       minimum  (median)      minima, medians")
for row in (row for row in rows if row["N"] == 1):
    ours, theirs = row["seconds"]["predict"], row["seconds"]["masked PyTorch"]
    print(
        f"{row['sparsity']:8} {1e6 * ours['minimum']:14.0f}  ({1e6 * ours['median']:.0f}) {1e6 * theirs['minimum']:16.0f}"
        f"  ({1e6 * theirs['median']:.0f}) {theirs['minimum'] / ours['minimum']:13.1f}, {theirs['median'] / ours['median']:.1f}"
    )

# %% [markdown]
# **Third: is the baseline the best rival, or the most convenient?** Masked PyTorch multiplies with all the zeros. The
# file also has a rival that does not: PyTorch's sparse CSR tensors, with the batch laid out as here. Draw all of them.

# %%
names = list(rows[0]["seconds"])
sparsity = max(row["sparsity"] for row in rows)
figure, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for name, style in zip(names, ("o-", "v-", "s--", "^:"), strict=False):
    chosen = [row for row in rows if row["sparsity"] == sparsity]
    ax.plot([r["N"] for r in chosen], [r["N"] / r["seconds"][name]["median"] for r in chosen], style, label=name)
ax.set(xscale="log", yscale="log", xlabel="N, samples in a batch", ylabel="samples a second, from medians")
ax.set_title(f"3072-1024-512-10 at {sparsity:.0%} sparsity", fontsize="medium")
ax.grid(alpha=0.25)
legend = ax.legend(frameon=False)

# %%
for rival in names[2:]:
    slower = [
        (r["sparsity"], r["N"]) for r in rows if r["seconds"]["predict"]["median"] > r["seconds"][rival]["median"]
    ]
    print(f"`predict` is slower than {rival} at (sparsity, N) in: {slower or 'no row'}")

# %% [markdown]
# **Fourth: where does it lose?** A comparison without a single loss was probably chosen. Rows in which `predict` loses
# are as much a result as the others: they say for which N one should use something else, or what to improve. (`forward`
# is the same pass without the checking and copying that `predict` does for a user; the difference between the two is the
# price of that.)
#
# **Fifth: does the text follow from the data?** The README says that changing a topology takes a time *linear in the
# number of weights and, for random growth, flat in K·D*. On logarithmic axes a power law $t \propto x^e$ is a line of
# slope $e$, so we can fit the exponents: about 1 for the one, about 0 for the other.

# %%
scaling = results("topology.json")["scaling"]


def exponent(points, size):
    x = [np.log(size(point)) for point in points]
    return float(np.polyfit(x, [np.log(point["seconds"]) for point in points], 1)[0])


for what, size in {"nnz": lambda p: p["nnz"], "KD": lambda p: p["K"] * p["D"]}.items():
    for line in scaling[what]:
        sizes, slope = [size(point) for point in line["points"]], exponent(line["points"], size)
        print(f"{what:4} from {min(sizes):.0e} to {max(sizes):.0e} ({line['label']}): exponent {slope:5.2f}")

# %% [markdown]
# What do you say? "Linear" is fair if the first exponents are near 1. "Flat" is right for a fixed number of neurons; if
# $K = D$ grows, too, there is an exponent that is small but not 0, because a matrix with $K$ rows has $K + 1$ row
# pointers, which must be written. A careful sentence would say so, and you have just found that out from a file.
#
# ## Exercises
#
# **1. Ratios.** Given the seconds of several epochs of ours and of theirs, return how many times faster we are: the
# ratio of the medians and the ratio of the minima, as a tuple.
#
# <details><summary>Hint</summary>
#
# Faster means that *their* time is larger.
#
# </details>


# %%
def speedups(ours, theirs):
    return None  # your answer


# %%
def reference_speedups(ours, theirs):
    return tuple(f(theirs.tolist()) / f(ours.tolist()) for f in (statistics.median, min))


inputs = {"ours": lambda rng: rng.uniform(1, 2, 6).round(2), "theirs": lambda rng: rng.uniform(5, 9, 7).round(2)}
check_function(speedups, reference_speedups, inputs, hint="first the medians, then the minima")

# %% [markdown]
# **2. Under the roof.** Return the highest possible rate for each of the given intensities (an array).


# %%
def attainable(intensities, peak, bandwidth):
    return None  # your answer


# %%
def reference_roof(intensities, peak, bandwidth):
    return [peak if bandwidth * intensity > peak else bandwidth * intensity for intensity in intensities]


inputs = {"intensities": lambda rng: rng.uniform(0, 20, 8).round(2), "peak": 100.0, "bandwidth": 10.0}
check_function(attainable, reference_roof, inputs, hint="the lower of the two limits holds")

# %% [markdown]
# **3. A fair masked step.** Return the weights after several steps of masked training with Nesterov's momentum, done
# right. The start is `W` (not masked yet), the gradients are an array (T, K, D). The update of the library is
# `nesterov(W, G, velocity, eta, decay, mu)`, which returns the new weights and the new velocity; there is no weight
# decay.
#
# <details><summary>Hint</summary>
#
# The start must be masked, too. The velocity may stay as it is: the mask after the step removes what it does.
#
# </details>


# %%
def fair_training(W, mask, gradients, eta, mu):
    return None  # your answer


# %%
def reference_training(W, mask, gradients, eta, mu):
    """Truly sparse: only the weights under the mask exist."""
    where = mask == 1
    w, velocity = W[where], np.zeros(int(where.sum()))
    for G in gradients:
        w, velocity = nesterov(w, G[where], velocity, eta, 0.0, mu)
    result = np.zeros_like(W)
    result[where] = w
    return result


inputs = {
    "W": (4, 5), "mask": lambda rng: (rng.random((4, 5)) < 0.4).astype(float), "gradients": (3, 4, 5), "eta": 0.1, "mu": 0.9,
}  # fmt: skip
check_function(fair_training, reference_training, inputs, hint="where the mask is 0, the result must be 0")

# %% [markdown]
# **4. The fixed part.** From densities and seconds return $(a, b)$ of the line $t = a + b \cdot \text{density}$ that
# fits best in the sense of least squares.
#
# <details><summary>Hint</summary>
#
# `np.polyfit` returns the highest power first. By hand: $b = \operatorname{cov}(d, t) / \operatorname{var}(d)$.
#
# </details>


# %%
def fixed_and_per_density(densities, times):
    return None  # your answer


# %%
def reference_line(densities, times):
    A = np.column_stack((np.ones(len(densities)), densities))
    return tuple(np.linalg.lstsq(A, times, rcond=None)[0])


inputs = {
    "densities": np.array([0.001, 0.01, 0.05, 0.1, 0.5]),
    "times": lambda rng: np.sort(rng.uniform(0.1, 2, 5)).round(3),
}
check_function(fixed_and_per_density, reference_line, inputs, hint="first a, the time at density 0")

# %% [markdown]
# **5. A sceptic's question.** From the rows of `inference.json` return the *smallest* ratio of medians, theirs divided
# by ours, over all rows: the case in which `ours` does worst against `theirs`.
#
# <details><summary>Hint</summary>
#
# `row["seconds"][ours]["median"]`.
#
# </details>


# %%
def worst_case(rows, ours, theirs):
    return None  # your answer


# %%
def reference_worst(rows, ours, theirs):
    medians = np.array([[row["seconds"][name]["median"] for name in (theirs, ours)] for row in rows])
    return float((medians[:, 0] / medians[:, 1]).min())


def some_rows(rng):
    return [rows[k] for k in rng.permutation(len(rows))[: rng.integers(1, len(rows))]]


check_function(worst_case, reference_worst, {"rows": some_rows, "ours": "predict", "theirs": "torch CSR"})

# %% [markdown]
# Solutions are in `tutorials/solutions/09_reading_a_benchmark.py`. The real benchmarks are in `bench/`: `make bench`
# runs all of them in short.
