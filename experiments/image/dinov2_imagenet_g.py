"""DINOv2 on ImageNet-1k (Oquab et al., 2023) at the size of the paper's largest model: ViT-g/14.

The recipe of the authors' ViT-g run (batch 3072, AdamW at 2e-4 x sqrt(batch / 1024), weight decay
0.04 to 0.2, no layer decay, the patch embedding at a fifth of the rate, gradients clipped at 3 for
the backbone and for each head, stochastic depth 0.4, SwiGLU, crops of 224 and 98 pixels), for 100
epochs of ImageNet-1k in place of their 142 million images; blocks run as a loop and are computed
again for the gradient.
Command: jssl train image/dinov2_imagenet_g --fsdp 64 --set data.data_dir=DIR --data-path stream
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
        224, local=98, crops=8, scale=(0.32, 1.0), local_scale=(0.05, 0.32), kernel=9
    )
    options = {
        "positions": "learned",
        "kernel_init": "trunc_normal",
        "interpolation": "dino",
        "token_std": 1e-6,
        "mask_std": 0.0,
        "dtype": "bfloat16",
    }
    swiglu = {"gated": True, "activation": "silu", "mlp_ratio": 8 / 3}
    return Experiment(
        method=DINOv2(dtype="bfloat16"),
        encoder=vit(
            "g/14", drop_path=0.4, layer_scale=1e-5, scan=True, remat="full", **swiglu, **options
        ),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=Views(**dict(crops.entries), mask=repeat(partial(varying_mask, grid=(16, 16)), 2)),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer(
            "adamw",
            learning_rate=2e-4,
            scaling="sqrt",
            reference_batch=1024,
            warmup_epochs=10,
            weight_decay=0.04,
            weight_decay_end=0.2,
            multipliers=(("patch_embedding", 0.2),),
            clip="module",
            clip_norm=3.0,
        ),
        batch_size=3072,
        epochs=100,
    )
