"""iBOT on ImageNet-1k (Zhou et al., 2022), ViT-S/16 with 2 large and 10 small crops, 800 epochs.

AdamW at 5e-4 x batch / 256, batch 1024, weight decay 0.04 to 0.4 by a cosine, the gradient of each
array clipped at 3 (the settings of the authors' main_ibot.py); they report 77.9 linear and 75.2
kNN.
Command: jssl train image/ibot_imagenet --set data.data_dir=DIR --data-path stream
"""

from functools import partial

from jssl.augmentations.compose import Views, repeat
from jssl.augmentations.mask_varying import varying_mask
from jssl.augmentations.recipes import dino_multicrop, evaluation
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import vit
from jssl.methods.distillation.ibot import IBOT
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    crops = dino_multicrop(224, local=96, crops=10, scale=(0.25, 1.0), local_scale=(0.05, 0.25))
    options = {
        "positions": "learned",
        "kernel_init": "trunc_normal",
        "interpolation": "dino",
        "mask_std": 0.0,
        "dtype": "bfloat16",
    }
    return Experiment(
        method=IBOT(dtype="bfloat16"),
        encoder=vit("S/16", drop_path=0.1, **options),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=Views(**dict(crops.entries), mask=repeat(partial(varying_mask, grid=(14, 14)), 2)),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer(
            "adamw",
            learning_rate=5e-4,
            warmup_epochs=10,
            weight_decay=0.04,
            weight_decay_end=0.4,
            clip="parameter",
            clip_norm=3.0,
        ),
        batch_size=1024,
        epochs=800,
        expected=(
            ("linear", 0.779, "bytedance/ibot, ViT-S/16, 800 epochs"),
            ("knn", 0.752, "bytedance/ibot, ViT-S/16, 800 epochs"),
        ),
    )
