"""SwAV on ImageNet-1k (Caron et al., 2020), ResNet-50 with 2 large and 6 small crops, 200 epochs.

The authors' recipe for batch 256: LARS at 0.6, a queue of 3840 from epoch 15, weight decay 1e-6;
they report 73.9 top-1 (linear) for 200 epochs at batch 4096, where there is no queue.
Command: jssl train image/swav_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import evaluation, swav_multicrop
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.clustering.swav import SwAV
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SwAV(queue=3840, queue_epochs=15, dtype="bfloat16"),
        encoder=ResNet(depth=50, stem="imagenet", dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=swav_multicrop(224, local=96, crops=6),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer("lars", learning_rate=0.6, weight_decay=1e-6, end=1e-3),
        batch_size=256,
        epochs=200,
    )
