"""GMML on ImageNet-1k (Atito et al., 2022), ViT-S/16, the optimizer of the authors' code.

AdamW at 5e-4 x batch / 256, weight decay 0.04 to 0.4 by a cosine, 800 epochs of which 10 warm-up,
bfloat16; one view here, two there.
Command: jssl train image/gmml_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import evaluation, gmml
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.masked.gmml import GMML
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=GMML(dtype="bfloat16"),
        encoder=ViT("S", patch_size=16, dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=gmml(224),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer(
            "adamw",
            learning_rate=5e-4,
            warmup_epochs=10,
            weight_decay=0.04,
            weight_decay_end=0.4,
            clip_norm=3.0,
        ),
        batch_size=1024,
        epochs=800,
    )
