"""dBOT on ImageNet-1k (Liu et al., 2022), ViT-B/16, two stages of 800 epochs.

AdamW at 1.5e-4 x batch / 256, batch 4096, 40 epochs of warm-up in each stage, bfloat16; the
authors' repository reports 84.5 top-1 after fine-tuning. The schedule is the method's,
hence end=1.0.
Command: jssl train image/dbot_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import evaluation, mae
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.masked.dbot import DBOT
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=DBOT(dtype="bfloat16"),
        encoder=ViT("B", patch_size=16, drop_path=0.2, positions="sincos_mae", dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=mae(224, tokens=196, ratio=0.75),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer(
            "adamw", learning_rate=1.5e-4, end=1.0, weight_decay=0.05, beta2=0.95, clip_norm=3.0
        ),
        batch_size=4096,
        epochs=1600,
        expected=(("fine-tuned", 0.845, "liuxingbin/dbot, ViT-B/16"),),
    )
