"""BYOL on procedural shapes (Grill et al., 2020), without textures.

Command: jssl train image/byol_shapes. No published figure.

BYOL keeps what two views share most easily. On the textured set, or under the views of
`recipes.shapes`, that is texture, place and contrast: kNN of the texture rises and that of the
silhouette falls, with any momentum, optimizer or head that was tried. So textures are left out
here, and the views change the rest. It learns slowly: count on thousands of steps.
"""

from jssl.augmentations.recipes_shapes import shapes_moved, shapes_moved_evaluation
from jssl.cli import run_module
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.distillation.byol import BYOL
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=BYOL(momentum=0.98, hidden=512, out=128),
        encoder=ResNet(depth=10, stem="imagenet", width=0.25),
        data=Shapes(textures=("solid",)),
        views=shapes_moved(),
        preprocess=shapes_moved_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=128,
        epochs=94,
    )


if __name__ == "__main__":
    run_module(__spec__)
