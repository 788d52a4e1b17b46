"""How large a network can be: the SET authors' 1.8 million neurons, and as many as fit.

    python bench/scale.py [--neurons "1e6;1e7;5e7"] [--connections 10] [--threads 2] [--short] [--json FILE] [--plot FILE]

First 3312-600000-600000-600000-5, Erdős–Rényi with ε = 20, which the SET authors trained on the lung data set and a laptop in
112 minutes an epoch: created, trained in batches of 2 with SET after every epoch, saved, loaded, evaluated. The data are drawn
with the shape of that set: 203 samples of 3312 features in 5 classes, 135 for training.

Then networks of 1000 inputs, four hidden layers that have the neurons, each with so many `connections`, and 10 outputs.
The memory of each is predicted before anything is allocated (`nerva_py.network.footprint`); what would not fit is not tried.
Every network has a process of its own, whose peak is what the kernel says (VmHWM).
"""

from __future__ import annotations

import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import harness
import numpy as np
import typer

LUNG = [3312, 600_000, 600_000, 600_000, 5]
EPSILON, SAMPLES, TRAINING, BATCH = 20, 203, 135, 2
INPUTS, HIDDEN, OUTPUTS = 1000, 4, 10
STEPS = 5  # of the networks that are only as large as possible
OPTIMIZER = "Nesterov(0.9)"


class NervaPy:
    """One network in a process of its own."""

    def predict(self, sizes: list[int], densities: list[float], changes: bool) -> dict[str, float]:
        from nerva_py.network.footprint import available_memory, footprint

        need = footprint(sizes, densities, BATCH, changes=changes)
        return {
            "network": need.network,
            "training": need.training,
            "peak": need.peak,
            "available": available_memory() or 0,
        }

    def create(self, sizes: list[int], densities: list[float], samples: int, training: int) -> dict[str, Any]:
        """Data, and a network that is drawn."""
        import nerva_py as nv

        rng = np.random.default_rng(1)
        T = rng.integers(0, sizes[-1], samples)
        centres = rng.standard_normal((sizes[-1], sizes[0])).astype(np.float32)
        X = 0.3 * centres[T] + rng.standard_normal((samples, sizes[0])).astype(np.float32)
        self.data = nv.from_arrays(
            X[:training], T[:training], X[training:], T[training:], num_classes=sizes[-1], normalization="feature"
        )
        start = time.perf_counter()
        layers = ";".join(["AllReLU(0.6)"] * (len(sizes) - 2) + ["Linear"])
        self.network = nv.mlp(layers, sizes, layer_densities=densities, weights="SparseHe", seed=1)
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "nnz": self.network.nnz, "neurons": sum(sizes), "peak": peak()}

    def train(self, epochs: int, topology: str | None) -> list[dict[str, Any]]:
        """Epochs, with the seconds of each and of its change of the topology."""
        import nerva_py as nv

        callbacks = [] if topology is None else [nv.method(topology)]
        history = nv.train(
            self.network, self.data, epochs=epochs, batch_size=BATCH, learning_rate=0.1 / max(self.network.sizes),
            optimizer=OPTIMIZER, seed=1, callbacks=callbacks, timer=True,
        )  # fmt: skip
        return [{**vars(epoch), "measures": None} for epoch in history] + [{"phases": history.phases, "peak": peak()}]

    def steps(self, count: int) -> dict[str, Any]:
        """Seconds of single steps, without any change of the topology, the first of which allocates."""
        from own_step import own_run

        from nerva_py.engine import one_blas_thread, workspace

        run, seconds = own_run(self.network, self.data, 0.001, OPTIMIZER), []
        with workspace(), one_blas_thread:
            for t in range(1, count + 2):
                rows = np.arange(BATCH) + BATCH * t
                start = time.perf_counter()
                run.step(run.batch(rows))
                seconds.append(time.perf_counter() - start)
        return {
            "minimum": min(seconds[1:]),
            "median": float(np.median(seconds[1:])),
            "first": seconds[0],
            "peak": peak(),
        }

    def save_and_load(self) -> dict[str, Any]:
        """Seconds to write the network and to read it again, bytes of the file, and whether it predicts the same."""
        import nerva_py as nv

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.npz"
            start = time.perf_counter()
            nv.save(self.network, path, data=self.data)
            saved = time.perf_counter()
            size = path.stat().st_size
            Y = self.network.predict(self.data.Xtest[:4])
            del self.network
            middle = time.perf_counter()
            self.network = nv.load(path)
            loaded = time.perf_counter()
            same = bool(np.array_equal(Y, self.network.predict(self.data.Xtest[:4])))
        return {"save": saved - start, "load": loaded - middle, "bytes": size, "same": same, "peak": peak()}


def peak() -> int:
    """Bytes of memory that this process has had at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def erdos_renyi(sizes: list[int], epsilon: float) -> list[float]:
    """ε (D + K) / (D K) of each layer, at most 1."""
    return [min(1.0, epsilon * (D + K) / (D * K)) for D, K in pairwise(sizes)]


def evenly(neurons: int, connections: float) -> tuple[list[int], list[float]]:
    """Sizes and densities: each hidden neuron has so many inputs, and a tenth of that share goes to the outputs."""
    width = round(neurons / HIDDEN)
    sizes = [INPUTS, *[width] * HIDDEN, OUTPUTS]
    densities = [min(1.0, connections / D) for D in sizes[:-2]] + [min(1.0, connections / (10 * OUTPUTS))]
    return sizes, densities


def measure_lung(threads: int, short: bool) -> dict[str, Any]:
    """The network of the SET authors; the short version has 6000 neurons a layer."""
    sizes = [LUNG[0], *[6000] * 3, LUNG[-1]] if short else LUNG
    densities = erdos_renyi(sizes, EPSILON)
    worker = harness.processes(__file__, ["nerva_py"], threads)["nerva_py"]
    predicted = worker.ask("predict", sizes=sizes, densities=densities, changes=True)
    row: dict[str, Any] = {"sizes": sizes, "predicted": predicted}
    if predicted["peak"] <= predicted["available"]:
        row["create"] = worker.ask("create", sizes=sizes, densities=densities, samples=SAMPLES, training=TRAINING)
        *row["epochs"], row["training"] = worker.ask("train", epochs=3, topology="SET(0.3)")
        row["file"] = worker.ask("save_and_load")
    worker.close()
    return row


def measure(neurons: int, connections: float, threads: int) -> dict[str, Any]:
    """A network of so many hidden neurons, as far as it fits."""
    sizes, densities = evenly(neurons, connections)
    worker = harness.processes(__file__, ["nerva_py"], threads)["nerva_py"]
    row: dict[str, Any] = {
        "neurons": neurons,
        "predicted": worker.ask("predict", sizes=sizes, densities=densities, changes=False),
    }
    if row["predicted"]["peak"] <= row["predicted"]["available"]:
        samples = BATCH * (STEPS + 3)
        row["create"] = worker.ask(
            "create", sizes=sizes, densities=densities, samples=samples, training=samples - BATCH
        )
        row["step"] = worker.ask("steps", count=STEPS)
    worker.close()
    return row


def exponents(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Slopes of log time and log memory over log nnz."""
    done = [row for row in rows if "step" in row]
    if len(done) < 2:
        return {}
    nnz = np.log([row["create"]["nnz"] for row in done])
    quantities = {
        "create": [row["create"]["seconds"] for row in done],
        "step": [row["step"]["minimum"] for row in done],
        "memory": [row["step"]["peak"] for row in done],
    }
    return {name: float(np.polyfit(nnz, np.log(values), 1)[0]) for name, values in quantities.items()}


def print_lung(row: dict[str, Any]) -> None:
    print("-".join(map(str, row["sizes"])), f"with ε = {EPSILON}, batches of {BATCH}, SET after every epoch\n")
    if "create" not in row:
        print(f"needs {harness.size_text(row['predicted']['peak'])}, more than is available\n")
        return
    nnz = row["create"]["nnz"]
    print(f"{nnz:,} weights created in {row['create']['seconds']:.1f} s")
    for epoch in row["epochs"]:
        print(f"epoch {epoch['epoch']}: {epoch['seconds']:.1f} s, training loss {epoch['train_loss']:.3g}, "
              f"test accuracy {epoch['test_accuracy']:.1%}")  # fmt: skip
    phases = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in row["training"]["phases"].items())
    print(f"of all epochs: {phases}")
    print(f"saved in {row['file']['save']:.1f} s ({harness.size_text(row['file']['bytes'])}), "
          f"loaded in {row['file']['load']:.1f} s, predicts the same: {row['file']['same']}")  # fmt: skip
    print(f"peak memory {harness.size_text(row['file']['peak'])}, "
          f"predicted {harness.size_text(row['predicted']['peak'])}\n")  # fmt: skip


def print_rows(rows: list[dict[str, Any]]) -> None:
    body = []
    for row in rows:
        predicted = harness.size_text(row["predicted"]["peak"])
        if "step" not in row:
            body.append([f"{row['neurons']:,}", "–", "–", "–", predicted, "does not fit"])
            continue
        times = f"{harness.time_text(row['step']['minimum'])} ({harness.time_text(row['step']['median'])})"
        created = harness.time_text(row["create"]["seconds"])
        peak_text = harness.size_text(row["step"]["peak"])
        body.append([f"{row['neurons']:,}", f"{row['create']['nnz']:,}", created, times, predicted, peak_text])
    harness.table(["neurons", "weights", "created in", "step, fastest (median)", "memory predicted", "peak"], body)
    for name, slope in exponents(rows).items():
        print(f"{name} ∝ weights^{slope:.2f}")


def plot(path: Path, rows: list[dict[str, Any]]) -> None:
    """Time and memory over the number of weights."""
    figure = harness.new_figure(8.4, 3.8)
    axes = figure.subplots(1, 2)
    done = [row for row in rows if "step" in row]
    nnz = [row["create"]["nnz"] for row in done]
    style = harness.STYLES["nerva_py"]
    axes[0].plot(nnz, [row["create"]["seconds"] for row in done], label="creation", color="#0072B2", marker="s")
    axes[0].plot(nnz, [row["step"]["minimum"] for row in done], label=f"training step, {BATCH} samples", **style)
    axes[0].set_ylabel("time (s)")
    axes[1].plot(
        nnz, [row["predicted"]["peak"] / 1e9 for row in done], label="predicted", color="#000000", linestyle="--"
    )
    axes[1].plot(nnz, [row["step"]["peak"] / 1e9 for row in done], label="measured", **style)
    axes[1].set_ylabel("peak memory (GB)")
    for ax in axes:
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel("weights")
        ax.legend(frameon=False)
        harness.bare(ax)
    figure.savefig(path)


def main(
    threads: harness.Threads = 2,
    short: harness.Short = False,
    json_file: harness.JsonFile = None,
    plot_file: harness.PlotFile = None,
    neurons: Annotated[str, typer.Option(help="Numbers of hidden neurons.")] = "1e6;1e7;5e7",
    connections: Annotated[float, typer.Option(help="Inputs of each hidden neuron.", min=0.1)] = 10,
) -> None:
    """The SET authors' network, and networks of as many neurons as fit."""
    try:
        numbers = [round(float(part)) for part in neurons.replace(",", ";").split(";")]
    except ValueError:
        raise typer.BadParameter(f"{neurons!r}; numbers such as 1e6;1e7 are allowed", param_hint="--neurons") from None
    if min(numbers) < HIDDEN:
        raise typer.BadParameter(f"{min(numbers)}; at least {HIDDEN} are needed", param_hint="--neurons")
    facts = harness.heading(threads)
    lung = measure_lung(threads, short)
    harness.write_json(json_file, facts, lung=lung)
    print_lung(lung)
    rows: list[dict[str, Any]] = []
    for count in (20_000, 60_000) if short else numbers:
        rows.append(measure(count, connections, threads))
        harness.write_json(json_file, facts, lung=lung, rows=rows, exponents=exponents(rows))
    print_rows(rows)
    if plot_file:
        plot(plot_file, rows)


if __name__ == "__main__":
    harness.run(main, {"nerva_py": NervaPy})
