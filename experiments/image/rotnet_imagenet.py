"""RotNet on ImageNet-1k (Gidaris et al., 2018), ResNet-50 in place of the paper's AlexNet.

The schedule of supervised training is unverified for this task; the paper reports 38.7 top-1
(linear, third convolution of AlexNet), which is no figure for this encoder.
Command: jssl train image/rotnet_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import evaluation, rotnet
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.pretext.rotnet import RotNet
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=RotNet(dtype="bfloat16"),
        encoder=ResNet(depth=50, stem="imagenet", dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=rotnet(224),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer("sgd", learning_rate=0.1, warmup_epochs=5, weight_decay=1e-4),
        batch_size=1024,
        epochs=90,
        expected=(("linear", 0.4700, "mmselfsup, ResNet-50, 70 epochs"),),
    )
