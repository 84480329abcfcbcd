"""Motion statistics (Wang et al., 2019) on moving silhouettes: where, whither and when they move.

Command: jssl train video/motion_statistics_shapes. No published figure.

After 320 steps the loss was 1.95, where that of a constant with equal chances is 2.06, and a probe
on validation had what it has of the untrained encoder (57.8 % both, one seed); regression in
tubelets of two frames was at its trivial loss after 192. Hence the longer run.
"""

from jssl.augmentations.compose import Views
from jssl.augmentations.motion import label_counts
from jssl.augmentations.video import clip_evaluation, motion_view
from jssl.data.clips import MovingShapes
from jssl.encoders.video import VideoTransformer
from jssl.experiment import Experiment
from jssl.methods.pretext.motion_statistics import MotionStatistics
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MotionStatistics(values=label_counts(8), loss="classification"),
        encoder=VideoTransformer(width=64, depth=3, heads=4, tubelet=4, patch=8, pool="mean_max"),
        data=MovingShapes(),
        views=Views(clip=motion_view(8)),
        preprocess=clip_evaluation(8),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=30,
    )
