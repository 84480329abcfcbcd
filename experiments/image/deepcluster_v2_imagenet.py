"""DeepCluster-v2 on ImageNet-1k (Caron et al., 2020), ResNet-50 with multi-crop, 800 epochs.

LARS at 0.3 x batch / 256, batch 4096; the authors report 75.2 top-1 (linear).
Command: jssl train image/deepcluster_v2_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.compose import Views, field
from jssl.augmentations.recipes import evaluation, swav_multicrop
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.clustering.deepcluster_v2 import DeepClusterV2
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    crops = swav_multicrop(224, local=96, crops=6)
    return Experiment(
        method=DeepClusterV2(examples=1281167, dtype="bfloat16"),
        encoder=ResNet(depth=50, stem="imagenet", dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=Views(**dict(crops.entries), index=field("index")),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer(
            "lars",
            learning_rate=0.3,
            warmup_epochs=10,
            warmup_start=0.0625,
            end=1e-3,
            weight_decay=1e-6,
        ),
        batch_size=4096,
        epochs=800,
        expected=(("linear", 0.752, "facebookresearch/swav, DeepCluster-v2, 800 epochs"),),
    )
