"""DeepCluster-v2 on CIFAR-10 (Caron et al., 2020), ResNet-18, the recipe of solo-learn.

LARS at 0.6 x batch / 256, projector 2048 - 128, three clusterings of 3000, 1000 epochs at batch
256; solo-learn reports 88.85 (online linear probe).
Command: jssl train image/deepcluster_v2_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.compose import Views, field
from jssl.augmentations.recipes import CIFAR10, evaluation, symmetric_cifar
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.clustering.deepcluster_v2 import DeepClusterV2
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=DeepClusterV2(examples=45000),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=Views(**dict(symmetric_cifar(32).entries), index=field("index")),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "lars",
            learning_rate=0.6,
            warmup_epochs=11,
            end=1e-3,
            weight_decay=1e-6,
            trust_coefficient=0.02,
        ),
        batch_size=256,
        epochs=1000,
        expected=(("linear", 0.8885, "solo-learn, online linear probe, 1000 epochs"),),
    )
