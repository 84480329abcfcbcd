"""Motion statistics (Wang et al., 2019) on moving silhouettes: where, whither and when they move.

Command: jssl train video/motion_statistics_shapes. No published figure.
"""

from jssl.augmentations.compose import Views
from jssl.augmentations.motion import label_counts
from jssl.augmentations.video import clip_evaluation, motion_view
from jssl.cli import run_module
from jssl.data.clips import MovingShapes
from jssl.encoders.video import VideoTransformer
from jssl.experiment import Experiment
from jssl.methods.pretext.motion_statistics import MotionStatistics
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MotionStatistics(values=label_counts(8)),
        encoder=VideoTransformer(width=64, depth=3, heads=4, tubelet=2, patch=8),
        data=MovingShapes(),
        views=Views(clip=motion_view(8)),
        preprocess=clip_evaluation(8),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=8,
    )


if __name__ == "__main__":
    run_module(__spec__)
