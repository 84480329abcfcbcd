"""MoCo v2 on CIFAR-10 (Chen et al., 2020b), ResNet-18, the recipe of solo-learn.

SGD at 0.3 x batch / 256, symmetric, queue 32768, momentum 0.99 to 0.999, 1000 epochs at batch 256;
solo-learn reports 92.94 (online linear probe).
Command: jssl train image/moco_v2_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, evaluation, weak_cifar
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.contrastive.moco_v2 import MoCoV2
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MoCoV2(queue=32768, momentum=0.99, momentum_end=0.999, symmetric=True, out=256),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=weak_cifar(32),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer("sgd", learning_rate=0.3, warmup_epochs=10, weight_decay=1e-4),
        batch_size=256,
        epochs=1000,
        expected=(
            ("linear", 0.9294, "solo-learn, online linear probe, 1000 epochs"),
            ("knn", 0.8470, "lightly, batch 512, 200 epochs, best epoch on test"),
        ),
    )
