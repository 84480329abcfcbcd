"""MAE on procedural shapes (He et al., 2022): a small ViT with patches of 4 pixels.

Command: jssl train image/mae_shapes. No published figure.
"""

from jssl.augmentations.recipes import evaluation, mae
from jssl.cli import run_module
from jssl.data import Shapes
from jssl.encoders.vit import ViT
from jssl.experiment import Experiment
from jssl.methods.masked.mae import MAE
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MAE(decoder_width=64, decoder_depth=2, decoder_heads=4),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4, pool="mean"),
        data=Shapes(),
        views=mae(32, tokens=64, ratio=0.75, stats=None),
        preprocess=evaluation(stats=None),
        optimizer=Optimizer(
            "adamw",
            learning_rate=1.5e-3,
            scaling="none",
            warmup_epochs=3,
            weight_decay=0.05,
            beta2=0.95,
        ),
        batch_size=256,
        epochs=24,
    )


if __name__ == "__main__":
    run_module(__spec__)
