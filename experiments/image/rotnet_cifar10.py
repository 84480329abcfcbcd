"""RotNet on CIFAR-10 (Gidaris et al., 2018), ResNet-18, the optimizer of the authors' code.

SGD at 0.1, batch 128 of four rotations each, 200 epochs; the paper reports 91.16 with a trained
non-linear classifier on the second block of a four-block network in network, no linear probe.
The rate falls by a cosine here, in three steps there.
Command: jssl train image/rotnet_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, evaluation, rotnet
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.pretext.rotnet import RotNet
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=RotNet(),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=rotnet(32, scale=(1.0, 1.0), stats=CIFAR10),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "sgd", learning_rate=0.1, scaling="none", nesterov=True, weight_decay=5e-4
        ),
        batch_size=128,
        epochs=200,
    )
