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
# # Dynamic sparse training
#
# **What you'll do**: carry out one update of SET and one of RigL by hand; watch how the weights of a network move to
# the pixels that matter; count how many positions have ever been tried; and write a growth rule of your own that trains
# in the library.
#
# **What you'll learn**: how a network with few weights can find out *where* to have them, while it learns what they
# should be, and what must be taken care of when a matrix changes its support.
#
# **What you'll need**: notebooks [6](06_sparse_matrices.ipynb) and [7](07_training_a_sparse_network.ipynb). Nothing is
# downloaded. The cells run in less than a minute.

# %%
import base64
import functools
import os
import statistics
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import nerva_py as nv
from nerva_py import plots
from nerva_py.matrix import Outer
from nerva_py.sparse import Remap, first_free, random_free
from nerva_py.topology import Coverage, Grow, TopologyLayer, in_degrees, out_degrees
from nerva_py.topology.decays import DECAYS
from nerva_py.topology.drop import nearest_zero_of_each_sign
from nerva_py.verify import check_function

SHORT = os.environ.get("NERVA_TUTORIALS") == "short"  # smaller settings, for tests
SEEDS, EPOCHS = ((1, 2), 4) if SHORT else ((1, 2, 3), 30)
rng = np.random.default_rng(3)

# %% [markdown]
# In notebook 7 the positions of the weights were drawn once, at random, and kept: *static* sparse training. Many of
# them lie badly, between a pixel that is always black and a neuron that nobody listens to. *Dynamic* sparse training
# moves them. From time to time,
#
# 1. **drop** the share $\zeta$ of the weights that seem least important,
# 2. **grow** as many at other positions,
#
# and go on training. The number of weights stays the same all the time, so memory and time do, too.
#
# ## SET, by hand
#
# Sparse evolutionary training ([arXiv:1707.04780](https://arxiv.org/abs/1707.04780)) drops the weights next to zero,
# the smallest positive and the largest negative ones, and grows at random. Here is a layer with 6 neurons, 8 inputs and
# 16 weights, and a velocity for each weight, as momentum needs it.

# %%
K, D = 6, 8
W = nv.SparseWeight.random((K, D), 1 / 3, rng, values=lambda support, rng: rng.normal(0, 1, support.nnz).round(2))
velocity = rng.normal(0, 0.1, W.nnz).round(2).astype(np.float32)
gone = nearest_zero_of_each_sign(W.data, 0.3)
print("weights in the order of the support:", W.data)
print("dropped:", W.data[gone])
assert gone.sum() == int(0.3 * (W.data >= 0).sum()) + int(0.3 * (W.data < 0).sum())

# %% [markdown]
# What remains is the *kept* support. New positions are drawn among all that are free; one that has just been dropped is
# free, too. A `Remap` notes what happens to the support, and then moves everything that is aligned with it: first the
# weights, then the velocity. Survivors keep both bit for bit, new weights start with a velocity of zero.

# %%
remap = Remap(W.support, ~gone)
grown = random_free(remap.support, remap.dropped, rng)
remap = remap.inserting(grown)
fresh = rng.uniform(-1, 1, remap.grown).round(2)
new_W = nv.SparseWeight(remap.support, remap.move(W.data, fresh.astype(np.float32)))
new_velocity = remap.move(velocity)
print(remap)
assert new_W.nnz == W.nnz
survives = remap.source >= 0  # negative: a new position
assert np.array_equal(new_W.data[survives], W.data[~gone])
assert np.array_equal(new_velocity[survives], velocity[~gone])
assert not new_velocity[~survives].any()


# %%
def draw_update(W, gone, new_W, survives):
    axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")[1]
    panels = (("before", W, gone, "dropped", "#ee6677"), ("after", new_W, ~survives, "grown", "#228833"))
    for ax, (title, weight, special, what, colour) in zip(axes, panels, strict=True):
        for row, column, value, mark in zip(
            weight.support.rows(), weight.support.indices, weight.data, special, strict=True
        ):
            face = colour if mark else "#4477aa"
            ax.add_patch(
                plt.Rectangle((column, row), 1, 1, facecolor=face, hatch="//" if mark else "", edgecolor="white")
            )
            ax.text(column + 0.5, row + 0.5, f"{value:.2f}", ha="center", va="center", color="white", fontsize=8)
        ax.set(xlim=(0, weight.shape[1]), ylim=(weight.shape[0], 0), aspect="equal", xlabel="input", ylabel="neuron")
        ax.set_xticks(np.arange(weight.shape[1]) + 0.5, range(weight.shape[1]))
        ax.set_yticks(np.arange(weight.shape[0]) + 0.5, range(weight.shape[0]))
        ax.set_title(f"{title}: {weight.nnz} weights, {special.sum()} {what} (hatched)", fontsize="medium")


draw_update(W, gone, new_W, survives)

# %% [markdown]
# Careless implementations get these small things wrong: they reset the momentum of *all* weights, or let a tie or a
# collision of random positions change the number of weights, a little at each update. The asserts above are the laws to
# test.
#
# ## RigL, by hand
#
# Random growth tries positions blindly. RigL ([arXiv:1911.11134](https://arxiv.org/abs/1911.11134)) asks: at which of
# the free positions would a weight reduce the loss fastest? The gradient answers, also where no weight exists. With
# $G = \mathrm{D}Y^\top X$, a step of size $\eta$ at position $(k, d)$ changes the loss by about $-\eta\, G_{kd}^2$. So:
# drop the smallest $|w|$, grow where $|G|$ is largest.

# %%
N = 5
X, DY = rng.standard_normal((N, D)).astype(np.float32), rng.standard_normal((N, K)).astype(np.float32)
G = DY.T @ X
smallest = np.argsort(np.abs(W.data), kind="stable")[: int(0.3 * W.nnz)]
kept = np.ones(W.nnz, bool)
kept[smallest] = False
remap = Remap(W.support, kept)
grown = Outer(DY, X).largest(remap.dropped, outside=remap.support)

free = remap.support.mask() == 0
chosen = grown.mask() == 1
print("|G| at the chosen positions:        ", np.sort(np.abs(G[chosen]))[::-1].round(2))
print("the largest |G| at other free ones: ", np.sort(np.abs(G[free & ~chosen]))[::-1][:4].round(2))
assert (chosen <= free).all()
assert np.abs(G[chosen]).min() >= np.abs(G[free & ~chosen]).max()

# %%
figure, ax = plt.subplots(figsize=(5.4, 3.4), layout="constrained")
drawn = ax.imshow(np.abs(G), cmap="Greys", vmin=0)
figure.colorbar(drawn, ax=ax, label="|G|").outline.set_visible(False)
for positions, marker, label in ((~free, "s", "weight that is kept"), (chosen, "*", "grown")):
    rows, columns = np.nonzero(positions)
    colour = "#228833" if label == "grown" else "#4477aa"
    ax.scatter(columns, rows, marker=marker, s=90, c=colour, edgecolors="white", label=label)
ax.set(xlabel="input", ylabel="neuron", xticks=range(D), yticks=range(K))
legend = ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=2, frameon=False)

# %% [markdown]
# Here $G$ was a dense array of 48 numbers. For a layer with millions of positions that would be the very array that
# sparse training wants to avoid. The library has it only as an `Outer`, the product that waits (notebooks 2 and 6). In
# each step it is asked for its values on the support; RigL asks it another question, for the `largest` elsewhere. Then
# $G$ is computed block by block, the best candidates of each block are kept, and the rest is forgotten; the result is the
# same, exactly. The *work* of a dense product remains, though, and that is why RigL updates only every 100 steps or so.
#
# The share that moves falls along a cosine,
# $f(t) = \frac{\alpha}{2} \left(1 + \cos \frac{\pi t}{T_{\text{end}}}\right)$ with $\alpha = 0.3$: much at the
# beginning, nothing after three quarters of the training.
#
# ## Both at work
#
# The digits again, this time with pixels from 0 to 1 and no other normalisation. Then a black pixel is an input of 0. For
# a pixel that is black in all images of a batch, a whole column of $\mathrm{D}W = \mathrm{D}Y^\top X$ is zero: weights
# that leave it learn nothing.

# %%
digits = nv.load_dataset("digits")
data = nv.from_arrays(
    (digits.Xtrain / 16).astype(np.float32), digits.Ttrain, (digits.Xtest / 16).astype(np.float32), digits.Ttest,
    name="digits, 0 to 1", num_classes=10, image_shape=(1, 8, 8),
)  # fmt: skip
SIZES, DENSITY = [64, 256, 128, 10], 0.03
training = {"epochs": EPOCHS, "batch_size": 20, "learning_rate": 0.05}


def new_network(seed):
    return nv.mlp("ReLU;ReLU;Linear", SIZES, overall_density=DENSITY, weights="SparseHe", seed=seed)


print(data.describe())
print(new_network(1))

# %% [markdown]
# A method is a callback of `nv.train`. `Static` changes nothing, but measures. An epoch has 72 steps, so here RigL
# updates once an epoch, too. The recorder notes after each epoch how many weights leave each pixel.

# %%
methods = {
    "Static": "Static", "SET": 'SET(0.3, grow_weights="Zero")', "RigL": "RigL(0.3, every=72, batches=10)",
}  # fmt: skip
histories, networks, recorders = {name: [] for name in methods}, {}, {}
for seed in SEEDS:
    for name, spec in methods.items():
        networks[name], recorders[name] = new_network(seed), plots.ConnectivityRecorder()
        callbacks = [nv.method(spec), recorders[name]]
        histories[name].append(nv.train(networks[name], data, seed=seed, callbacks=callbacks, **training))
assert len({network.nnz for network in networks.values()}) == 1  # nobody has more weights than the others

# %% [markdown]
# Beside them belongs the rival of notebook 7, a small dense network with about as many weights (at a learning rate of
# 0.02, with which it does better than with 0.05).

# %%
small = [nv.mlp("ReLU;ReLU;Linear", [64, 16, 16, 10], weights="He", seed=seed) for seed in SEEDS]
dense = [
    nv.train(net, data, seed=seed, **{**training, "learning_rate": 0.02})
    for net, seed in zip(small, SEEDS, strict=True)
]
ax = plots.comparison({**histories, "dense 64-16-16-10": dense})

# %%
print(f"{networks['SET'].nnz} sparse weights, {small[0].nnz} in the small dense network\n")
print("method               test accuracy, mean ± deviation    fastest epoch    neurons without outputs")
for name, runs in {**histories, "dense 64-16-16-10": dense}.items():
    last = [run[-1].test_accuracy for run in runs]
    times = [epoch.seconds for run in runs for epoch in run]
    line = f"{name:20} {statistics.mean(last):12.4f} ± {statistics.stdev(last):.4f} {1e3 * min(times):20.1f} ms"
    if name in methods:
        silent = [sum(layer["without_outputs"] for layer in run[-1].measures["topology"]["layers"]) for run in runs]
        line += f"{statistics.mean(silent):18.1f} of {sum(SIZES[1:-1])}"
    print(line)

# %% [markdown]
# With so few seeds and 360 test images, differences of a percent mean little; do not choose a method by this table.
# (Longer runs on CIFAR-10 stand in the README. At a density of 0.001, SET and RigL are seven to nine points above
# static training there.) What is worth noting is the last column. RigL follows the gradient, and a neuron that is
# already strong gets larger gradients, so weights gather at few neurons and others lose all their outputs. Looking at
# the gradient of several batches together, `batches=10`, is meant to help, because the gradient of a single batch is
# mostly noise. (Try `batches=1`.)
#
# ## Watch the topology move
#
# How many weights leave each pixel, before training and after, beside what the pixels do: their standard deviation over
# the training images.


# %%
def draw_pixels(recorder, data, name):
    figure, axes = plt.subplots(1, 4, figsize=(11, 2.9), layout="constrained")
    largest = recorder.degrees.max()
    middle = len(recorder.epochs) // 2
    for ax, row in zip(axes[:3], (0, middle, -1), strict=True):
        ax.imshow(recorder.degrees[row].reshape(8, 8), vmin=0, vmax=largest)
        epoch = recorder.epochs[row]
        ax.set_title(f"{name}, " + (f"epoch {epoch}" if epoch else "before training"), fontsize="medium")
    figure.colorbar(axes[2].images[0], ax=axes[2], label="weights of the pixel")
    drawn = axes[3].imshow(data.Xtrain.std(axis=0).reshape(8, 8), cmap="Greys_r", vmin=0)
    axes[3].set_title("deviation of the pixel", fontsize="medium")
    figure.colorbar(drawn, ax=axes[3])
    for ax in axes:
        ax.set(xticks=[], yticks=[], xlabel="8×8 pixels")


draw_pixels(recorders["SET"], data, "SET")

# %%
draw_pixels(recorders["RigL"], data, "RigL")

# %% [markdown]
# Nobody told the network what a margin is. A weight at a pixel that is always black gets no gradient and stays as it
# was drawn; if that was small, it is dropped. A new weight starts at zero (`grow_weights="Zero"`); at a black pixel it
# stays zero, and is the first to go at the next update. Where a weight is of use, it grows and survives. As a number:
# the correlation between a pixel's weights and its deviation.

# %%
deviation = data.Xtrain.std(axis=0)
for name, recorder in recorders.items():
    first, last = (float(np.corrcoef(recorder.degrees[row], deviation)[0, 1]) for row in (0, -1))
    print(f"{name:8} correlation of weights and deviation: {first:+.2f} before, {last:+.2f} after training")
    assert (name == "Static") == (first == last)
    assert name == "Static" or last > first

# %% [markdown]
# And over the epochs, the share of the first layer's weights at the 16 of 64 pixels that vary least. At random it is
# about a quarter. SET grows anywhere, so some of its new weights always lie there, on trial; RigL grows where the gradient
# is large, which it is not at a pixel that is hardly ever lit.

# %%
margin = np.argsort(deviation)[:16]
ax = plt.subplots(figsize=(5.6, 3.2), layout="constrained")[1]
for (name, recorder), style in zip(recorders.items(), (":", "--", "-"), strict=True):
    ax.plot(recorder.epochs, recorder.degrees[:, margin].sum(axis=1) / recorder.degrees.sum(axis=1), style, label=name)
ax.set(xlabel="epoch", ylabel="share of the weights at the margin", ylim=(0, 0.35))
legend = ax.legend(frameon=False)

# %% [markdown]
# As an animation, an epoch a picture (in a viewer that does not play it, you see the first one):


# %%
class Gif:
    """A picture that a notebook shows."""

    def __init__(self, path, text):
        self.data, self.text = Path(path).read_bytes(), text

    def _repr_html_(self):
        return f'<img alt="{self.text}" src="data:image/gif;base64,{base64.b64encode(self.data).decode()}">'


with tempfile.TemporaryDirectory() as folder:
    plots.connectivity_gif(recorders["RigL"], data.image_shape, f"{folder}/rigl.gif", fps=4)
    gif = Gif(f"{folder}/rigl.gif", "weights of each pixel, epoch by epoch: they leave the margin")
print(f"{len(gif.data) / 1e3:.0f} kB")
gif

# %% [markdown]
# ## How much has been tried
#
# A static network of density 0.03 only ever sees 3 % of all positions. A dynamic one never *has* more at one time, but
# over time it tries others. $R_s$ is the share of positions that have had a weight at any time
# ([arXiv:2102.02887](https://arxiv.org/abs/2102.02887)):
#
# $$R_s(t) = \frac{\bigl| \bigcup_{\tau \le t} \operatorname{support}_\tau \bigr|}{\text{number of positions}}.$$

# %%
figure, axes = plt.subplots(1, 2, figsize=(11, 3.2), layout="constrained")
for ax, name in zip(axes, ("SET", "RigL"), strict=True):
    plots.coverage(histories[name][0], ax)
    ax.set_title(name, fontsize="medium")

# %% [markdown]
# SET keeps exploring at the same rate; RigL stops after three quarters of the time, and often comes back to positions
# where it has been. The library keeps one bit a position for this. To see that it counts right, here is the definition,
# as a callback with dense masks:


# %%
class Union(nv.Callback):
    """R_s after each epoch, by definition."""

    def on_train_begin(self, run):
        self.shares, self.ever = [], [self.mask(layer) for layer in run.network.linear_layers]

    def on_epoch_end(self, run, epoch):
        self.ever = [a | self.mask(layer) for a, layer in zip(self.ever, run.network.linear_layers, strict=True)]
        self.shares.append(sum(a.sum() for a in self.ever) / sum(a.size for a in self.ever))

    @staticmethod
    def mask(layer):
        return layer.W.value.support.mask() == 1


union = Union()
history = nv.train(
    new_network(1), data, seed=1, callbacks=[nv.method(methods["SET"]), union], **{**training, "epochs": 5}
)
measured = [epoch.measures["topology"]["R_s"] for epoch in history]
print("by definition:", [f"{share:.6f}" for share in union.shares])
print("measured:     ", [f"{share:.6f}" for share in measured])
assert np.allclose(union.shares, measured)

# %% [markdown]
# ## A growth rule of your own
#
# In the library a method is put together from parts: a drop rule, a growth rule, how new weights are drawn, and when
# all that happens. A growth rule is any function
#
# ```python
# rule(layer, kept, count, rng)  ->  exactly `count` positions outside `kept`
# ```
#
# where `layer.shape` is $(K, D)$, `kept` the support of the weights that stay, and `rng` a random generator. The
# positions come back as a `Support` or as two arrays, rows and columns. (A rule that wants the gradient finds it as
# `layer.outer`; the whole of RigL's rule is `layer.outer.largest(count, outside=kept)`.) Here is one that lets the rich get richer: new
# weights prefer inputs that have many already. `first_free` takes proposals, leaves out what is taken, and fills up at
# random if they do not suffice.


# %%
def hubs(layer, kept, count, rng):
    K, D = layer.shape
    degrees = out_degrees(kept) + 1
    rows = rng.integers(0, K, 4 * count)
    columns = rng.choice(D, 4 * count, p=degrees / degrees.sum())
    return first_free(kept, rows, columns, count, rng)


own = nv.DynamicTopology(drop="Magnitude(0.3)", grow=hubs, grow_weights="Xavier", every="1 epoch")
hub_network = new_network(1)
history = nv.train(hub_network, data, seed=1, callbacks=[own], **training)
print("test accuracy:", round(history[-1].test_accuracy, 4))

figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained", sharex=True, sharey=True)
for ax, (name, network) in zip(axes, {"SET": networks["SET"], "hubs": hub_network}.items(), strict=True):
    plots.degrees(network, 2, "out", ax)
    ax.set_title(f"{name}: second layer", fontsize="medium")


def largest_degree(network):
    return int(out_degrees(network.linear_layers[1].W.value.support).max())


assert largest_degree(hub_network) > largest_degree(networks["SET"])

# %% [markdown]
# If a rule returns the wrong number of positions, or one where a weight is, the library says so. Try it.
#
# ## Exercises
#
# **1. What SET drops.** Return booleans that mark the $\lfloor \zeta n_+ \rfloor$ smallest of the $n_+$ positive
# weights and the $\lfloor \zeta n_- \rfloor$ largest (that is, nearest to zero) of the $n_-$ negative ones. There are
# no zeros and no equal weights in the tests.
#
# <details><summary>Hint</summary>
#
# `np.flatnonzero(w > 0)` are the places of the positive weights; sort them by value, and mark the first ones.
#
# </details>


# %%
def set_drop(w, zeta):
    return None  # your answer


# %%
inputs = {
    "w": lambda rng: rng.permutation(
        np.r_[-(np.arange(rng.integers(4, 9)) + 0.5), np.arange(1, rng.integers(9, 14)) / 2]
    ),
    "zeta": lambda rng: float(rng.choice([0.25, 0.3, 0.5])),
}
check_function(set_drop, nearest_zero_of_each_sign, inputs, hint="the two signs are treated separately")

# %% [markdown]
# **2. RigL's share.** Return $f(t) = \frac{\alpha}{2}(1 + \cos \frac{\pi t}{T_{\text{end}}})$, and 0 for
# $t > T_{\text{end}}$.
#
# <details><summary>Hint</summary>
#
# What is the cosine of an angle beyond $\pi$? Do not let the share rise again.
#
# </details>


# %%
def rigl_share(t, T_end, alpha):
    return None  # your answer


# %%
def librarys_share(t, T_end, alpha):
    return alpha * DECAYS["Cosine"](t / T_end) if t <= T_end else 0.0


inputs = {"t": lambda rng: int(rng.integers(0, 150)), "T_end": 75, "alpha": lambda rng: float(rng.integers(1, 6)) / 10}
check_function(rigl_share, librarys_share, inputs, hint="after T_end nothing moves any more")

# %% [markdown]
# **3. RigL's growth.** Given the gradient `G` of all positions and a mask of the weights that are kept, return a mask
# (K, D) of the `count` free positions with the largest $|G|$.
#
# <details><summary>Hint</summary>
#
# Set $|G|$ to $-1$ where a weight is kept, and use `np.argsort` on the flattened array.
#
# </details>


# %%
def rigl_grow(G, kept, count):
    return None  # your answer


# %%
def librarys_growth(G, kept, count):
    # With DY = I the gradient DYᵀ X of the positions is X itself.
    return Outer(np.eye(len(G)), np.asarray(G)).largest(count, outside=nv.Support.from_mask(kept)).mask()


inputs = {
    "G": lambda rng: rng.standard_normal((5, 7)).round(3),
    "kept": lambda rng: (rng.random((5, 7)) < 0.3).astype(np.uint8),
    "count": lambda rng: int(rng.integers(1, 8)),
}
check_function(rigl_grow, librarys_growth, inputs, hint="a position with a weight cannot be grown again")

# %% [markdown]
# **4. The share that has been tried.** `masks` is an array (T, K, D): the mask of a layer at $T$ moments. Return $R_s$
# after each of them, a vector of $T$ numbers.
#
# <details><summary>Hint</summary>
#
# `np.maximum.accumulate(masks, axis=0)` is the union so far.
#
# </details>


# %%
def tried(masks):
    return None  # your answer


# %%
def librarys_share_tried(masks):
    coverage, shares = Coverage(masks.shape[1:]), []
    for mask in masks:
        coverage.add(nv.Support.from_mask(mask))
        shares.append(coverage.share)
    return shares


inputs = {"masks": lambda rng: (rng.random((4, 5, 6)) < 0.15).astype(np.uint8)}
check_function(tried, librarys_share_tried, inputs, hint="a position stays counted after its weight has gone")

# %% [markdown]
# **5. Feed the hungry.** Write a growth rule that first gives an input to every neuron (row) that has none in `kept`,
# as far as `count` suffices, and grows the rest at random. It must return exactly `count` free positions.
#
# <details><summary>Hint</summary>
#
# `np.flatnonzero(in_degrees(kept) == 0)` are the hungry rows; a position in such a row is always free. Propose these
# first, each with a random column, to `first_free`, which keeps the order of the proposals and fills up at random.
#
# </details>


# %%
def feed_the_hungry(layer, kept, count, rng):
    return None  # your answer


# %%
def after_dropping(density):
    """A layer of 60 neurons and 40 inputs after a third of its weights has been dropped."""
    layer = TopologyLayer(1, nv.mlp("Linear", [40, 60], layer_densities=[density], seed=1).linear_layers[0])
    return layer, Remap(layer.support, np.arange(layer.nnz) % 3 > 0)


def hungry_after(rule):
    """density -> how many neurons have no input after the rule has grown; None if the rule returns None"""

    @functools.wraps(rule)
    def count_hungry(density):
        layer, remap = after_dropping(density)
        if rule(layer, remap.support, remap.dropped, np.random.default_rng(0)) is None:
            return None
        grown = Grow(rule.__name__, rule)(layer, remap.support, remap.dropped, np.random.default_rng(0))
        return np.count_nonzero(in_degrees(remap.inserting(grown).support) == 0)

    return count_hungry


def fewest_possible(density):
    _, remap = after_dropping(density)
    return max(0, np.count_nonzero(in_degrees(remap.support) == 0) - remap.dropped)


check_function(
    hungry_after(feed_the_hungry), fewest_possible, {"density": lambda rng: float(rng.choice([0.03, 0.05, 0.1, 0.3]))},
    hint="what is compared is the number of neurons that have no input afterwards",
)  # fmt: skip

# %% [markdown]
# When it is right, train with it:
# `nv.DynamicTopology(drop="Magnitude(0.3)", grow=feed_the_hungry, grow_weights="Xavier")`. Does it help? How many seeds
# do you need to say so?
#
# Solutions are in `tutorials/solutions/08_dynamic_sparse_training.py`.
