"""MSN on ImageNet-1k (Assran et al., 2022), ViT-S/16, a masked view and 10 small crops, 800 epochs.

AdamW at 1e-3, batch 1024, 15 epochs of warm-up, weight decay 0.04 to 0.4 by a cosine; the paper
reports 76.9 linear.
Command: jssl train image/msn_imagenet --set data.data_dir=DIR --data-path stream
"""

from functools import partial

from jssl.augmentations.compose import Views, repeat
from jssl.augmentations.masks import random_mask
from jssl.augmentations.recipes import evaluation, view
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import vit
from jssl.methods.distillation.msn import MSN
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    options = {"jitter": (0.4, 0.4, 0.4, 0.1), "blur_p": 0.5}
    whole = view(224, scale=(0.3, 1.0), **options)
    return Experiment(
        method=MSN(dtype="bfloat16"),
        encoder=vit("S/16", kernel_init="trunc_normal", dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=Views(
            target=whole,
            anchor=whole,
            mask=partial(random_mask, tokens=196, ratio=0.15),
            local=repeat(view(96, scale=(0.05, 0.3), **options), 10),
        ),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer(
            "adamw",
            learning_rate=1e-3,
            scaling="none",
            warmup_epochs=15,
            warmup_start=0.2,
            weight_decay=0.04,
            weight_decay_end=0.4,
            clip_norm=3.0,
        ),
        batch_size=1024,
        epochs=800,
        expected=(("linear", 0.769, "Assran et al., 2022, ViT-S/16, 800 epochs"),),
    )
