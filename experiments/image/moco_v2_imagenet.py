"""MoCo v2 on ImageNet-1k (Chen et al., 2020b), ResNet-50 at the paper's settings.

SGD at 0.03, batch 256, 200 epochs, bfloat16; mmselfsup and the authors' repository report 67.5
top-1 (linear).
Command: jssl train image/moco_v2_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import evaluation, moco_v2
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.contrastive.moco_v2 import MoCoV2
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MoCoV2(dtype="bfloat16"),
        encoder=ResNet(depth=50, stem="imagenet", dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=moco_v2(224),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer("sgd", learning_rate=0.03, weight_decay=1e-4, decay_vectors=True),
        batch_size=256,
        epochs=200,
        expected=(("linear", 0.675, "facebookresearch/moco, ResNet-50, 200 epochs"),),
    )
