"""Encoders: Linen modules from an input [B, ...] to :class:`Features`.

Every encoder is called as ``encoder(x, *, mask=None, keep=None, train)``.
"""

from jssl.encoders.features import Features
from jssl.encoders.graph import GNN
from jssl.encoders.mlp import MLP
from jssl.encoders.resnet import ResNet
from jssl.encoders.series import TCN, SeriesTransformer
from jssl.encoders.table import TableTransformer
from jssl.encoders.text import SymbolTransformer
from jssl.encoders.video import VideoTransformer
from jssl.encoders.vit import ViT, vit
from jssl.encoders.waveform import WaveformTransformer

__all__ = [
    "GNN",
    "MLP",
    "TCN",
    "Features",
    "ResNet",
    "SeriesTransformer",
    "SymbolTransformer",
    "TableTransformer",
    "ViT",
    "VideoTransformer",
    "WaveformTransformer",
    "vit",
]
