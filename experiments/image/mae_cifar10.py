"""MAE on CIFAR-10 (He et al., 2022), a ViT-Ti with patches of 2 pixels, after IcarusWizard/MAE.

AdamW at 1.5e-4 x batch / 256, batch 4096, 2000 epochs of which 200 warm-up, decoder of 4 blocks;
that repository reports 89.77 after fine-tuning (74.13 from scratch), no frozen probe.
Command: jssl train image/mae_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, evaluation, mae
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.masked.mae import MAE
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MAE(decoder_width=192, decoder_depth=4, decoder_heads=3, normalize_target=False),
        encoder=ViT("Ti", patch_size=2, positions="learned"),
        data=TFDS("cifar10"),
        views=mae(32, tokens=256, ratio=0.75, stats=CIFAR10),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "adamw", learning_rate=1.5e-4, warmup_epochs=200, weight_decay=0.05, beta2=0.95
        ),
        batch_size=4096,
        epochs=2000,
        expected=(("fine-tuned", 0.8977, "IcarusWizard/MAE, 2000 epochs"),),
    )
