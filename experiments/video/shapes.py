"""Methods on procedural clips, named `video/FUNCTION`."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from jssl.augmentations.compose import Views
from jssl.augmentations.mask_blocks import tube_mask
from jssl.augmentations.motion import label_counts
from jssl.augmentations.video import clip_alone, clip_evaluation, clip_views, motion_view, odd_view
from jssl.config.experiment import Experiment
from jssl.data.clips import MovingShapes
from jssl.encoders.video import VideoTransformer
from jssl.methods.base import Method
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.masked.mae import MAE
from jssl.methods.pretext.motion_statistics import MotionStatistics
from jssl.methods.pretext.odd_one_out import O3N
from jssl.training.optim import Optimizer


def _study(method: Method, **changes: Any) -> Experiment:
    """The common settings, with some of them changed."""
    base = Experiment(
        method=method,
        encoder=VideoTransformer(width=64, depth=3, heads=4, tubelet=4, patch=8, pool="mean_max"),
        data=MovingShapes(),
        views=Views(
            clip=clip_alone(8),
            mask=partial(tube_mask, frames=2, tokens=64, ratio=0.75),
        ),
        preprocess=clip_evaluation(8),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=8,
    )
    return dataclasses.replace(base, **changes)


def mae_shapes() -> Experiment:
    """VideoMAE (Tong et al., 2022) on moving silhouettes: MAE, unchanged, with tube masks.

    Command: jssl train video/mae_shapes. No published figure.

    The paper hides 90 % of 196 places; here it is 75 % of 64. In patches of 8 pixels, of which
    there are 16, the prediction got no better than the mean patch in 960 steps.

    Nor does it here: a patch of 64 values, normalised, is missed by its mean by 63/64 = 0.9844,
    which is where half of the patches hidden ends, too, in 8 epochs. On validation (seed 0, linear
    probe; untrained 43.4) that gives 46.5; three quarters hidden and 20 epochs end at 0.983 and
    give 51.6. Pixels as they are can be learned (0.25 in 20 epochs), but as brightness and place
    rather than motion: 24.2, or 37.1 with half of the patches hidden.
    """
    return _study(
        MAE(decoder_width=48, decoder_depth=1, decoder_heads=4),
        encoder=VideoTransformer(width=64, depth=3, heads=4, tubelet=4, patch=4),
        optimizer=Optimizer(
            "adamw",
            learning_rate=2e-3,
            scaling="none",
            warmup_epochs=1,
            weight_decay=0.01,
            beta2=0.95,
        ),
    )


def motion_statistics_shapes() -> Experiment:
    """Motion statistics (Wang et al., 2019) on moving silhouettes: where and how they move.

    Command: jssl train video/motion_statistics_shapes. No published figure.

    After 320 steps the loss was 1.95, where that of a constant with equal chances is 2.06, and a
    probe on validation had what it has of the untrained encoder (57.8 % both, one seed); regression
    in tubelets of two frames was at its trivial loss after 192. Hence the longer run.
    """
    return _study(
        MotionStatistics(values=label_counts(8), loss="classification"),
        views=Views(clip=motion_view(8)),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        epochs=30,
    )


def odd_one_out_shapes() -> Experiment:
    """O3N (Fernando et al., 2017) on moving silhouettes: which of four stretches runs wrongly?

    Command: jssl train video/odd_one_out_shapes. No published figure.
    """
    return _study(
        O3N(parts=4, fusion="concatenation", part=64, hidden=128),
        encoder=VideoTransformer(width=64, depth=3, heads=4, tubelet=2, patch=8),
        views=Views(clip=odd_view(4, 8)),
    )


def simclr_shapes() -> Experiment:
    """SimCLR (Chen et al., 2020), unchanged, on two stretches of a clip of moving silhouettes.

    Command: jssl train video/simclr_shapes. No published figure.
    """
    return _study(
        SimCLR(temperature=0.2, hidden=(256,), out=64), views=clip_views(8, 32), epochs=10
    )
