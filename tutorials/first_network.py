# %% [markdown]
# # A first sparse network
#
# **What you'll do**: train a network of which nine weights in ten do not exist, look at one of its weight matrices, and
# check one of the equations that trained it. **What you'll learn**: what "truly sparse" means. **What you'll need**:
# nothing to download; a few seconds.

# %%
import numpy as np

import nerva_py as nv
from nerva_py.equations.linear import linear, linear_backward

data = nv.load_dataset("digits")
print(data.describe())

# %% [markdown]
# Hidden layers of 256 and 128 neurons. A tenth of all weights exist, more of them (relative to its size) in a small layer.

# %%
network = nv.mlp("ReLU;ReLU;Linear", [64, 256, 128, 10], overall_density=0.1, seed=1)
for layer in network.linear_layers:
    print(layer.W.value)

# %%
history = nv.train(network, data, epochs=15, batch_size=20, learning_rate="MultiStepLR(0.02;10;0.1)", seed=1)
for epoch in history:
    print(epoch)

# %% [markdown]
# The first weight matrix, in SciPy's CSR format: there is nothing but its nonzeros. Neurons differ in how many inputs they
# have.

# %%
W = network.linear_layers[0].W.value
print(W.csr)
print("inputs a neuron: from", np.diff(W.csr.indptr).min(), "to", np.diff(W.csr.indptr).max())

# %% [markdown]
# The gradient of a sparse matrix lives where its weights are. Here it is beside the gradient of the dense layer.

# %%
rng = np.random.default_rng(0)
X, b = rng.standard_normal((5, 64), np.float32), np.zeros((1, 256), np.float32)
DY = rng.standard_normal((5, 256), np.float32)
DX, DW, Db = linear_backward(X, W, DY)
dense = DY.T @ X
stored = W.toarray() != 0
print("equal on the support:", np.allclose(DW.toarray()[stored], dense[stored], atol=1e-5))
print("numbers computed:", DW.nnz, "instead of", dense.size)
assert linear(X, W, b).shape == DY.shape
