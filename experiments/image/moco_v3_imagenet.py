"""MoCo v3 on ImageNet-1k (Chen et al., 2021), ViT-S/16 at the paper's settings.

AdamW at 1.5e-4 x batch / 256, batch 4096, 300 epochs of which 40 warm-up, bfloat16; the authors'
ViT-S has 12 heads. Their repository reports 73.2 top-1 (linear).
Command: jssl train image/moco_v3_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import evaluation, moco_v3
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.contrastive.moco_v3 import MoCoV3
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MoCoV3(dtype="bfloat16"),
        encoder=ViT(
            "S",
            patch_size=16,
            heads=12,
            kernel_init="xavier_split",
            token_std=1e-6,
            dtype="bfloat16",
        ),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=moco_v3(224),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer("adamw", learning_rate=1.5e-4, warmup_epochs=40, weight_decay=0.1),
        batch_size=4096,
        epochs=300,
        expected=(("linear", 0.732, "facebookresearch/moco-v3, ViT-S/16, 300 epochs"),),
    )
