# Written by tools/write_front.py.

from jssl import augmentations as augmentations
from jssl import data as data
from jssl import encoders as encoders
from jssl import evaluation as evaluation
from jssl import methods as methods
from jssl import objectives as objectives
from jssl import testing as testing
from jssl.api import evaluate as evaluate
from jssl.api import load as load
from jssl.api import train as train
from jssl.config.experiment import Experiment as Experiment
from jssl.errors import UserError as UserError
from jssl.interop.encoder import load_encoder as load_encoder
from jssl.training.bound import Bound as Bound
from jssl.training.bound import bind as bind
from jssl.training.optim import Optimizer as Optimizer

__version__: str
