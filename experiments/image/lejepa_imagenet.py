"""LeJEPA on ImageNet-1k (Balestriero & LeCun, 2025), ViT-H/14.

Two global and six local crops, AdamW, bfloat16; the paper reports 79 top-1 (linear). Optimizer,
batch and epochs are unverified.
Command: jssl train image/lejepa_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import dino_multicrop, evaluation
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.redundancy.lejepa import LeJEPA
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=LeJEPA(dtype="bfloat16"),
        encoder=ViT("H", patch_size=14, image_size=224, dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=dino_multicrop(224, local=98, crops=6, scale=(0.3, 1.0), local_scale=(0.05, 0.3)),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer("adamw", learning_rate=5e-4, warmup_epochs=10, weight_decay=0.05),
        batch_size=512,
        epochs=100,
        expected=(("linear", 0.79, "Balestriero & LeCun, 2025, ViT-H/14"),),
    )
