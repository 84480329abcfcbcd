"""Joint-embedding methods on procedural shapes, named `image/FUNCTION`."""

from __future__ import annotations

import dataclasses
from typing import Any

from jssl.augmentations.batchwise import mix_views
from jssl.augmentations.compose import Views, field, repeat
from jssl.augmentations.recipes_shapes import shapes, shapes_evaluation, shapes_multicrop
from jssl.config.experiment import Experiment
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.encoders.vit import ViT
from jssl.methods.base import Method
from jssl.methods.clustering.deepcluster_v2 import DeepClusterV2
from jssl.methods.clustering.swav import SwAV
from jssl.methods.contrastive.moco_v2 import MoCoV2
from jssl.methods.contrastive.moco_v3 import MoCoV3
from jssl.methods.contrastive.nnclr import NNCLR
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.redundancy.barlow_twins import BarlowTwins
from jssl.methods.redundancy.lejepa import LeJEPA
from jssl.methods.redundancy.mixed_barlow_twins import MixedBarlowTwins
from jssl.methods.redundancy.t_regs import TREGS
from jssl.methods.redundancy.vicreg import VICReg
from jssl.methods.redundancy.w_mse import WMSE
from jssl.training.optim import Optimizer


def _resnet_study(method: Method, **changes: Any) -> Experiment:
    """The common settings, with some of them changed."""
    base = Experiment(
        method=method,
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Shapes(),
        views=shapes(),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=256,
        epochs=12,
    )
    return dataclasses.replace(base, **changes)


def _slow() -> Optimizer:
    """The common optimizer at a quarter of its rate."""
    return Optimizer(
        "adamw", learning_rate=5e-4, scaling="none", warmup_epochs=1, weight_decay=0.01
    )


def barlow_twins_shapes() -> Experiment:
    """Barlow Twins on procedural shapes (Zbontar et al., 2021).

    Command: jssl train image/barlow_twins_shapes. No published figure.
    """
    return _resnet_study(BarlowTwins(scale=0.1, hidden=(512,), out=512))


def lejepa_shapes() -> Experiment:
    """LeJEPA on procedural shapes (Balestriero & LeCun, 2025).

    Command: jssl train image/lejepa_shapes. No published figure.
    """
    return _resnet_study(LeJEPA(slices=256, hidden=(512,), out=64))


def mixed_barlow_twins_shapes() -> Experiment:
    """Mixed Barlow Twins on procedural shapes (Bandara et al., 2023).

    Command: jssl train image/mixed_barlow_twins_shapes. No published figure.
    """
    return _resnet_study(
        MixedBarlowTwins(scale=0.1, hidden=(512,), out=512),
        views=Views(**dict(shapes().entries), batch=(mix_views,)),
    )


def moco_v2_shapes() -> Experiment:
    """MoCo v2 on procedural shapes (Chen et al., 2020b).

    Command: jssl train image/moco_v2_shapes. No published figure.
    """
    return _resnet_study(
        MoCoV2(queue=4096, momentum=0.98, momentum_end=0.99, symmetric=True, hidden=(512,))
    )


def moco_v3_shapes() -> Experiment:
    """MoCo v3 on procedural shapes (Chen et al., 2021).

    Command: jssl train image/moco_v3_shapes. No published figure.
    """
    return Experiment(
        method=MoCoV3(momentum=0.98, hidden=(512, 512), out=128, predictor=512),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4),
        data=Shapes(),
        views=shapes(),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=2, weight_decay=0.05
        ),
        batch_size=256,
        epochs=20,
    )


def nnclr_shapes() -> Experiment:
    """NNCLR on procedural shapes (Dwibedi et al., 2021).

    Command: jssl train image/nnclr_shapes. No published figure.
    """
    return _resnet_study(NNCLR(temperature=0.2, queue=4096, hidden=(512,), out=128, predictor=512))


def simclr_shapes() -> Experiment:
    """SimCLR on procedural shapes (Chen et al., 2020): invariance to colour and place, by design.

    Command: jssl train image/simclr_shapes. No published figure.
    """
    return _resnet_study(SimCLR(temperature=0.2, hidden=(512,), out=128), epochs=24)


def t_regs_shapes() -> Experiment:
    """T-REGS on procedural shapes (Mordacq et al., 2025).

    Command: jssl train image/t_regs_shapes. No published figure.
    """
    return _resnet_study(TREGS(hidden=(512,), out=256), optimizer=_slow())


def vicreg_shapes() -> Experiment:
    """VICReg on procedural shapes (Bardes et al., 2022).

    Command: jssl train image/vicreg_shapes. No published figure.
    """
    return _resnet_study(VICReg(hidden=(512,), out=512))


def w_mse_shapes() -> Experiment:
    """W-MSE on procedural shapes (Ermolov et al., 2021).

    Command: jssl train image/w_mse_shapes. No published figure.

    At several times this rate the features keep two or three dimensions, while the whitened
    embeddings do not show it.
    """
    return _resnet_study(
        WMSE(hidden=(512,), out=32),
        views=Views(views=repeat(dict(shapes().entries)["a"], 2)),
        optimizer=_slow(),
    )


def swav_shapes() -> Experiment:
    """SwAV on procedural shapes (Caron et al., 2020): a small ResNet, large and small crops.

    Command: jssl train image/swav_shapes. No published figure.
    """
    return _resnet_study(
        SwAV(prototypes=256, hidden=(512,), queue=1024, queue_epochs=2), views=shapes_multicrop()
    )


def deepcluster_v2_shapes() -> Experiment:
    """DeepCluster-v2 on procedural shapes (Caron et al., 2020): a small ResNet, six crops.

    Command: jssl train image/deepcluster_v2_shapes. No published figure.
    """
    return _resnet_study(
        DeepClusterV2(examples=8192, clusters=(128, 128, 128), hidden=(512,)),
        views=Views(**dict(shapes_multicrop().entries), index=field("index")),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=2, weight_decay=0.01
        ),
        epochs=14,
    )
