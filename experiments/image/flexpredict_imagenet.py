"""FlexPredict on ImageNet-1k (Bar et al., 2023), ViT-B/16 at the authors' code's settings.

AdamW from 2e-4 to 8e-4 in 15 epochs and to 1e-4 in 600, batch 2048, weight decay 0.04 to 0.4 by a
cosine, bfloat16; the paper reports 74.5 top-1 (linear, last four layers) and 72.6 (last layer).
Command: jssl train image/flexpredict_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import evaluation, ijepa
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.predictive.flexpredict import FlexPredict
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=FlexPredict(dtype="bfloat16"),
        encoder=ViT(
            "B",
            patch_size=16,
            pool="mean",
            positions="sincos_mae",
            kernel_init="trunc_normal_depth",
            dtype="bfloat16",
        ),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=ijepa(224),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer(
            "adamw",
            learning_rate=8e-4,
            scaling="none",
            warmup_epochs=15,
            warmup_start=0.25,
            end=0.125,
            weight_decay=0.04,
            weight_decay_end=0.4,
        ),
        batch_size=2048,
        epochs=600,
        expected=(("linear", 0.726, "Bar et al., 2024, ViT-B/16, last layer"),),
    )
