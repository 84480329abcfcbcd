"""MAE on ImageNet-1k (He et al., 2022), ViT-B/16 at the paper's settings.

AdamW at 1.5e-4 x batch / 256, batch 4096, 1600 epochs of which 40 warm-up, bfloat16; the paper
reports 68.0 top-1 (linear) and 83.6 (fine-tuned).
Command: jssl train image/mae_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import evaluation, mae
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.masked.mae import MAE
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MAE(dtype="bfloat16"),
        encoder=ViT("B", patch_size=16, positions="sincos_mae", dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=mae(224, tokens=196, ratio=0.75),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer(
            "adamw", learning_rate=1.5e-4, warmup_epochs=40, weight_decay=0.05, beta2=0.95
        ),
        batch_size=4096,
        epochs=1600,
        expected=(
            ("linear", 0.680, "He et al., 2022, ViT-B/16, 1600 epochs"),
            ("fine-tuned", 0.836, "He et al., 2022, ViT-B/16, 1600 epochs"),
        ),
    )
