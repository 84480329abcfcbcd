"""DINOv2 on ImageNet-1k (Oquab et al., 2023), ViT-L/16: the short run of the authors' code.

AdamW at 4e-3 x sqrt(batch / 1024), batch 2048, 100 epochs (of 1250 steps in their code), weight
decay 0.04 to 0.4, layer decay 0.9, the patch embedding at a fifth of the rate, gradients clipped at
3 for the backbone and for each head (ssl_default_config.yaml); the authors report 82.9 linear and
81.6 kNN.
Command: jssl train image/dinov2_imagenet --set data.data_dir=DIR --data-path stream
"""

from functools import partial

from jssl.augmentations.compose import Views, repeat
from jssl.augmentations.mask_varying import varying_mask
from jssl.augmentations.recipes import dino_multicrop, evaluation
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import vit
from jssl.methods.distillation.dinov2 import DINOv2
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    crops = dino_multicrop(
        224, local=96, crops=8, scale=(0.32, 1.0), local_scale=(0.05, 0.32), kernel=9
    )
    options = {
        "positions": "learned",
        "kernel_init": "trunc_normal",
        "interpolation": "dino",
        "token_std": 1e-6,
        "mask_std": 0.0,
        "dtype": "bfloat16",
    }
    return Experiment(
        method=DINOv2(dtype="bfloat16"),
        encoder=vit("L/16", drop_path=0.3, layer_scale=1e-5, **options),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=Views(**dict(crops.entries), mask=repeat(partial(varying_mask, grid=(14, 14)), 2)),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer(
            "adamw",
            learning_rate=4e-3,
            scaling="sqrt",
            reference_batch=1024,
            warmup_epochs=10,
            weight_decay=0.04,
            weight_decay_end=0.4,
            layer_decay=0.9,
            multipliers=(("patch_embedding", 0.2),),
            clip="module",
            clip_norm=3.0,
        ),
        batch_size=2048,
        epochs=100,
        expected=(
            ("linear", 0.829, "facebookresearch/dinov2, ViT-L/16, short run"),
            ("knn", 0.816, "facebookresearch/dinov2, ViT-L/16, short run"),
        ),
    )
