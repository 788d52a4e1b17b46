"""Test accuracy against density for static and dynamic topologies, with the schedule of the Nerva authors' logs.

    python bench/accuracy.py --data-dir DIR                                  CIFAR-10: all densities, 3 seeds, 100 epochs
    python bench/accuracy.py --data-dir DIR --densities 0.01 --methods "Static;SET(0.3)" --json FILE
    python bench/accuracy.py --table --json FILE --plot FILE                 table and picture of what is in the file
    python bench/accuracy.py --short                                         digits, 2 seeds, 8 epochs: seconds, no download

Every run is written to the JSON file as soon as it is over, and one that is there is not repeated; so the command can be
interrupted and started again. The accuracy is that of the last epoch, never of the best one. Where nothing else is given:
learning rate 0.1 up to density 0.01, 0.03 up to 0.1, 0.01 above, divided by 10 after half and three quarters of the epochs;
Xavier, or from density 0.005 downwards SparseHe.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path

import accuracy_plot
import machine

# Few updates with a gradient of many samples: with RigL's own hundred steps of small batches a few neurons gather most of
# the weights of these networks, which then learn less than static ones.
METHODS = ["Static", "SET(0.3)", "RigL(0.3,every='5 epochs',batches=20)"]
DENSITIES = [0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0]
HIDDEN = {"cifar10": (1024, 512), "mnist": (300, 100), "digits": (256, 128)}
# The Nerva authors' logs: density -> accuracy of Nerva and of masked PyTorch on CIFAR-10 with the same schedule.
LOGGED = {
    0.001: (0.329, 0.100), 0.005: (0.532, 0.465), 0.01: (0.562, 0.539), 0.05: (0.612, 0.621), 0.1: (0.620, 0.638),
    0.2: (0.647, 0.656), 0.5: (0.651, 0.661), 1.0: (0.642, 0.652),
}  # fmt: skip
SHORT = {
    "dataset": "digits", "densities": [0.05, 0.1, 0.5], "methods": ["Static", "SET(0.3)", "RigL(0.3,every='1 epoch')"],
    "seeds": [1, 2], "epochs": 8, "batch_size": 20, "augment": False, "learning_rate": 0.1,
}  # fmt: skip
KEY = (
    "dataset", "hidden", "density", "method", "weights", "learning_rate", "optimizer", "epochs", "batch_size", "augment",
    "seed",
)  # fmt: skip


def main(given: Sequence[str] | None = None) -> None:
    options = arguments(given)
    runs = json.loads(options.json.read_text())["runs"] if options.json and options.json.exists() else []
    if not options.table:
        from nerva_py import threads

        cores = threads.available_cores()
        threads.configure(options.threads)
        for setting in settings(options):
            if any(all(run[key] == setting[key] for key in KEY) for run in runs):
                continue
            run = train(setting, options)
            runs.append(run)
            print(line(run), flush=True)
            if options.json:
                found = machine.facts(options.threads or cores)
                options.json.write_text(json.dumps({"machine": found, "runs": runs}, indent=1) + "\n")
    print(table(runs))
    if options.plot:
        accuracy_plot.draw(runs, LOGGED).savefig(options.plot)


def settings(options: argparse.Namespace) -> list[dict]:
    """All combinations, seeds last, so that an interrupted run has every method at least once."""
    return [
        {
            "dataset": options.dataset,
            "hidden": options.hidden or list(HIDDEN.get(options.dataset, (256, 128))),
            "density": density,
            "method": method,
            "weights": options.weights or ("SparseHe" if density <= 0.005 else "Xavier"),
            "learning_rate": options.learning_rate or (0.1 if density <= 0.01 else 0.03 if density <= 0.1 else 0.01),
            "optimizer": options.optimizer,
            "epochs": options.epochs,
            "batch_size": options.batch_size,
            "augment": options.augment,
            "seed": seed,
        }
        for seed in options.seeds
        for density in options.densities
        for method in options.methods
    ]


def train(setting: dict, options: argparse.Namespace) -> dict:
    """One run: the setting with its accuracy, seconds an epoch and R_s."""
    import nerva_py as nv
    from nerva_py.topology import method
    from nerva_py.training.loop import resolve_loss

    data = nv.load_dataset(setting["dataset"], **({"data_dir": options.data_dir} if options.data_dir else {}))
    sizes = [data.num_features, *setting["hidden"], data.num_outputs]
    dynamic = method(setting["method"])
    # A method that prunes to a density begins with a dense network.
    start = 1.0 if dynamic.density is not None else setting["density"]
    network = nv.mlp(
        ["ReLU"] * (len(sizes) - 2) + ["Linear"], sizes,
        overall_density=start, weights=setting["weights"], seed=setting["seed"],
    )  # fmt: skip
    epochs, large = setting["epochs"], data.name == "cifar10"
    history = nv.train(
        network, data, optimizer=setting["optimizer"], epochs=epochs, batch_size=setting["batch_size"],
        learning_rate=f"MultiStepLR({setting['learning_rate']};{epochs // 2},{epochs * 3 // 4};0.1)",
        augmentation=nv.data.CropFlip(4 if large else 2, large) if options.augment else None,
        statistics=False, seed=setting["seed"], callbacks=[dynamic],
    )  # fmt: skip
    loss, accuracy = nv.evaluate(network, data, resolve_loss("SoftmaxCrossEntropy"))
    seconds = [epoch.seconds for epoch in history]
    return {
        **setting, "accuracy": accuracy, "loss": loss, "nnz": network.nnz,
        "final_density": network.density, "R_s": history[-1].measures["topology"]["R_s"],
        "epoch_seconds": statistics.median(seconds), "train_seconds": sum(seconds),
            }  # fmt: skip


def line(run: dict) -> str:
    return (
        f"{run['dataset']} density {run['density']:g} {run['method']} seed {run['seed']}: {run['accuracy']:.4f} "
        f"({run['epoch_seconds']:.2f} s an epoch, R_s {run['R_s']:.3f})"
    )


def table(runs: list[dict]) -> str:
    """For each network a row a density, a column a method: mean ± standard deviation over the seeds (their number)."""
    networks = dict.fromkeys((run["dataset"], tuple(run["hidden"])) for run in runs)
    return "\n\n".join(
        f"{name}, hidden layers {', '.join(map(str, hidden))}\n\n"
        + _table([run for run in runs if (run["dataset"], tuple(run["hidden"])) == (name, hidden)], name == "cifar10")
        for name, hidden in networks
    )


def _table(runs: list[dict], logged: bool) -> str:
    methods = list(dict.fromkeys(run["method"] for run in runs))
    densities = sorted({run["density"] for run in runs})
    head = ["density", *methods, *(["Nerva's log", "PyTorch's log"] if logged else [])]
    rows = [head, ["---"] * len(head)]
    for density in densities:
        row = [f"{density:g}"]
        for name in methods:
            values = [100 * run["accuracy"] for run in runs if run["density"] == density and run["method"] == name]
            spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
            row.append(f"{statistics.mean(values):.2f}{spread} ({len(values)})" if values else "")
        if logged:
            row += [f"{100 * value:.1f}" for value in LOGGED[density]] if density in LOGGED else ["", ""]
        rows.append(row)
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--hidden", type=lambda text: [int(n) for n in text.split(",")])
    parser.add_argument("--densities", type=lambda text: [float(d) for d in text.split(",")], default=DENSITIES)
    parser.add_argument("--methods", type=lambda text: text.split(";"), default=METHODS)
    parser.add_argument("--seeds", type=lambda text: [int(s) for s in text.split(",")], default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--weights")
    parser.add_argument("--optimizer", default="Nesterov(0.9)")
    parser.add_argument("--no-augment", dest="augment", action="store_false")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path, help="draw accuracy against density into this file")
    parser.add_argument("--table", action="store_true", help="only show what is in the file")
    parser.add_argument("--short", action="store_true", help="other defaults: the digits data set and eight epochs")
    if parser.parse_known_args(given)[0].short:
        parser.set_defaults(**SHORT)
    options = parser.parse_args(given)
    if options.plot and (reason := accuracy_plot.why_not(options.plot)):
        parser.error(f"--plot {options.plot}: {reason}")  # now, and not after hours
    if options.table and not (options.json and options.json.exists()):
        parser.error("--table shows the runs of a file: --json FILE")
    return options


if __name__ == "__main__":
    main()
