"""DropPos on ImageNet-1k (Wang et al., 2023), ViT-B/16 at the authors' code's settings.

AdamW at 1.5e-4 x batch / 256, batch 4096, 800 epochs of which 10 warm-up, bfloat16; the authors'
repository reports 84.2 top-1 after fine-tuning.
Command: jssl train image/droppos_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import droppos, evaluation
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.pretext.droppos import DropPos
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=DropPos(dtype="bfloat16"),
        encoder=ViT("B", patch_size=16, positions="sincos_mae", dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=droppos(224),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer(
            "adamw", learning_rate=1.5e-4, warmup_epochs=10, weight_decay=0.05, beta2=0.95
        ),
        batch_size=4096,
        epochs=800,
        expected=(("fine-tuned", 0.842, "Haochen-Wang409/DropPos, ViT-B/16, 800 epochs"),),
    )
