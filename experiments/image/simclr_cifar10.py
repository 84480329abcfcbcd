"""SimCLR on CIFAR-10 (Chen et al., 2020), ResNet-18, the recipe of lightly's benchmark.

SGD at 0.06 x batch / 128, temperature 0.5, 200 epochs at batch 512; lightly reports 0.848 kNN
(87 minutes on an A6000), the best epoch on the test set where ours is the last.
Command: jssl train image/simclr_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import evaluation, simclr_cifar
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimCLR(temperature=0.5, hidden=(512,), out=128),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=simclr_cifar(32),
        preprocess=evaluation(),
        optimizer=Optimizer(
            "sgd", learning_rate=0.06, reference_batch=128, weight_decay=5e-4, decay_vectors=True
        ),
        batch_size=512,
        epochs=200,
        expected=(
            ("knn", 0.848, "lightly, CIFAR-10 benchmark, batch 512, 200 epochs"),
            ("linear", 0.9074, "solo-learn, online linear probe, 1000 epochs"),
        ),
    )
