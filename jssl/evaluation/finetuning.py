"""Fine-tuning with MAE's recipe, on an experiment's own data and encoder."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from chex import ArrayTree

from jssl.augmentations.batchwise import cutmix, mixup
from jssl.augmentations.compose import Views, field
from jssl.config.experiment import Experiment
from jssl.core.layers import layer_factors
from jssl.core.ranges import (
    AboveZero,
    BelowOne,
    Count,
    Natural,
    NonNegative,
    Positive,
    Ranged,
    Several,
    Unit,
)
from jssl.errors import UserError
from jssl.evaluation.representations import first_view
from jssl.health.alarm import Monitored
from jssl.methods.base import Metrics, Outputs, Step
from jssl.methods.classifier import Classifier
from jssl.methods.siamese import Siamese
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead
from jssl.objectives.classification import accuracy, soft_cross_entropy
from jssl.training.optim import Optimizer


@dataclass(frozen=True)
class Tuning(Ranged):
    """A fine-tuning recipe; the defaults are MAE's for ViT-B (He et al. 2022, table 9).

    RandAugment is omitted: the input is the first view of the experiment's own recipe.

    Attributes:
      epochs: passes over the labelled split.
      learning_rate: base learning rate of AdamW at batch size 256.
      batch_size: batch size, at most half of the training split.
      weight_decay: weight decay, applied to matrices only.
      warmup_epochs: epochs of linear learning-rate warm-up.
      layer_decay: factor on the learning rate from each layer to the one below.
      last_blocks: number of final blocks trained besides the head; None for the whole encoder, 0
        for a linear probe with augmentation.
      drop_path: stochastic depth rate, for encoders that support it.
      smoothing: label smoothing.
      mixup: alpha of mixup; 0 for none.
      cutmix: alpha of CutMix; 0 for none. If both are on, each batch uses one of them with equal
        probability.
      mask: fraction of patches masked in a second branch that is distilled from the first; 0 for
        none ("Masking meets Supervision: A Strong Learning Alliance", MaskSub).
    """

    epochs: Positive = 100
    learning_rate: NonNegative = 5e-4
    batch_size: Count = 1024
    weight_decay: NonNegative = 0.05
    warmup_epochs: NonNegative = 5
    layer_decay: AboveZero = 0.75
    last_blocks: Natural | None = None
    drop_path: BelowOne = 0.1
    smoothing: Unit = 0.1
    mixup: NonNegative = 0.8
    cutmix: NonNegative = 1.0
    mask: BelowOne = 0.0


@dataclass(frozen=True)
class SoftLabels(Ranged):
    """Label smoothing, mixup and CutMix as a batch operation of `Views`.

    Attributes:
      classes: number of classes.
      smoothing: probability mass spread evenly over the classes.
      mixup: alpha of mixup; 0 for none.
      cutmix: alpha of CutMix; 0 for none.
    """

    classes: Several
    smoothing: Unit = 0.0
    mixup: NonNegative = 0.0
    cutmix: NonNegative = 0.0

    def __call__(self, key: jax.Array, views: dict[str, jax.Array]) -> dict[str, jax.Array]:
        """Mixes `image` and adds the soft labels `target`, float32 [B, classes]."""
        which, inner = jax.random.split(key)
        hard = jax.nn.one_hot(views["label"], self.classes)
        soft = hard * (1 - self.smoothing) + self.smoothing / self.classes
        mixed = []
        for mix, alpha in ((mixup, self.mixup), (cutmix, self.cutmix)):
            if alpha:
                made = mix(inner, views, names=("image",), alpha=alpha)
                facts = made[mix.__name__]
                share = facts["share"][:, None]
                target = soft * share + soft[facts["partner"]] * (1 - share)
                mixed.append((made["image"], target))
        image, target = mixed[0] if mixed else (views["image"], soft)
        if len(mixed) == 2:
            coin = jax.random.bernoulli(which)
            image, target = (jnp.where(coin, a, b) for a, b in zip(*mixed, strict=True))
        return views | {"image": image, "target": target}


@dataclass(frozen=True)
class Tuned(Classifier):
    """Fine-tuning with layer-wise learning rates, frozen layers and an optional masked branch.

    Attributes:
      classes: number of classes.
      decay: see `Tuning.layer_decay`.
      last_blocks: see `Tuning`.
      mask: see `Tuning`.
    """

    classes: Several = 1000
    decay: AboveZero = 1.0
    last_blocks: Natural | None = None
    mask: BelowOne = 0.0

    paper: ClassVar[str] = "Masked Autoencoders Are Scalable Vision Learners"

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and a linear classifier."""
        return Siamese(encoder, MLPHead((), self.classes))

    def forward(self, step: Step, views: dict[str, jax.Array]) -> Outputs:
        """`logits` [B, K], `target` [B, K] and, with a mask, `hidden` [B, K]."""
        before = step.batch_stats
        logits, _ = step.student(views["image"])
        outputs = {"logits": logits, "target": views["target"]}
        if self.mask:
            key, dropout = jax.random.split(jax.random.fold_in(step.key, 1))
            image = views["image"]
            count = step.net.encoder.num_tokens(image.shape[1:3])
            kept = max(1, round(count * (1 - self.mask)))
            order = jnp.argsort(jax.random.uniform(key, (len(image), count)), axis=1)

            def branch(module: object, x: jax.Array) -> jax.Array:
                features = module.encoder(x, keep=order[:, :kept], train=True)
                return module.projector(features.pooled, train=True)

            outputs["hidden"], _ = step.net.apply(
                {"params": step.params, **before},
                image,
                method=branch,
                rngs={"dropout": dropout},
                mutable=list(before),
            )
        return outputs

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Cross-entropy with soft labels, averaged with the loss of a masked branch."""
        logits, target = outputs["logits"], outputs["target"]
        loss = jnp.mean(soft_cross_entropy(logits, target))
        if self.mask:
            taught = jax.nn.softmax(jax.lax.stop_gradient(logits.astype(jnp.float32)))
            loss = (loss + jnp.mean(soft_cross_entropy(outputs["hidden"], taught))) / 2
        right = jnp.mean(accuracy(logits, jnp.argmax(target, axis=1)))
        return loss, {"accuracy": right}

    def scale_updates(self, step: Step, updates: ArrayTree) -> ArrayTree:
        """Multiplies the update of each layer by its learning-rate factor."""
        factors = layer_factors(updates, self.decay, self.last_blocks)
        return jax.tree.map(lambda update, factor: update * factor, updates, factors)

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """As `Classifier`; an encoder without trained blocks is declared frozen."""
        monitored = super().monitor(step, outputs)
        return monitored._replace(frozen=("encoder",)) if self.last_blocks == 0 else monitored


def tuned(experiment: Experiment, classes: int, train: int, settings: Tuning) -> Experiment:
    """The fine-tuning experiment that belongs to a self-supervised experiment.

    Args:
      experiment: the self-supervised one; its encoder, data, first view and preprocessing are kept.
      classes: number of classes.
      train: number of training examples.
      settings: the fine-tuning recipe.

    Returns:
      The experiment.

    Raises:
      UserError: a masked branch for an encoder that cannot drop tokens, or no view of the whole
        image.
    """
    encoder = experiment.encoder
    if hasattr(encoder, "drop_path") and settings.drop_path:
        encoder = encoder.clone(drop_path=settings.drop_path)
    if settings.mask and not hasattr(encoder, "num_tokens"):
        raise UserError(f"{type(encoder).__name__} has no tokens to hide: set mask=0")
    soft = SoftLabels(classes, settings.smoothing, settings.mixup, settings.cutmix)
    return dataclasses.replace(
        experiment,
        encoder=encoder,
        method=Tuned(
            classes=classes,
            decay=settings.layer_decay,
            last_blocks=settings.last_blocks,
            mask=settings.mask,
        ),
        views=Views(image=first_view(experiment.views), label=field("label"), batch=(soft,)),
        optimizer=Optimizer(
            "adamw",
            learning_rate=settings.learning_rate,
            warmup_epochs=settings.warmup_epochs,
            weight_decay=settings.weight_decay,
        ),
        batch_size=max(1, min(settings.batch_size, train // 2)),
        epochs=settings.epochs,
        expected=(),
    )
