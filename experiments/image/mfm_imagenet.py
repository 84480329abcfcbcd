"""MFM on ImageNet-1k (Xie et al., 2023), ViT-B/16 at the authors' code's settings.

AdamW at 3e-4 x batch / 512, batch 2048, 300 epochs of which 20 warm-up, gradients clipped at 3,
bfloat16; the paper reports 83.1 top-1 after fine-tuning.
Command: jssl train image/mfm_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import evaluation, mfm
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.masked.mfm import MFM
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MFM(dtype="bfloat16"),
        encoder=ViT("B", patch_size=16, kernel_init="trunc_normal_beit", dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=mfm(224),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer(
            "adamw",
            learning_rate=3e-4,
            reference_batch=512,
            warmup_epochs=20,
            weight_decay=0.05,
            beta2=0.95,
            clip_norm=3.0,
        ),
        batch_size=2048,
        epochs=300,
        expected=(("fine-tuned", 0.831, "Xie et al., 2023, ViT-B/16, 300 epochs"),),
    )
