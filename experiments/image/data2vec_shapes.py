"""data2vec on procedural shapes (Baevski et al., 2022): a small ViT, blocks hide 60 % of it.

Command: jssl train image/data2vec_shapes. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views
from jssl.augmentations.mask_blocks import block_mask
from jssl.augmentations.recipes_shapes import shapes_alone, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.vit import ViT
from jssl.experiment import Experiment
from jssl.methods.distillation.data2vec import Data2Vec
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=Data2Vec(momentum=0.98, momentum_end=0.998, top=3),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4, pool="mean"),
        data=Shapes(),
        views=Views(
            image=shapes_alone(),
            mask=partial(block_mask, grid=(8, 8), ratio=0.6, smallest=4),
        ),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=3, weight_decay=0.05
        ),
        batch_size=256,
        epochs=40,
    )
