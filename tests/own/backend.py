"""A backend: the three products."""

import numpy as np

import nerva_py as nv
from nerva_py.engine import batch_layout
from nerva_py.sparse import Backend


class Plain(Backend):
    name = "plain"

    def affine(self, X, W, b):
        return batch_layout((W.csr @ X.T).T + b)

    def product(self, DY, W):
        return batch_layout((W.csr.T @ DY.T).T)

    def weight_gradient(self, W, DY, X):
        rows, columns = W.support.rows(), W.support.indices
        return np.einsum("np,np->p", DY[:, rows], X[:, columns])


nv.register("backend", Plain())
