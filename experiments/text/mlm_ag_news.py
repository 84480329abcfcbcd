"""Masked language modelling (Devlin et al., 2019) on the topics of AG News, as pieces of words.

Command: jssl train text/mlm_ag_news --set data.train=DIR/train.csv data.test=DIR/test.csv
data.pieces.path=DIR/vocabulary.txt. No published figure. It needs `pip install jssl[text]` and a
vocabulary of 4000 pieces, a file of its own that stays beside its runs. To learn one:

python -c "from jssl.config.experiment import load; load('text/mlm_ag_news').data.learn(4000)"

in the folder of train.csv writes vocabulary.txt. The benchmark has the articles of test.csv alone:
--set data.train=DIR/test.csv data.test=None epochs=15. On its validation split the factor of the
vectors was chosen, among 1, 8, 16 and 32: without it those of rare pieces hardly move.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.text import symbol_mask
from jssl.config.experiment import Experiment
from jssl.data.wordpiece import PiecedTexts, WordPiece
from jssl.encoders.text import SymbolTransformer
from jssl.methods.masked.mlm import MaskedLM
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MaskedLM(),
        encoder=SymbolTransformer(
            width=64, depth=3, heads=4, vocabulary=4001, embedding_scale=32.0
        ),
        data=PiecedTexts(
            "train.csv",
            test="test.csv",
            text=(1, 2),
            label=0,
            delimiter=",",
            length=32,
            pieces=WordPiece("vocabulary.txt"),
        ),
        views=Views(text=pipeline(field="text"), mask=partial(symbol_mask, ratio=0.15)),
        preprocess=pipeline(field="text"),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=5,
    )
