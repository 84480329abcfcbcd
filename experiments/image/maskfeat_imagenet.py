"""MaskFeat on ImageNet-1k (Wei et al., 2022), ViT-B/16 at the authors' code's settings.

AdamW at 2e-4 x batch / 256, batch 2048, 1600 epochs of which 30 warm-up, bfloat16; the authors'
repository reports 84.0 top-1 after fine-tuning.
Command: jssl train image/maskfeat_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import evaluation, maskfeat
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.masked.maskfeat import MaskFeat
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MaskFeat(dtype="bfloat16"),
        encoder=ViT("B", patch_size=16, dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=maskfeat(224),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-4, warmup_epochs=30, weight_decay=0.05, clip_norm=0.02
        ),
        batch_size=2048,
        epochs=1600,
        expected=(("fine-tuned", 0.84, "facebookresearch/SlowFast, ViT-B/16, 1600 epochs"),),
    )
