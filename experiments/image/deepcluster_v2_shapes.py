"""DeepCluster-v2 on procedural shapes (Caron et al., 2020): a small ResNet, six crops.

Command: jssl train image/deepcluster_v2_shapes. No published figure.
"""

from jssl.augmentations.compose import Views, field
from jssl.augmentations.recipes_shapes import shapes_evaluation, shapes_multicrop
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.clustering.deepcluster_v2 import DeepClusterV2
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=DeepClusterV2(examples=8192, clusters=(128, 128, 128), hidden=(512,)),
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Shapes(),
        views=Views(**dict(shapes_multicrop().entries), index=field("index")),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=2, weight_decay=0.01
        ),
        batch_size=256,
        epochs=14,
    )
