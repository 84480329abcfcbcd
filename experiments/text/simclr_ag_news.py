"""SimCLR (Chen et al., 2020) on the topics of AG News, as pieces of words.

Command: jssl train text/simclr_ag_news --set data.train=DIR/train.csv data.test=DIR/test.csv
data.pieces.path=DIR/vocabulary.txt. No published figure. It needs `pip install jssl[text]` and a
vocabulary of 4000 pieces, a file of its own that stays beside its runs. To learn one:

python -c "from jssl.config.experiment import load; load('text/simclr_ag_news').data.learn(4000)"

in the folder of train.csv writes vocabulary.txt. The benchmark has the articles of test.csv alone:
--set data.train=DIR/test.csv data.test=None epochs=15. On its validation split the factor of the
vectors was chosen, among 1, 8, 16 and 32: without it those of rare pieces hardly move.
"""

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.text import crop_symbols, delete_symbols
from jssl.config.experiment import Experiment
from jssl.data.wordpiece import PiecedTexts, WordPiece
from jssl.encoders.text import SymbolTransformer
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    one = pipeline(crop_symbols, delete_symbols, field="text")
    return Experiment(
        method=SimCLR(temperature=0.1, hidden=(128,), out=64),
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
        views=Views(a=one, b=one),
        preprocess=pipeline(field="text"),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=5,
    )
