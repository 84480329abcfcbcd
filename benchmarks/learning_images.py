"""Every method on a part of CIFAR-10: one small protocol, three seeds, kNN and linear.

    python benchmarks/learning_images.py run --data cifar10.npz [--methods ...] [--seeds 0 1 2]
    python benchmarks/learning_images.py table

The file holds `train_images` uint8 [N, 32, 32, 3], `train_labels` [N] and the same for `test`
(`jssl.data.Npz` says what it reads). Each case has the encoder, heads and rates of the study on
shapes (`learning_shapes.py`), patches of 8 pixels where a transformer sees many crops included,
and the views of the method's `image/*_cifar10` experiment, two small crops where it has any; 6400
images, 5 epochs of batches of 128 for all. Records go to results/learning_images/, one JSON file a
run, and can be made in any order; about a minute a run on a CPU core.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")

from learning_shapes import STUDY as SHAPES

from jssl.config.experiment import Experiment, load
from jssl.data import Npz, Part
from jssl.studies import suite
from jssl.studies.suite import BenchmarkSuite, Case, Protocol

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "results" / "learning_images"
TRAIN = 6400
# Of the study on shapes: what belongs to its data and its budgets.
OTHER = ("data.", "batch_size=", "epochs=", "method.examples=")
# What depends on these images and their views.
OWN = {
    "clustering/deepcluster_v2": (f"method.examples={TRAIN}",),
    "pretext/diet": (f"method.examples={TRAIN}",),
    "masked/mae": ("views.mask.tokens=64",),
    "pretext/jigsaw": ("method.permutations=1000",),
}

TITLE = "Every method on a part of CIFAR-10 (JPEG copy): one small protocol"
NOTES = (
    "Written by `python benchmarks/learning_images.py table`. Top-1 accuracy on 3000 test images",
    "in %, mean ± standard deviation over seeds; 6400 training images, 5 epochs of 50 steps; the",
    "probes see 3000 labelled ones. Hyper-parameters are those of the study on shapes, none was",
    "chosen on these images.",
)


def on_images(name: str) -> Experiment:
    """The method's experiment on CIFAR-10, by the name of the one on shapes."""
    return load(name.replace("_shapes", "_cifar10"))


def case(own: Case) -> Case:
    """The case of a method, from its case in the study on shapes."""
    crops = "local" in dict(on_images(own.experiment).views.entries)
    other = OTHER if crops else (*OTHER, "views.local.")
    overrides = tuple(o for o in own.overrides if not o.startswith(other))
    overrides += OWN.get(own.method, ())
    tried = "250 steps with the settings of the study on shapes; nothing else, by the protocol."
    return Case(own.method, own.experiment, overrides, own.probe, margin=2.0, known_failures=tried)


def make(path: str) -> BenchmarkSuite:
    """The study on the images of a file."""

    def prepare(experiment: Experiment) -> Experiment:
        images = on_images(experiment.name)
        return dataclasses.replace(
            experiment,
            data=Part(Npz(path), train=TRAIN, validation=1000, test=3000),
            views=images.views,
            preprocess=images.preprocess,
        )

    protocol = Protocol(
        overrides=("batch_size=128", "epochs=5", "optimizer.warmup_epochs=1"),
        examples=(3000, 1000, 3000),
    )
    return BenchmarkSuite(tuple(case(own) for own in SHAPES.cases), protocol, prepare)


def main() -> None:
    """Runs what is missing, or writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=("run", "table"))
    parser.add_argument("--data", default="cifar10.npz", help="run in its folder: no path is kept")
    parser.add_argument("--methods", nargs="*", default=())
    parser.add_argument("--seeds", nargs="*", type=int, default=(0, 1, 2))
    arguments = parser.parse_args()
    images = make(arguments.data)
    if arguments.verb == "run":
        suite.work(images, FOLDER, methods=arguments.methods, seeds=arguments.seeds)
    else:
        suite.write_table(images, FOLDER, FOLDER, TITLE, NOTES)


if __name__ == "__main__":
    main()
