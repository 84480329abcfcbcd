"""VICReg on ImageNet-1k (Bardes et al., 2022), ResNet-50 at the paper's settings.

LARS at 0.2 x batch / 256, batch 2048, 1000 epochs, bfloat16; the paper reports 73.2 top-1
(linear).
Command: jssl train image/vicreg_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import evaluation, vicreg
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.redundancy.vicreg import VICReg
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=VICReg(dtype="bfloat16"),
        encoder=ResNet(depth=50, stem="imagenet", zero_init_residual=True, dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=vicreg(224),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer("lars", learning_rate=0.2, warmup_epochs=10, weight_decay=1e-6),
        batch_size=2048,
        epochs=1000,
        expected=(("linear", 0.732, "Bardes et al., 2022, ResNet-50, 1000 epochs"),),
    )
