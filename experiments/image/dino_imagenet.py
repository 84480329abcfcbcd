"""DINO on ImageNet-1k (Caron et al., 2021), ViT-S/16 with 2 large and 8 small crops, 800 epochs.

AdamW at 5e-4 x batch / 256, batch 1024, weight decay 0.04 to 0.4 by a cosine, the gradient of each
array clipped at 3 (the settings of the authors' main_dino.py); they report 77.0 linear and 74.5
kNN.
Command: jssl train image/dino_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import dino_multicrop, evaluation
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import vit
from jssl.methods.distillation.dino import DINO
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    options = {
        "positions": "learned",
        "kernel_init": "trunc_normal",
        "interpolation": "dino",
        "dtype": "bfloat16",
    }
    return Experiment(
        method=DINO(temperature=0.07, temperature_warmup=30, dtype="bfloat16"),
        encoder=vit("S/16", drop_path=0.1, **options),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=dino_multicrop(224, local=96, crops=8, scale=(0.25, 1.0), local_scale=(0.05, 0.25)),
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
            ("linear", 0.77, "facebookresearch/dino, ViT-S/16, 800 epochs"),
            ("knn", 0.745, "facebookresearch/dino, ViT-S/16, 800 epochs"),
        ),
    )
