"""Data: sources with random access, explicit splits, and two paths that give the same batches."""

from jssl.data.activity import PhoneAndWatch
from jssl.data.arrays import Arrays
from jssl.data.audio import ESC, SpokenDigits, Tones
from jssl.data.captions import CaptionedShapes, COCOCaptions
from jssl.data.clips import MovingShapes
from jssl.data.clouds import Clouds, ModelNet
from jssl.data.device import LIMIT_BYTES, DeviceData, fits, gather
from jssl.data.digits import Digits
from jssl.data.folder import ImageFolder
from jssl.data.forecasting import ETT, Seasons
from jssl.data.graphs import TU, CitationGraph, Motifs
from jssl.data.npz import Npz
from jssl.data.order import batch_indices, steps_per_epoch, window_indices
from jssl.data.part import Part
from jssl.data.radar import RadHAR
from jssl.data.radar_clips import RadHARClips
from jssl.data.sentence_pairs import PhrasePairs, SentencePairs
from jssl.data.sequences import FLIP, Planted, Sequences
from jssl.data.series import UCR, Waves
from jssl.data.shapes import Shapes
from jssl.data.solids import Solids
from jssl.data.source import (
    ArraySource,
    Source,
    Splits,
    SubsetSource,
    carve_validation,
    entry,
    fingerprint,
    labels,
    read_all,
)
from jssl.data.stream import StepSource, Stream
from jssl.data.tables import Factors, Table
from jssl.data.text import Phrases, Texts
from jssl.data.tfds import TFDS
from jssl.data.video import Clips
from jssl.data.video_folder import VideoFolder

__all__ = [
    "ESC",
    "ETT",
    "FLIP",
    "LIMIT_BYTES",
    "TFDS",
    "TU",
    "UCR",
    "ArraySource",
    "Arrays",
    "COCOCaptions",
    "CaptionedShapes",
    "CitationGraph",
    "Clips",
    "Clouds",
    "DeviceData",
    "Digits",
    "Factors",
    "ImageFolder",
    "ModelNet",
    "Motifs",
    "MovingShapes",
    "Npz",
    "Part",
    "PhoneAndWatch",
    "PhrasePairs",
    "Phrases",
    "Planted",
    "RadHAR",
    "RadHARClips",
    "Seasons",
    "SentencePairs",
    "Sequences",
    "Shapes",
    "Solids",
    "Source",
    "Splits",
    "SpokenDigits",
    "StepSource",
    "Stream",
    "SubsetSource",
    "Table",
    "Texts",
    "Tones",
    "VideoFolder",
    "Waves",
    "batch_indices",
    "carve_validation",
    "entry",
    "fingerprint",
    "fits",
    "gather",
    "labels",
    "read_all",
    "steps_per_epoch",
    "window_indices",
]
