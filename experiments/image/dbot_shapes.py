"""dBOT on procedural shapes (Liu et al., 2022): two stages, the first with a random teacher.

Command: jssl train image/dbot_shapes. No published figure.
"""

from jssl.augmentations.recipes import evaluation, mae
from jssl.cli import run_module
from jssl.data import Shapes
from jssl.encoders.vit import ViT
from jssl.experiment import Experiment
from jssl.methods.masked.dbot import DBOT
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=DBOT(decoder_width=64, decoder_depth=2, decoder_heads=4, warmup_epochs=2),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4, pool="mean"),
        data=Shapes(),
        views=mae(32, tokens=64, ratio=0.75, stats=None),
        preprocess=evaluation(stats=None),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", end=1.0, weight_decay=0.05, beta2=0.95
        ),
        batch_size=256,
        epochs=40,
    )


if __name__ == "__main__":
    run_module(__spec__)
