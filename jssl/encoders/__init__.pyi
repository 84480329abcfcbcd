# Written by tools/write_front.py.

from jssl.encoders.adapters import NNXEncoder as NNXEncoder
from jssl.encoders.cells import CellTransformer as CellTransformer
from jssl.encoders.features import Features as Features
from jssl.encoders.graph import GNN as GNN
from jssl.encoders.mlp import MLP as MLP
from jssl.encoders.points import PointNet as PointNet
from jssl.encoders.points import PointTransformer as PointTransformer
from jssl.encoders.regnet import RegNet as RegNet
from jssl.encoders.resnet import ResNet as ResNet
from jssl.encoders.series import TCN as TCN
from jssl.encoders.series import CrossSeriesTransformer as CrossSeriesTransformer
from jssl.encoders.series import JointSeriesTransformer as JointSeriesTransformer
from jssl.encoders.series import SeriesTransformer as SeriesTransformer
from jssl.encoders.table import TableTransformer as TableTransformer
from jssl.encoders.text import SymbolTransformer as SymbolTransformer
from jssl.encoders.tokens import TokenEncoder as TokenEncoder
from jssl.encoders.video import VideoTransformer as VideoTransformer
from jssl.encoders.vit import ViT as ViT
from jssl.encoders.vit import vit as vit
from jssl.encoders.waveform import WaveformTransformer as WaveformTransformer
from jssl.encoders.waveform import small_waveform as small_waveform
