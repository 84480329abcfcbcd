"""SimSiam on CIFAR-10 (Chen & He, 2021), ResNet-18, the recipe of PatrickHua/SimSiam.

SGD at 0.03 x batch / 256, two-layer projector, 800 epochs at batch 512, crops from 0.2, no blur;
that repository reports 90.83 (linear) and 90.3 (kNN).
Command: jssl train image/simsiam_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, evaluation, moco_v2
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.distillation.simsiam import SimSiam
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimSiam(hidden=(2048,)),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=moco_v2(32, blur=0.0, stats=CIFAR10),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer("sgd", learning_rate=0.03, weight_decay=5e-4, decay_vectors=True),
        batch_size=512,
        epochs=800,
        expected=(
            ("linear", 0.9083, "PatrickHua/SimSiam, 800 epochs"),
            ("knn", 0.903, "PatrickHua/SimSiam, 800 epochs"),
            ("linear", 0.9051, "solo-learn, online linear probe, 1000 epochs"),
        ),
    )
