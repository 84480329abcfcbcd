"""SimMIM on ImageNet-1k (Xie et al., 2022), ViT-B/16 at the authors' code's settings.

AdamW at 1e-4 x batch / 512, batch 2048, 800 epochs of which 10 warm-up, bfloat16; the paper reports
83.8 top-1 after fine-tuning. The rate falls by a cosine here, in one step at epoch 700 there.
Command: jssl train image/simmim_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import evaluation, simmim
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.masked.simmim import SimMIM
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimMIM(dtype="bfloat16"),
        encoder=ViT(
            "B", patch_size=16, drop_path=0.1, kernel_init="trunc_normal_beit", dtype="bfloat16"
        ),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=simmim(224),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-4, reference_batch=512, warmup_epochs=10, weight_decay=0.05
        ),
        batch_size=2048,
        epochs=800,
        expected=(("fine-tuned", 0.838, "Xie et al., 2022, ViT-B/16, 800 epochs"),),
    )
