"""I-JEPA on ImageNet-1k (Assran et al., 2023), ViT-B/16 at the paper's settings.

AdamW at 1e-3, batch 2048, 600 epochs of which 15 warm-up, weight decay 0.04 to 0.4 by a cosine,
bfloat16; the paper reports 72.9 top-1 (linear, last four layers).
Command: jssl train image/ijepa_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import evaluation, ijepa
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.predictive.ijepa import IJEPA
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=IJEPA(predictor_depth=6, dtype="bfloat16"),
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
            learning_rate=1e-3,
            scaling="none",
            warmup_epochs=15,
            weight_decay=0.04,
            weight_decay_end=0.4,
        ),
        batch_size=2048,
        epochs=600,
        expected=(("linear", 0.729, "Assran et al., 2023, ViT-B/16, last four layers"),),
    )
