"""SimCLR (Chen et al., 2020), unchanged, on a folder of video files (`jssl.data.VideoFolder`).

Command: jssl train video/simclr_files --set data.path=DIR. No published figure. There is no flip
in the views, since a mirror image is another action in some data sets.
"""

from jssl.augmentations.video import clip_evaluation, clip_views
from jssl.config.experiment import Experiment
from jssl.data.video_folder import VideoFolder
from jssl.encoders.video import VideoTransformer
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimCLR(temperature=0.2, hidden=(512,), out=128),
        encoder=VideoTransformer(width=192, depth=6, heads=3, tubelet=2, patch=16),
        data=VideoFolder("videos", frames=16, stride=4, size=112, clips=4),
        views=clip_views(8, 112, scale=(0.3, 1.0), strides=(1, 2), invert=0.0),
        preprocess=clip_evaluation(8),
        optimizer=Optimizer("adamw", learning_rate=5e-4, warmup_epochs=5, weight_decay=0.05),
        batch_size=64,
        epochs=100,
    )
