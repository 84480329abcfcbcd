"""A run of seconds for the tests of the command line, written as a user would write one."""

from pathlib import Path

FILE = '''"""SimCLR on a few dozen images, by a person who has files of their own."""

import dataclasses

import jax
import jax.numpy as jnp

from jssl.augmentations.compose import Views, pipeline
from jssl.data import Digits, ImageFolder, Npz
from jssl.encoders.mlp import MLP
from jssl.config.experiment import Experiment
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


@dataclasses.dataclass(frozen=True)
class Own(SimCLR):
    """SimCLR that breaks at a step."""

    breaks_at: int = -1

    def objective(self, step, outputs):
        loss, metrics = super().objective(step, outputs)
        return jnp.where(step.progress.step == self.breaks_at, jnp.nan, loss), metrics


def noisy(key, image):
    return image + 0.1 * jax.random.normal(key, image.shape)


def get_experiment():
    return Experiment(
        method=Own(hidden=(16,), out=8, norm="none"),
        encoder=MLP(hidden=(16,), norm="none"),
        data=DATA,
        views=Views(a=pipeline(noisy), b=pipeline(noisy)),
        preprocess=pipeline(),
        optimizer=Optimizer("sgd", learning_rate=0.01, scaling="none"),
        batch_size=16,
        epochs=0.12,
    )
'''


def write_experiment(folder: Path, data: str = "Digits()", name: str = "own_run") -> Path:
    """Writes the experiment of `FILE` with some data; 9 steps on the digits."""
    path = folder / f"{name}.py"
    path.write_text(FILE.replace("DATA", data))
    return path
