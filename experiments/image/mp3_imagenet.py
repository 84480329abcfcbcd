"""MP3 on ImageNet-1k (Zhai et al., 2022), ViT-B/16.

A quarter of the patches are context, 150 epochs; learning rate, batch, augmentation and ratio are
unverified, and the paper's figures (after fine-tuning) are not at hand.
Command: jssl train image/mp3_imagenet --set data.data_dir=DIR --data-path stream
"""

from functools import partial

from jssl.augmentations.compose import Views
from jssl.augmentations.masks import random_mask
from jssl.augmentations.recipes import evaluation
from jssl.augmentations.view import view
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.pretext.mp3 import MP3
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    one = view(224, gray_p=0.0)
    return Experiment(
        method=MP3(dtype="bfloat16"),
        encoder=ViT("B", patch_size=16, positions="none", pool="mean", dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=Views(image=one, mask=partial(random_mask, tokens=196, ratio=0.75)),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer(
            "adamw", learning_rate=5e-4, reference_batch=512, warmup_epochs=10, weight_decay=0.05
        ),
        batch_size=4096,
        epochs=150,
    )
