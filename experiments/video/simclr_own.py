"""SimCLR (Chen et al., 2020) on a folder of your own videos, small enough for two cores.

Command: jssl train video/simclr_own --data DIR
Eight frames of 64 pixels a clip; no flip in the views, since a mirror image is another action in
some data sets. No published figure.
"""

from jssl.augmentations.video import clip_evaluation, clip_views
from jssl.config.experiment import Experiment
from jssl.data.file_list import FileList
from jssl.data.video_list import VideoFiles
from jssl.encoders.video import VideoTransformer
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimCLR(temperature=0.2, hidden=(256,), out=64),
        encoder=VideoTransformer(width=96, depth=4, heads=3, tubelet=2, patch=16),
        data=VideoFiles(FileList("videos"), frames=16, stride=2, size=64, clips=4),
        views=clip_views(8, 64, scale=(0.3, 1.0), strides=(1, 2), invert=0.0),
        preprocess=clip_evaluation(8),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=2, weight_decay=0.05
        ),
        batch_size=32,
        epochs=30,
    )
