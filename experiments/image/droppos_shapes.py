"""DropPos on procedural shapes (Wang et al., 2023): a small ViT with patches of 4 pixels.

Command: jssl train image/droppos_shapes. No published figure.
"""

from jssl.augmentations.recipes import droppos, evaluation
from jssl.cli import run_module
from jssl.data import Shapes
from jssl.encoders.vit import ViT
from jssl.experiment import Experiment
from jssl.methods.pretext.droppos import DropPos
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=DropPos(decoder_width=64, decoder_depth=1, decoder_heads=4),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4, pool="mean"),
        data=Shapes(),
        views=droppos(32, tokens=64, ratio=0.5, stats=None),
        preprocess=evaluation(stats=None),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=3, weight_decay=0.05
        ),
        batch_size=256,
        epochs=40,
    )


if __name__ == "__main__":
    run_module(__spec__)
