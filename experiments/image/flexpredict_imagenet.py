"""FlexPredict on ImageNet-1k (Bar et al., 2023), ViT-B/16 at the authors' code's settings.

AdamW at 8e-4, batch 2048 (unverified), 600 epochs of which 15 warm-up, bfloat16; the paper reports
74.5 top-1 (linear, last four layers) and 72.6 (last layer).
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
            "adamw", learning_rate=8e-4, scaling="none", warmup_epochs=15, weight_decay=0.04
        ),
        batch_size=2048,
        epochs=600,
        expected=(("linear", 0.726, "Bar et al., 2024, ViT-B/16, last layer"),),
    )
