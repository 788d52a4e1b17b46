"""What the ranks of the tests run: a small network, trained together; rank 0 writes weights and history to a file."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

import nerva_py as nv
from nerva_py.distributed import DataParallel, LocalSGD, mpi
from nerva_py.topology import GradualDensity


class Sabotage(nv.Callback):
    """In one step, on rank 1: throw, die, or move a weight on this rank only."""

    order = 1

    def __init__(self, kind: str, rank: int, t: int):
        self.kind, self.rank, self.t = kind, rank, t

    def on_step_end(self, run):
        if self.rank != 1 or run.t != self.t:
            return
        if self.kind == "throw":
            raise RuntimeError("the disk is full of sand")
        if self.kind == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind == "move":
            layer = run.network.linear_layers[0]
            W = layer.W.value
            layer.W.value = nv.SparseWeight.random(W.shape, W.density, np.random.default_rng(7))


class Look(nv.Callback):
    """What is asked of the gradients of the weights in each step, of all ranks together."""

    def __init__(self):
        self.seen = []

    def on_gradients(self, run, layer, tape, gradients):
        if not isinstance(layer, nv.network.LinearLayer):
            return
        W, G = layer.W.value, gradients[0]
        assert G.shape == W.shape
        self.seen.append(G.on(W).data.sum(dtype=np.float64))
        if not W.full:
            grown = G.largest(5, W.support)
            half = G.largest(2, W.support, np.arange(W.shape[0]) % 2 == 0)
            self.seen += [*grown.rows(), *grown.indices, *half.rows(), *half.indices]
            other = W.support.submatrix(np.ones(W.shape[0], bool), np.ones(W.shape[1], bool))[0]
            self.seen.append(G.on(nv.SparseWeight(other, W.data.copy())).data.sum(dtype=np.float64))
        self.seen.append(G.column_maxima().sum(dtype=np.float64))
        self.seen.append((G + G).stacked()[0].shape[0])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("result", type=Path)
    parser.add_argument("--method")
    parser.add_argument("--drop")
    parser.add_argument("--final-density", type=float)
    parser.add_argument("--look", action="store_true")
    parser.add_argument("--layers", default="ReLU;ReLU;Linear")
    parser.add_argument("--dropouts", type=json.loads)
    parser.add_argument("--shards", type=int)
    parser.add_argument("--local-steps", type=int)
    parser.add_argument("--batch-size", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--samples", type=int, default=150)
    parser.add_argument("--images", action="store_true")
    parser.add_argument("--bytes", action="store_true")
    parser.add_argument("--weighted", action="store_true")
    parser.add_argument("--running", action="store_true")
    parser.add_argument("--sparse", action="store_true")
    parser.add_argument("--sabotage", default="")
    parser.add_argument("--sabotage-at", type=int, default=5)
    parser.add_argument("--other-network", action="store_true")
    parser.add_argument("--density", type=float, default=0.2)
    parser.add_argument("--save")
    parser.add_argument("--save-every", default="1 epoch")
    parser.add_argument("--resume")
    options = parser.parse_args()

    ranks = mpi()
    rng = np.random.default_rng(3)
    T = rng.integers(0, 4, options.samples)
    X = (rng.standard_normal((4, 36))[T] + rng.standard_normal((options.samples, 36))).astype(np.float32)
    if options.images or options.bytes:
        X = np.clip(128 + 40 * X, 0, 255).astype(np.uint8)
    shape = {"image_shape": (1, 6, 6)} if options.images else {}
    split = options.samples * 3 // 4
    Xtrain, Xtest = X[:split], X[split:]
    if options.sparse:
        from scipy.sparse import csr_array

        Xtrain, Xtest = (csr_array(np.where(part > 1, part, 0)) for part in (Xtrain, Xtest))
    data = nv.from_arrays(Xtrain, T[:split], Xtest, T[split:], num_classes=4, **shape)
    seed = 5 + ranks.rank if options.other_network else 5
    network = nv.mlp(
        options.layers,
        [36, 48, 40, 4],
        layer_densities=[options.density, 0.2, 1.0],
        dropouts=options.dropouts,
        seed=seed,
    )
    callbacks: list[nv.Callback] = [] if options.method is None else [nv.method(options.method)]
    if options.drop:  # by the gradient, of a network that has just been pruned
        density = GradualDensity(options.final_density, stop=1.0)
        callbacks.append(nv.DynamicTopology(options.drop, "Random", every=3, density=density))
    look = Look()
    if options.look:
        callbacks.append(look)
    if options.sabotage:
        callbacks.append(Sabotage(options.sabotage, ranks.rank, options.sabotage_at))
    if options.save:
        callbacks.append(nv.ModelCheckpoint(options.save, options.save_every))
    distributed = (
        DataParallel(ranks, options.shards) if options.local_steps is None else LocalSGD(ranks, options.local_steps)
    )
    history = nv.train(
        network,
        data,
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=0.1,
        seed=11,
        callbacks=callbacks,
        augmentation=nv.data.CropFlip(1) if options.images else None,
        sample_weight=1 + np.arange(split) % 3 if options.weighted else None,
        statistics="running" if options.running else True,
        resume=options.resume,
        distributed=distributed,
    )
    statistics = [
        x
        for layer in network.layers
        if isinstance(layer, nv.network.BatchNormLayer)
        for x in (layer.mean, layer.variance)
    ]
    everyone = ranks.from_all([parameter.vector for parameter in network.parameters()] + statistics)
    if ranks.rank == 0:
        for other in everyone[1:]:
            for mine, theirs in zip(everyone[0], other, strict=True):
                assert np.array_equal(mine, theirs), "the ranks end with different networks"
        values = {f"value{n}": parameter.vector for n, parameter in enumerate(network.parameters())}
        supports = {f"support{n}": layer.W.value.support.indices for n, layer in enumerate(network.linear_layers)}
        running = {
            f"running{n}": np.concatenate((layer.mean, layer.variance))
            for n, layer in enumerate(network.layers)
            if isinstance(layer, nv.network.BatchNormLayer)
        }
        losses = np.array([[np.nan if x is None else x for x in (e.train_loss, e.test_loss)] for e in history])
        accuracies = np.array([e.test_accuracy for e in history])
        seen = {"seen": np.array(look.seen)}
        np.savez(options.result, losses=losses, accuracies=accuracies, **values, **supports, **running, **seen)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
