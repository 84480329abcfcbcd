"""SEER (Goyal et al., 2021, 2022): SwAV on a RegNetY of 1.3 or, by preset, 10 billion parameters.

The authors train on a billion uncurated images that nobody else has; ImageNet-1k stands in.
The recipe is that of the authors' program (vissl, pretrain/seer/models/regnet10B.yaml): 2 crops of
160 and 4 of 96 pixels, 16000 prototypes, 10 Sinkhorn iterations at 0.03, a projector of 3 layers
without normalisation, LARS at 0.3 x batch / 256, weight decay 1e-5, one pass over the data (here
100), with parameters split over all chips and each block computed again for its gradient.
The widths of 10B can be shared by 2 chips, not by 4; 10B_1024 has groups of 1024 channels.
Command: jssl train image/seer_imagenet --fsdp 64 --set encoder.variant=10B_1024 data.data_dir=DIR
"""

from jssl.augmentations.recipes import evaluation, swav_multicrop
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.regnet import RegNet
from jssl.methods.clustering.swav import SwAV
from jssl.training.optim import Optimizer

PARTIAL = (
    "A plan and a traced smoke run: no net of these sizes was trained, and the uncurated images it "
    "is about are not there."
)


def get_experiment() -> Experiment:
    return Experiment(
        method=SwAV(
            prototypes=16_000,
            iterations=10,
            epsilon=0.03,
            norm="none",
            hidden=(8192, 8192),
            out=256,
            freeze_epochs=0.0,
            dtype="bfloat16",
        ),
        encoder=RegNet("256GF", scan=True, remat="full", dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=swav_multicrop(160, local=96, crops=4),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer(
            "lars", learning_rate=0.3, warmup_epochs=1, weight_decay=1e-5, end=1e-3
        ),
        batch_size=8192,
        epochs=100,
        expected=(
            ("linear of 10B", 0.798, "facebookresearch/vissl, SEER RG-10B, linear on ImageNet-1k"),
            ("fine-tuned", 0.852, "vissl, projects/SEER: RG-256GF, ImageNet-1k at 384 pixels"),
            ("fine-tuned of 10B", 0.858, "vissl, projects/SEER: RG-10B, ImageNet-1k at 384 pixels"),
        ),
    )
