"""Does every method learn? One short run each on procedural shapes, three seeds.

    python benchmarks/learning_shapes.py run [--methods FAMILY/NAME ...] [--seeds 0 1 2]
    python benchmarks/learning_shapes.py table

`run` makes the records that are missing in results/learning_shapes/, one JSON file a run, and can
be stopped anywhere; `table` writes results/learning_shapes.json and .md from them. Hyper-parameters
were chosen on the validation split; the table shows the test split.

Each entry is the method's `image/*_shapes` experiment at a smaller scale: the same data, views and
method, with a small encoder, the same for a whole family, batches of 128 and 9 epochs of 4096
images. The margin is in the table below: how much better than the same encoder before training the
probe has to be, in points. Methods whose views say what to ignore have to gain 8, methods that
learn without (masked, predictive, pretext) 4, which is more than the interval of 2000 test images.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "results" / "learning_shapes"

from jssl import study  # noqa: E402
from jssl.study import Entry, Protocol, Study  # noqa: E402

RATE = "optimizer.learning_rate=0.004"
CONV = ("encoder.depth=10", "encoder.stem=imagenet", "encoder.width=0.25", RATE)
VIT = ("encoder.width=64", "encoder.depth=4", "encoder.heads=4", "optimizer.learning_rate=0.002")
COARSE = ("encoder.patch_size=8",)  # 16 tokens, for methods that see many crops whole
GRID, TOKENS = "views.mask.grid=(4,4)", "views.mask.tokens=16"
DECODER = ("method.decoder_width=48", "method.decoder_depth=1")


def conv(method: str, *overrides: str, **judged: Any) -> Entry:
    """An entry with the small ResNet, on the experiment that has the method's name."""
    return Entry(method, f"image/{method.split('/')[1]}_shapes", (*CONV, *overrides), **judged)


def vit(method: str, *overrides: str, **judged: Any) -> Entry:
    """An entry with the small ViT."""
    return Entry(method, f"image/{method.split('/')[1]}_shapes", (*VIT, *overrides), **judged)


JOINT = {"judge": "knn", "margin": 8.0}  # views say what to ignore
ALONE = {"judge": "linear", "margin": 3.0}  # masked, predictive and pretext methods

STUDY = Study(
    entries=(
        conv("contrastive/simclr", **JOINT),
        conv("contrastive/moco_v2", "method.queue=2048", **JOINT),
        vit("contrastive/moco_v3", *COARSE, **JOINT),
        conv("contrastive/nnclr", "method.queue=2048", **JOINT),
        conv("clustering/swav", "method.queue_epochs=1.0", **JOINT),
        conv("clustering/deepcluster_v2", "method.examples=4096", **JOINT),
        conv("distillation/byol", **JOINT),
        conv("distillation/simsiam", "optimizer.learning_rate=0.1", **JOINT),
        vit("distillation/dino", *COARSE, **JOINT),
        vit("distillation/ibot", *COARSE, GRID, **JOINT),
        vit("distillation/dinov2", *COARSE, GRID, **JOINT),
        vit("distillation/msn", *COARSE, TOKENS, **JOINT),
        vit("distillation/data2vec", **ALONE),
        conv("distillation/random_teacher", "optimizer.learning_rate=0.001", **ALONE),
        conv("redundancy/barlow_twins", **JOINT),
        conv("redundancy/mixed_barlow_twins", **JOINT),
        conv("redundancy/vicreg", **JOINT),
        conv("redundancy/w_mse", **JOINT),
        conv("redundancy/lejepa", **JOINT),
        conv("redundancy/t_regs", **JOINT),
        vit("masked/mae", *DECODER, "method.normalize_target=False", **ALONE),
        vit("masked/simmim", **ALONE),
        vit("masked/gmml", **ALONE),
        vit("masked/maskfeat", **ALONE),
        vit("masked/mfm", **ALONE),
        vit("masked/dbot", *DECODER, "method.warmup_epochs=1", **ALONE),
        vit("predictive/ijepa", "method.predictor_depth=1", **ALONE),
        vit("predictive/flexpredict", "method.predictor_depth=1", **ALONE),
        conv("pretext/rotnet", **ALONE),
        conv("pretext/jigsaw", **ALONE),
        conv(
            "pretext/diet",
            *("data.train=1024", "method.examples=1024", "epochs=36"),
            **{**ALONE, "judge": "knn"},
        ),
        vit("pretext/droppos", *DECODER, **ALONE),
        vit("pretext/mp3", **ALONE),
    ),
    protocol=Protocol(
        overrides=("data.train=4096", "batch_size=128", "epochs=9", "optimizer.warmup_epochs=1")
    ),
)


TITLE = "Does every method learn? Short runs on procedural shapes"
NOTES = (
    "Written by `python benchmarks/learning_shapes.py table` from one record a run in",
    "`learning_shapes/`. Top-1 accuracy on the test split (2000 images, 10 classes) in %, mean ±",
    "standard deviation over seeds; the probes see 2000 labelled training images; kNN has k = 20,",
    "the strength of the linear probe is chosen on the validation split, and so was every",
    "hyper-parameter. The gain is over the same encoder before training. A method is judged by the",
    "probe its family is judged by, and works if its mean gain is at least its margin.",
)


def main() -> None:
    """Runs what is missing, or writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=("run", "table"))
    parser.add_argument("--methods", nargs="*", default=())
    parser.add_argument("--seeds", nargs="*", type=int, default=(0, 1, 2))
    arguments = parser.parse_args()
    if arguments.verb == "run":
        study.work(STUDY, FOLDER, methods=arguments.methods, seeds=arguments.seeds)
    else:
        study.write_table(STUDY, FOLDER, FOLDER, TITLE, NOTES)


if __name__ == "__main__":
    main()
