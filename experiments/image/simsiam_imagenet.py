"""SimSiam on ImageNet-1k (Chen & He, 2021), ResNet-50 at the paper's settings.

SGD at 0.05 x batch / 256, batch 512, 100 epochs, bfloat16; the paper reports 68.1 top-1 (linear).
Command: jssl train image/simsiam_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import evaluation, simsiam
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.distillation.simsiam import SimSiam
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimSiam(dtype="bfloat16"),
        encoder=ResNet(depth=50, stem="imagenet", zero_init_residual=True, dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=simsiam(224),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer("sgd", learning_rate=0.05, weight_decay=1e-4, decay_vectors=True),
        batch_size=512,
        epochs=100,
        expected=(
            ("linear", 0.681, "Chen & He, 2021, ResNet-50, 100 epochs"),
            ("linear", 0.6830, "mmselfsup, ResNet-50, 100 epochs"),
        ),
    )
