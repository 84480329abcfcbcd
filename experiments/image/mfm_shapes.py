"""MFM on procedural shapes (Xie et al., 2023): a small ViT with patches of 4 pixels.

Command: jssl train image/mfm_shapes. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views
from jssl.augmentations.labelled import after
from jssl.augmentations.recipes_shapes import shapes_alone, shapes_evaluation
from jssl.augmentations.spectrum import mask_frequencies
from jssl.data import Shapes
from jssl.encoders.vit import ViT
from jssl.experiment import Experiment
from jssl.methods.masked.mfm import MFM
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MFM(),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4, pool="mean"),
        data=Shapes(),
        views=Views(image=after(shapes_alone(), partial(mask_frequencies, radius=4.0))),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=3, weight_decay=0.05
        ),
        batch_size=256,
        epochs=40,
    )
