"""NNCLR on ImageNet-1k (Dwibedi et al., 2021), ResNet-50 at the paper's settings.

LARS at 0.3 x batch / 256, batch 4096, 1000 epochs, bfloat16; the paper reports 75.6 top-1 (linear,
with its multi-crop; 75.4 with two views; both unverified).
Command: jssl train image/nnclr_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import evaluation, simclr
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.contrastive.nnclr import NNCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=NNCLR(dtype="bfloat16"),
        encoder=ResNet(depth=50, stem="imagenet", zero_init_residual=True, dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=simclr(224),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer("lars", learning_rate=0.3, warmup_epochs=10, weight_decay=1e-6),
        batch_size=4096,
        epochs=1000,
        expected=(("linear", 0.754, "Dwibedi et al., 2021, ResNet-50, 1000 epochs (unverified)"),),
    )
